"""
Istio's DestinationRule: the policies of a host, and its subsets.
"""

from __future__ import annotations

from .._part import Part
from .._text import duration_text
from ._balancing import read_balancing
from ._draft import Draft, Host, Tree
from ._resources import Resource

_POLICY = {
    "portLevelSettings": ("a service has one port", "a service for each port"),
    "tunnel": ("endpoints are called directly", "the option `proxy` of a client"),
    "proxyProtocol": ("connections begin with HTTP", ""),
    "tls": (
        "how TLS is spoken is an option of the client, and whether, is told by the URL",
        "`https` in the URLs of endpoints, and `verify` and `cert` of the client",
    ),
}
_TCP = {
    "maxConnections": ("connections are an option of the client", "`limits` of the client"),
    "connectTimeout": (
        "the time to connect is part of the attempt's",
        "`attempt_timeout`, or `timeout` of the client",
    ),
    "tcpKeepalive": ("connections are an option of the client", ""),
    "maxConnectionDuration": ("connections are an option of the client", "`limits`"),
    "idleTimeout": ("connections are an option of the client", "`limits` of the client"),
}
_HTTP = {
    "maxRetries": ("retries have a budget, not a number at once", "`retry.budget`"),
    "maxRequestsPerConnection": ("connections are an option of the client", ""),
    "idleTimeout": ("connections are an option of the client", "`limits` of the client"),
    "h2UpgradePolicy": ("the protocol is an option of the client", "`http2` of the client"),
    "useClientProtocol": ("the protocol is an option of the client", "`http2` of the client"),
    "maxConcurrentStreams": ("connections are an option of the client", ""),
    "http2KeepAlive": ("connections are an option of the client", ""),
}
_OUTLIER = {
    "splitExternalLocalOriginErrors": ("all failures count together", ""),
    "consecutiveLocalOriginFailures": (
        "all failures count together",
        "`breaker.consecutive_failures`",
    ),
    "outlierDetectionHttpErrorCodes": ("which statuses are failures is fixed", ""),
}


def read_subsets(resource: Resource, draft: Draft) -> Host | None:
    """Enter the subsets of *resource* in *draft*; the host that it is about."""
    spec = resource.spec
    host = draft.find(spec, "host", resource.namespace)
    if host is None:
        spec.lose("", "it is about no single service", "`defaults`")
        return None
    for subset in spec.parts("subsets"):
        name = subset.text("name")
        labels = subset.pairs("labels")
        if name:
            draft.define(host, name, labels)
    return host


def read_destination_rule(resource: Resource, host: Host, draft: Draft) -> None:
    """Enter the policies of *resource* in *draft*, and all else in its account."""
    spec = resource.spec
    spec.lose("exportTo", "a document is of one application, and seen by nobody else")
    spec.lose("workloadSelector", "a document is of one application", "a document for each")
    for subset in spec.parts("subsets"):
        _subset(subset, host, draft)
    policy = spec.part("trafficPolicy")
    if policy is None:
        return
    for key, (why, nearest) in _POLICY.items():
        policy.lose(key, why, nearest)
    read_balancing(policy, host, draft)
    _pool(policy, host, draft)
    _outlier(policy, host, draft)
    _budget(policy, host, draft)


def _subset(subset: Part, host: Host, draft: Draft) -> None:
    subset.lose(
        "trafficPolicy",
        "policies are of a service, not of its subsets",
        "`retry`, `hedge` and `breaker` of the routes to it",
    )
    name = subset.text("name")
    if not name or not draft.asked(host, name):
        subset.lose("", "no route that was read goes to it")
    elif subset.pairs("labels"):
        subset.lose(
            "labels",
            "they are labels of pods, and EndpointSlices tell those of the Service",
            "a Service for each version that has them, or endpoints with `metadata`",
            lost=False,
        )


def _pool(policy: Part, host: Host, draft: Draft) -> None:
    pool = policy.part("connectionPool")
    if pool is None:
        return
    for key, table in (("tcp", _TCP), ("http", _HTTP)):
        block = pool.part(key)
        if block is None:
            continue
        for name, (why, nearest) in table.items():
            block.lose(name, why, nearest)
        tree: Tree = {}
        if key == "http":
            concurrency = block.whole("http2MaxRequests")
            queue = block.whole("http1MaxPendingRequests")
            # Envoy's default for both, as good as none, is what 0 stands for in the API.
            if concurrency:
                tree["max_concurrency"] = concurrency
            if queue:
                tree["max_queue"] = queue
            draft.put(host, "bulkhead", tree, pool, "http")


def _outlier(policy: Part, host: Host, draft: Draft) -> None:
    part = policy.part("outlierDetection")
    if part is None:
        return
    for key, (why, nearest) in _OUTLIER.items():
        part.lose(key, why, nearest)
    breaker: Tree = {}
    count = part.whole("consecutive5xxErrors")
    if count is not None:
        breaker["consecutive_failures"] = count or None
    for key in ("consecutiveGatewayErrors", "consecutiveErrors"):
        errors = part.whole(key)
        if errors is None or (errors == 0 and count is not None):
            continue
        if breaker.get("consecutive_failures"):
            part.lose(key, "one number counts", "`breaker.consecutive_failures`")
            continue
        breaker["consecutive_failures"] = errors or None
        if errors:
            why = "every failure counts, not those of gateways only"
            part.lose(key, why, "`breaker.consecutive_failures`", lost=False)
    base = part.seconds("baseEjectionTime")
    if base is not None:
        breaker["break_duration"] = duration_text(base)
        if base > 300:
            breaker["max_break_duration"] = duration_text(base)
    outlier: Tree = {}
    interval = part.seconds("interval")
    if interval is not None:
        outlier["interval"] = duration_text(interval)
    ejected = part.whole("maxEjectionPercent")
    if ejected is not None:
        outlier["max_ejection_ratio"] = ejected / 100
    healthy = part.whole("minHealthPercent")
    panic = {} if healthy is None else {"threshold": healthy / 100}
    for section, tree in (("breaker", breaker), ("outlier", outlier), ("panic", panic)):
        draft.put(host, section, tree, policy, "outlierDetection")


def _budget(policy: Part, host: Host, draft: Draft) -> None:
    part = policy.part("retryBudget")
    if part is None:
        return
    percent = part.number("percent")
    for key in ("minRetryConcurrency", "budgetInterval"):
        part.lose(key, "retries are counted by the second", "`retry.budget`")
    if percent is not None:
        tree = {"budget": {"ratio": percent / 100}}
        draft.put(host, "retry", tree, policy, "retryBudget")
