"""The objects that are written for a document."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib.config import load_config
from meshlib.convert import export_kubernetes


def export(document: Any, text: str = "", **options: Any) -> dict[str, Any]:
    """The objects by kind; of a kind the last one."""
    found, _ = export_kubernetes(load_config(document, environ={}), text, **options)
    return {each["kind"]: each for each in found}


def spec(kind: str, **service: Any) -> Any:
    """The `spec` of the object of *kind* for a service `users`."""
    return export({"name": "me", "services": {"users": service}})[kind]["spec"]


def rules(*routes: Any, **service: Any) -> Any:
    """The rules of the VirtualService for these routes."""
    return spec("VirtualService", routes=list(routes), **service)["http"]


def test_an_application_has_an_identity_and_a_way_out() -> None:
    """Its objects go by its name as DNS takes it, and its pods by the label `app`."""
    found = export({"name": "Check_Out", "services": {"users": {}}}, "a: 1\n", namespace="shop")
    assert ["ServiceAccount", "ConfigMap", "NetworkPolicy", "PeerAuthentication"] == list(found)
    names = {kind: each["metadata"]["name"] for kind, each in found.items()}
    assert "check-out" == names["ServiceAccount"] == names["PeerAuthentication"]
    assert {"mesh.yaml": "a: 1\n"} == found["ConfigMap"]["data"]
    assert {"shop"} == {each["metadata"]["namespace"] for each in found.values()}
    labels = {"matchLabels": {"app": "check-out"}}
    assert labels == found["PeerAuthentication"]["spec"]["selector"]
    assert {"mode": "STRICT"} == found["PeerAuthentication"]["spec"]["mtls"]
    assert labels == found["NetworkPolicy"]["spec"]["podSelector"]


def test_the_way_out_leads_to_services_and_names_alone() -> None:
    """Pods of services, addresses of endpoints, and name servers; ingress is not judged."""
    services = {"users": {}, "cart.stock": {}, "pay": ["http://10.0.0.1", "https://[fd00::1]:444"]}
    policy = export({"name": "me", "services": services})["NetworkPolicy"]["spec"]
    dns, users, cart, *pay = policy["egress"]
    assert [53, 53] == [each["port"] for each in dns["ports"]]
    assert [{"podSelector": {"matchLabels": {"app": "users"}}}] == users["to"]
    assert {"kubernetes.io/metadata.name": "stock"} == cart["to"][0]["namespaceSelector"][
        "matchLabels"
    ]
    assert [("10.0.0.1/32", 80), ("fd00::1/128", 444)] == [
        (each["to"][0]["ipBlock"]["cidr"], each["ports"][0]["port"]) for each in pay
    ]
    assert ["Egress"] == policy["policyTypes"]


def test_calls_to_the_outside_are_told() -> None:
    """A document that allows them says more than the policy does."""
    for outside, told in (("deny", []), ("resilient", ["outside"])):
        config = load_config({"name": "me", "outside": outside}, environ={})
        assert told == [each.path for each in export_kubernetes(config).findings]


def test_a_document_that_is_too_large_is_reported() -> None:
    """A ConfigMap holds 1 MiB."""
    config = load_config({"name": "me", "outside": "deny"}, environ={})
    found = export_kubernetes(config, "x" * (1 << 20) + "x")
    assert "ConfigMap" not in {each["kind"] for each in found.objects}
    assert ["a ConfigMap holds 1 MiB at the most"] == [each.why for each in found.findings]


def test_long_names_stay_apart() -> None:
    """A name is 63 characters at the most, and two long ones do not meet."""
    services = {f"{'a.' * 40}{n}": {"timeout": 1} for n in (1, 2)}
    found, _ = export_kubernetes(load_config({"services": services}, environ={}))
    names = {each["metadata"]["name"] for each in found}
    assert 2 == len(names)
    assert all(len(name) <= 63 for name in names)
    assert {"---": "mesh"} == {
        "---": export({"name": "---"}, "a: 1")["ServiceAccount"]["metadata"]["name"]
    }


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({"balancer": "ip_hash"}, {"loadBalancer": {"consistentHash": {"useSourceIp": True}}}),
        ({"balancer": "ring_hash"}, {"loadBalancer": {"consistentHash": {"useSourceIp": True}}}),
        (
            {"balancer": {"maglev": {"key": {"query": "q"}}}},
            {"loadBalancer": {"consistentHash": {"httpQueryParameterName": "q", "maglev": {}}}},
        ),
        (
            {"balancer": {"ring_hash": {"key": {"client_ip": True}}}},
            {"loadBalancer": {"consistentHash": {"useSourceIp": True}}},
        ),
        ({"balancer": "random"}, {"loadBalancer": {"simple": "RANDOM"}}),
        (
            {"slow_start": {"window": "10s"}},
            {"loadBalancer": {"simple": "LEAST_REQUEST", "warmup": {"duration": "10s"}}},
        ),
        ({"breaker": False}, {"outlierDetection": {"consecutive5xxErrors": 0}}),
        (
            {"breaker": {"consecutive_failures": None}},
            {"outlierDetection": {"consecutive5xxErrors": 0}},
        ),
        (
            {"bulkhead": {"max_concurrency": 5}},
            {"connectionPool": {"http": {"http2MaxRequests": 5}}},
        ),
    ],
)
def test_policies_of_a_service(service: Any, expected: Any) -> None:
    """What a service does is a traffic policy of its host."""
    assert {"host": "users", "trafficPolicy": expected} == spec("DestinationRule", **service)


def test_segments_of_a_path_are_two_matches() -> None:
    """Istio compares text, so `/a` and `/a/` are matched apart, and replaced apart."""
    match = {"path": {"path_prefix": "/a/"}}
    whole, below, rest = rules({"match": match, "rewrite": {"prefix": "/b"}})
    assert [{"uri": {"exact": "/a"}}] == whole["match"]
    assert [{"uri": {"prefix": "/a/"}}] == below["match"]
    assert ("/b", "/b/") == (whole["rewrite"]["uri"], below["rewrite"]["uri"])
    assert {"route": [{"destination": {"host": "users"}}]} == rest
    whole, below, _ = rules({"match": match, "redirect": {"prefix": "/"}})
    assert ({"uri": "/"}, {"prefixRewrite": "/"}) == (whole["redirect"], below["redirect"]) or (
        "/" == whole["redirect"]["uri"]
    )
    (only,) = rules({"match": {"path": {"path_prefix": "/"}}, "rewrite": {"prefix": "/b"}})[:1]
    assert ({"prefix": "/"}, "/b/") == (only["match"][0]["uri"], only["rewrite"]["uri"])


def test_templates_are_regular_expressions() -> None:
    """What a template captures is a group, and what it fills refers to that."""
    first, second, _ = rules(
        {"match": {"path": "/a.b/{x}/c/{rest=**}"}, "rewrite": {"template": "/{rest}/{x}"}},
        {"match": {"path": {"template": "/a/{x}", "ignore_case": True}}},
    )
    assert {"regex": r"/a\.b/([^/]+)/c/(.*)"} == first["match"][0]["uri"]
    change = {"match": r"^/a\.b/([^/]+)/c/(.*)$", "rewrite": r"/\2/\1"}
    assert change == first["rewrite"]["uriRegexRewrite"]
    assert {"regex": "(?i)/a/([^/]+)"} == second["match"][0]["uri"]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"method": "get"}, {"method": {"exact": "GET"}}),
        ({"headers": {"a": False}}, {"withoutHeaders": {"a": {}}}),
        ({"without_headers": {"a": False}}, {"headers": {"a": {}}}),
        ({"without_headers": {"a": "b"}}, {"withoutHeaders": {"a": {"exact": "b"}}}),
        ({"query": {"q": True}}, {"queryParams": {"q": {}}}),
        (
            {"cookies": {"a": True}},
            {"headers": {"cookie": {"regex": r"(?:.*;\s*)?a=(?:[^;]*)(?:;.*)?"}}},
        ),
        (
            {"cookies": {"a": {"regex": "x|y"}}},
            {"headers": {"cookie": {"regex": r"(?:.*;\s*)?a=(?:x|y)(?:;.*)?"}}},
        ),
        ({"caller": "page"}, {"sourceLabels": {"app": "page"}}),
    ],
)
def test_conditions(match: Any, expected: Any) -> None:
    """Each condition is one of Istio's."""
    assert [expected] == rules({"match": match, "subset": {"version": "v1"}})[0]["match"]


def test_routes_inherit_from_their_service() -> None:
    """Timeouts and retries are of rules there, so each has those of its service."""
    first, rest = rules(
        {"match": {"path": "/a"}, "timeout": 0, "retry": {"statuses": [500]}},
        timeout=5,
        attempt_timeout=0.25,
        retry={"max_attempts": 5},
    )
    assert "0s" == first["timeout"]
    assert {
        "attempts": 4,
        "perTryTimeout": "0.25s",
        "retryOn": "connect-failure,refused-stream,reset,500",
    } == first["retries"]
    assert ("5s", 4) == (rest["timeout"], rest["retries"]["attempts"])


def test_all_server_errors_are_one_word() -> None:
    """A hundred statuses are told shorter; no retries are told as none."""
    first, second = rules(
        {"match": {"path": "/a"}, "retry": {"statuses": list(range(500, 600))}},
        {"retry": False},
    )
    assert first["retries"]["retryOn"].endswith(",reset,5xx")
    assert {"attempts": 0} == second["retries"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [([9, 1], [9, 1]), ([0.5, 0.25], [666667, 333333]), ([0.9, 1e-9, 0], [10**6, 1, 0])],
)
def test_weights_are_whole_numbers(said: list[float], expected: list[int]) -> None:
    """Shares stay as they are to a millionth, and a small one is not lost."""
    split = [{"subset": {"v": str(n)}, "weight": weight} for n, weight in enumerate(said)]
    (rule,) = rules({"split": split})
    assert expected == [each["weight"] for each in rule["route"]]


def test_subsets_have_names_of_their_own() -> None:
    """The same labels are one subset, and two with the same values are told apart."""
    found = export(
        {
            "name": "me",
            "services": {
                "users": {
                    "routes": [
                        {
                            "split": [
                                {"subset": {"a": "1"}},
                                {"name": "x", "subset": {"b": "1"}},
                                {"name": "y", "subset": {"c": "1"}},
                            ]
                        },
                        {"subset": {"d": "1"}},
                    ]
                }
            },
        }
    )
    subsets = found["DestinationRule"]["spec"]["subsets"]
    assert [("1", {"a": "1"}), ("x", {"b": "1"}), ("y", {"c": "1"}), ("1-2", {"d": "1"})] == [
        (each["name"], each["labels"]) for each in subsets
    ]


def test_answers() -> None:
    """A refusal and a response are direct responses, and say that one is no error."""
    first, second, _ = rules(
        {"match": {"path": "/a"}, "deny": True},
        {
            "match": {"path": "/b"},
            "direct_response": {"status": 200, "body": "b", "headers": {"x": "5%"}},
        },
    )
    assert {"status": 403} == first["directResponse"]
    assert {"status": 200, "body": {"string": "b"}} == second["directResponse"]
    assert {"response": {"set": {"x": "5%%"}}} == second["headers"]


def test_names_with_a_namespace_are_written_out_in_a_cluster() -> None:
    """Istio takes a name with a dot for a whole one, and so it is given the whole one."""
    for discovery, host in (("kubernetes", "a.b.svc.cluster.local"), (None, "a.b")):
        document = {"discovery": discovery, "services": {"a.b": {"timeout": 1}}}
        assert [host] == export(document)["VirtualService"]["spec"]["hosts"]
