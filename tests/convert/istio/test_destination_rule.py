"""What each field of a DestinationRule becomes, and what is said of those that cannot."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib.convert import Imported, import_istio


def read(policy: str) -> Imported:
    """What a DestinationRule of `users` with this traffic policy comes to."""
    text = (
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: u}, "
        f"spec: {{host: users, trafficPolicy: {{{policy}}}}}}}"
    )
    return import_istio([("f", text.encode())])


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("loadBalancer: {simple: ROUND_ROBIN}", {"balancer": {"name": "round_robin"}}),
        ("loadBalancer: {simple: RANDOM}", {"balancer": {"name": "random"}}),
        ("loadBalancer: {simple: LEAST_CONN}", {"balancer": {"name": "least_request"}}),
        (
            "loadBalancer: {consistentHash: {useSourceIp: true}}",
            {"balancer": {"name": "ring_hash", "key": {"client_ip": True}}},
        ),
        (
            "loadBalancer: {consistentHash: {httpQueryParameterName: u, minimumRingSize: 9}}",
            {"balancer": {"name": "ring_hash", "key": {"query": "u"}, "minimum_ring_size": 9}},
        ),
        (
            "loadBalancer: {consistentHash: {httpCookie: {name: u}, maglev: {tableSize: 251}}}",
            {"balancer": {"name": "maglev", "key": {"cookie": "u"}, "table_size": 251}},
        ),
        (
            "loadBalancer: {simple: RANDOM, warmupDurationSecs: 20s}",
            {"balancer": {"name": "random"}, "slow_start": {"window": "20s"}},
        ),
        ("connectionPool: {http: {http2MaxRequests: 5}}", {"bulkhead": {"max_concurrency": 5}}),
        ("connectionPool: {http: {http2MaxRequests: 0}}", {}),
        (
            "outlierDetection: {consecutive5xxErrors: 0}",
            {"breaker": {"consecutive_failures": None}},
        ),
        (
            "outlierDetection: {consecutiveGatewayErrors: 3, consecutive5xxErrors: 0}",
            {"breaker": {"consecutive_failures": 3}},
        ),
        ("outlierDetection: {baseEjectionTime: 10s}", {"breaker": {"break_duration": "10s"}}),
        ("outlierDetection: {maxEjectionPercent: 10}", {"outlier": {"max_ejection_ratio": 0.1}}),
        ("retryBudget: {percent: 25}", {"retry": {"budget": {"ratio": 0.25}}}),
    ],
)
def test_a_policy_is_carried_over(policy: str, expected: Any) -> None:
    """What Istio does for a host is done for the service."""
    assert expected == read(policy).document["services"]["users"]


@pytest.mark.parametrize(
    ("policy", "path", "lost"),
    [
        ("loadBalancer: {simple: PASSTHROUGH}", "loadBalancer.simple", True),
        ("loadBalancer: {simple: UNSPECIFIED}", "loadBalancer.simple", True),
        (
            "loadBalancer: {localityLbSetting: {enabled: true}}",
            "loadBalancer.localityLbSetting",
            True,
        ),
        (
            "loadBalancer: {consistentHash: {minimumRingSize: 1}}",
            "loadBalancer.consistentHash",
            True,
        ),
        (
            "loadBalancer: {consistentHash: {httpHeaderName: a, minimumRingSize: 1, maglev: {}}}",
            "loadBalancer.consistentHash.minimumRingSize",
            True,
        ),
        (
            "loadBalancer: {consistentHash: {httpHeaderName: a, maglev: {tableSize: 4}}}",
            "loadBalancer.consistentHash",
            True,
        ),
        (
            "loadBalancer: {consistentHash: {httpCookie: {name: a, ttl: 5s}}}",
            "loadBalancer.consistentHash.httpCookie.ttl",
            True,
        ),
        ("loadBalancer: {warmup: {duration: 5s, minimumPercent: 0}}", "loadBalancer.warmup", True),
        ("connectionPool: {tcp: {maxConnections: 1}}", "connectionPool.tcp.maxConnections", True),
        ("connectionPool: {http: {maxRetries: 1}}", "connectionPool.http.maxRetries", True),
        ("connectionPool: {http: {http2MaxRequests: -1}}", "connectionPool.http", True),
        (
            "outlierDetection: {consecutiveGatewayErrors: 3}",
            "outlierDetection.consecutiveGatewayErrors",
            False,
        ),
        (
            "outlierDetection: {consecutive5xxErrors: 3, consecutiveGatewayErrors: 1}",
            "outlierDetection.consecutiveGatewayErrors",
            True,
        ),
        (
            "outlierDetection: {splitExternalLocalOriginErrors: true}",
            "outlierDetection.splitExternalLocalOriginErrors",
            True,
        ),
        ("retryBudget: {minRetryConcurrency: 1}", "retryBudget.minRetryConcurrency", True),
        ("retryBudget: {percent: 250}", "retryBudget", True),
        ("tls: {mode: SIMPLE}", "tls", True),
        ("portLevelSettings: [{port: {number: 1}}]", "portLevelSettings", True),
        ("tunnel: {targetHost: a}", "tunnel", True),
        ("proxyProtocol: {version: V2}", "proxyProtocol", True),
    ],
)
def test_what_cannot_be_carried_over_is_reported(policy: str, path: str, lost: bool) -> None:
    """Every other field is told, with its place."""
    findings = {each.path: each for each in read(policy).findings}
    assert lost == findings[f"spec.trafficPolicy.{path}"].lost


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ("{host: '*.shop', trafficPolicy: {}}", "spec"),
        ("{host: a, exportTo: ['.']}", "spec.exportTo"),
        ("{host: a, workloadSelector: {matchLabels: {a: b}}}", "spec.workloadSelector"),
        ("{host: a, subsets: [{name: v1, labels: {version: v1}}]}", "spec.subsets[0]"),
        ("{host: a, subsets: [{labels: {version: v1}}]}", "spec.subsets[0]"),
        ("{subsets: []}", "spec"),
    ],
)
def test_what_stands_beside_the_policy_is_reported(spec: str, path: str) -> None:
    """A rule for many hosts, and subsets that nobody goes to, have no place in a document."""
    text = f"{{apiVersion: networking.istio.io/v1, kind: DestinationRule, spec: {spec}}}"
    assert path in {each.path for each in import_istio([("f", text.encode())]).findings}
