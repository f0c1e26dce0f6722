"""What each field of a VirtualService becomes, and what is said of those that cannot."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from meshlib import ConfigurationError
from meshlib.config import load_config
from meshlib.convert import Imported, import_istio

OWN = "route: [{destination: {host: users}}]"


def read(http: str, *more: str, **options: Any) -> Imported:
    """What a VirtualService of `users` with the rule *http* comes to, beside *more* objects."""
    spec = {"hosts": ["users"], "http": [yaml.safe_load(http)]}
    value = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "users"},
        "spec": spec,
    }
    files = [("vs.yaml", yaml.safe_dump(value).encode())]
    files += [(f"{n}.yaml", text.encode()) for n, text in enumerate(more)]
    return import_istio(files, **options)


def routes(found: Imported, service: str = "users") -> list[Any]:
    """The routes of a service, without the one for calls that no rule takes."""
    said = found.document["services"][service].get("routes", [])
    return [route for route in said if route.get("name") != "no-route"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("uri: {exact: /a}", {"path": {"exact": "/a"}}),
        ("uri: {prefix: /a}", {"path": {"prefix": "/a"}}),
        ("uri: {regex: /a.*}", {"path": {"regex": "/a.*"}}),
        ("{uri: {exact: /a}, ignoreUriCase: true}", {"path": {"exact": "/a", "ignore_case": True}}),
        ("method: {exact: GET}", {"method": "GET"}),
        ("method: {regex: GET|HEAD}", {"method": ["GET", "HEAD"]}),
        ("headers: {x-a: {exact: b}}", {"headers": {"x-a": "b"}}),
        ("headers: {x-a: {prefix: b}}", {"headers": {"x-a": {"prefix": "b"}}}),
        ("headers: {x-a: {}}", {"headers": {"x-a": True}}),
        ("headers: {x-a: null}", {"headers": {"x-a": True}}),
        ("withoutHeaders: {x-a: {exact: b}}", {"without_headers": {"x-a": "b"}}),
        ("queryParams: {q: {regex: '[0-9]'}}", {"query": {"q": {"regex": "[0-9]"}}}),
        ("sourceLabels: {app: page}", {"caller": "page"}),
        ("sourceLabels: {app: page, app.kubernetes.io/name: page}", {"caller": "page"}),
        ("{authority: {exact: users}, uri: {exact: /a}}", {"path": {"exact": "/a"}}),
        ("{gateways: [mesh, edge], uri: {exact: /a}}", {"path": {"exact": "/a"}}),
    ],
)
def test_a_condition_is_carried_over(condition: str, expected: Any) -> None:
    """Each condition that calls have here becomes one of the route's match."""
    match = yaml.safe_load(condition)
    found = read(yaml.safe_dump({"match": [match], **yaml.safe_load(OWN)}))
    assert [{"match": expected}] == routes(found)
    assert () == found.findings


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        ("port: 80", "port"),
        ("scheme: {exact: https}", "scheme"),
        ("sourceNamespace: shop", "sourceNamespace"),
        ("sourceLabels: {app: a, version: v1}", "sourceLabels"),
        ("sourceLabels: {app: a, app.kubernetes.io/name: b}", "sourceLabels"),
        ("gateways: [edge]", "gateways"),
        ("authority: {prefix: users.}", "authority"),
        ("method: {prefix: P}", "method"),
        ("uri: {prefix: a}", "uri.prefix"),
        ("uri: {exact: '/a?b=1'}", "uri.exact"),
        ("uri: {regex: '(?<x>a)'}", "uri.regex"),
        ("uri: /a", "uri"),
        ("headers: {x-a: {exact: a, prefix: b}}", "headers.x-a"),
        ("headers: {x-a: {regex: '*'}}", "headers.x-a.regex"),
        ("queryParams: [q]", "queryParams"),
    ],
)
def test_a_match_with_a_condition_that_cannot_be_said_is_left_out(
    condition: str, path: str
) -> None:
    """Without one of its conditions a rule would take more calls, so it takes none."""
    match = {"uri": {"prefix": "/a"}, **yaml.safe_load(condition)}
    found = read(yaml.safe_dump({"match": [match], **yaml.safe_load(OWN)}))
    assert [] == routes(found)
    places = {finding.path for finding in found.findings if finding.lost}
    assert {f"spec.http[0].match[0].{path}", "spec.http[0].match[0]", "spec.http[0]"} <= places


def test_other_matches_of_a_rule_stay() -> None:
    """Of alternatives only the one that cannot be said is left out."""
    found = read(f"{{match: [{{port: 80}}, {{uri: {{exact: /a}}}}], {OWN}}}")
    assert [{"match": {"path": {"exact": "/a"}}}] == routes(found)


def test_an_authority_chooses_among_the_hosts() -> None:
    """A rule for one of several hosts is a route of that service alone."""
    text = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: both}
spec:
  hosts: [users, orders]
  http:
    - match: [{authority: {exact: orders}, uri: {prefix: /a}}]
      route: [{destination: {host: users}}]
"""
    found = import_istio([("f", text.encode())])
    assert [] == routes(found, "users")
    assert [{"match": {"path": {"prefix": "/a"}}, "service": "users"}] == routes(found, "orders")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("timeout: 1.5s", {"timeout": "1.5s"}),
        ("timeout: 1m30s", {"timeout": "90s"}),
        ("timeout: 0s", {"timeout": "0s"}),
        ("timeout: 500000ns", {"timeout": "0.5ms"}),
        ("retries: {attempts: 0}", {"retry": {"max_attempts": 1}}),
        (
            "retries: {attempts: 2, perTryTimeout: 250ms}",
            {"retry": {"max_attempts": 3}, "attempt_timeout": "250ms"},
        ),
        ("retries: {backoff: 1s}", {"retry": {"backoff": {"initial": "1s"}}}),
        (
            "fault: {delay: {fixedDelay: 2s, percentage: {value: 0.1}}}",
            {"fault": {"delay": {"percentage": 0.1, "fixed": "2s"}}},
        ),
        (
            "fault: {delay: {fixedDelay: 2s, percent: 10}}",
            {"fault": {"delay": {"percentage": 10, "fixed": "2s"}}},
        ),
        (
            "fault: {abort: {httpStatus: 400}}",
            {"fault": {"abort": {"percentage": 0, "status": 400}}},
        ),
        ("mirror: {host: audit}", {"mirror": [{"service": "audit", "percentage": 100}]}),
        (
            "{mirror: {host: audit}, mirrorPercentage: {value: 2.5}}",
            {"mirror": [{"service": "audit", "percentage": 2.5}]},
        ),
        (
            "{mirror: {host: users}, mirrorPercent: 3}",
            {"mirror": [{"service": "users", "percentage": 3}]},
        ),
        ("rewrite: {authority: a.internal}", {"rewrite": {"authority": "a.internal"}}),
        (
            "headers: {request: {set: {x-a: '50%%'}, remove: [x-b]}}",
            {"headers": {"request": {"set": {"x-a": "50%"}, "remove": ["x-b"]}}},
        ),
    ],
)
def test_an_action_is_carried_over(rule: str, expected: Any) -> None:
    """What a rule does to a call is done by the route."""
    found = read(yaml.safe_dump({**yaml.safe_load(rule), **yaml.safe_load(OWN)}))
    assert [expected] == routes(found)
    assert () == found.findings


@pytest.mark.parametrize(
    ("said", "statuses", "finding"),
    [
        ("connect-failure,refused-stream,reset", [], True),
        ("gateway-error, 429", [429, 502, 503, 504], True),
        ("retriable-4xx", [409], True),
        ("5xx", list(range(500, 600)), True),
        ("503,unavailable", [503], True),
    ],
)
def test_conditions_of_retries_become_statuses(
    said: str, statuses: list[int], finding: bool
) -> None:
    """Each word that means responses becomes their statuses, and a method is asked for."""
    found = read(f"{{retries: {{attempts: 1, retryOn: '{said}'}}, {OWN}}}")
    assert [{"retry": {"max_attempts": 2, "statuses": statuses}}] == routes(found)
    assert finding == any(each.path.endswith("retryOn") for each in found.findings)


def test_retries_of_idempotent_methods_mean_the_same() -> None:
    """Where all calls of a rule may be sent twice there is nothing to tell."""
    rule = f"{{match: [{{method: {{exact: GET}}}}], retries: {{retryOn: 5xx}}, {OWN}}}"
    assert () == read(rule).findings


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("corsPolicy: {allowOrigins: [{exact: a}]}", "corsPolicy"),
        ("retries: {attempts: 200}", "retries.attempts"),
        ("retries: {attempts: 1.5}", "retries.attempts"),
        ("retries: {retryIgnorePreviousHosts: false}", "retries.retryIgnorePreviousHosts"),
        ("retries: {retryRemoteLocalities: true}", "retries.retryRemoteLocalities"),
        ("fault: {abort: {grpcStatus: UNAVAILABLE}}", "fault.abort.grpcStatus"),
        ("fault: {delay: {exponentialDelay: 1s}}", "fault.delay.exponentialDelay"),
        ("timeout: soon", "timeout"),
        ("timeout: 5", "timeout"),
        ("headers: {request: {set: {Host: a}}}", "headers.request.set.Host"),
        ("headers: {request: {set: {x-a: '%REQ(b)%'}}}", "headers.request.set.x-a"),
        ("headers: {request: {remove: [connection]}}", "headers.request.remove"),
        ("mirrorPercentage: {value: 5}", "mirrorPercentage.value"),
        ("mirrors: [{percentage: {value: 5}}]", "mirrors[0]"),
        ("mirror: {host: '*.shop'}", "mirror.host"),
        ("something: {new: 1}", "something.new"),
        ("match: [{name: a, uri: {prefix: /}}]", "match[0].name"),
        ("match: [{statPrefix: a, uri: {prefix: /}}]", "match[0].statPrefix"),
        ("match: [{ignoreUriCase: true}]", "match[0].ignoreUriCase"),
        ("match: [{uri: {regex: /a}, ignoreUriCase: true}]", "match[0].ignoreUriCase"),
    ],
)
def test_what_cannot_be_carried_over_is_reported(rule: str, path: str) -> None:
    """The finding names the file, the object and the field; the rule itself stays."""
    found = read(yaml.safe_dump({**yaml.safe_load(rule), **yaml.safe_load(OWN)}))
    (finding,) = (each for each in found.findings if each.path == f"spec.http[0].{path}")
    assert ("vs.yaml", "VirtualService default/users", True) == (
        finding.file,
        finding.what,
        finding.lost,
    )
    assert str(finding).startswith(f"vs.yaml: VirtualService default/users: {finding.path}: not ")
    assert 1 >= len(routes(found))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            "{match: [{uri: {prefix: /a/}}], rewrite: {uri: /b/}}",
            [("prefix", "/a/", {"prefix": "/b/"})],
        ),
        ("{match: [{uri: {exact: /a}}], rewrite: {uri: /b}}", [("exact", "/a", {"path": "/b"})]),
        ("{rewrite: {uri: /v2}}", [("prefix", "/", {"prefix": "/v2"})]),
        (
            "{match: [{uri: {exact: /a}}, {uri: {prefix: /c}}], rewrite: {uri: /b}}",
            [("prefix", "/c", {"prefix": "/b"}), ("exact", "/a", {"path": "/b"})],
        ),
    ],
)
def test_a_rewrite_replaces_what_was_matched(rule: str, expected: list[Any]) -> None:
    """Of a prefix the prefix, else the whole path; without a path the slash at its beginning."""
    found = routes(read(yaml.safe_dump({**yaml.safe_load(rule), **yaml.safe_load(OWN)})))
    told = [
        (kind, path, route["rewrite"])
        for route in found
        for kind, path in route["match"]["path"].items()
    ]
    assert expected == told


@pytest.mark.parametrize(
    ("rule", "expected", "lost"),
    [
        ("redirect: {uri: /b, redirectCode: 302}", {"redirect": {"path": "/b", "code": 302}}, []),
        (
            "redirect: {scheme: https, derivePort: FROM_PROTOCOL_DEFAULT}",
            {"redirect": {"scheme": "https"}},
            [],
        ),
        ("redirect: {uri: /b, derivePort: FROM_REQUEST_PORT}", {"redirect": {"path": "/b"}}, []),
        (
            "redirect: {uri: /b, derivePort: FROM_PROTOCOL_DEFAULT}",
            {"redirect": {"path": "/b"}},
            ["redirect.derivePort"],
        ),
        (
            "{redirect: {authority: b.com, port: 81}, timeout: 1s}",
            {"redirect": {"authority": "b.com", "port": 81}},
            ["timeout"],
        ),
        (
            "directResponse: {status: 503, body: {bytes: aGk=}}",
            {"direct_response": {"status": 503, "body": "hi"}},
            [],
        ),
        (
            "directResponse: {status: 503, body: {bytes: /w==}}",
            {"direct_response": {"status": 503}},
            ["directResponse.body.bytes"],
        ),
        (
            "{directResponse: {status: 503}, headers: {response: {set: {x-a: b}, remove: [c]}}}",
            {"direct_response": {"status": 503, "headers": {"x-a": "b"}}},
            ["headers"],
        ),
    ],
)
def test_an_answer_is_carried_over(rule: str, expected: Any, lost: list[str]) -> None:
    """A rule that answers by itself is a route that does; what stands beside it is reported."""
    found = read(rule)
    assert [expected] == routes(found)
    assert lost == [each.path.removeprefix("spec.http[0].") for each in found.findings]


@pytest.mark.parametrize(
    "rule",
    [
        "{delegate: {name: other}}",
        "{name: nowhere}",
        "{route: []}",
        "{route: [{weight: 1}]}",
        "{route: [{destination: {host: '*.shop'}}]}",
        "{route: [{destination: {subset: v1}}]}",
        "{directResponse: {status: 99}}",
        "{redirect: {redirectCode: 301}}",
        "{route: [{destination: {host: a}, weight: 0}, {destination: {host: b}}]}",
    ],
)
def test_a_rule_that_cannot_be_followed_is_left_out(rule: str) -> None:
    """What would be no valid route is reported as a whole."""
    found = read(rule)
    assert [] == routes(found)
    assert any("spec.http[0]" == each.path and each.lost for each in found.findings)


RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: users}
spec: {host: users, subsets: [{name: v2, labels: {version: "2.0"}}]}
"""


def test_a_subset_is_its_labels() -> None:
    """The labels are those of the DestinationRule, wherever it stands."""
    found = read("{route: [{destination: {host: users, subset: v2}}]}", RULE)
    assert [{"split": [{"name": "v2", "subset": {"version": "2.0"}}]}] == routes(found)
    config = load_config(found.document, environ={})
    assert {"version": ("2.0",)} == config.services["users"].routes[0].split[0].subset
    assert {"kubernetes": {"labels": ["version"]}} == config.discovery


def test_a_subset_that_nobody_defines_is_a_version() -> None:
    """Its name is taken for the usual label, and that is said."""
    found = read("{route: [{destination: {host: users, subset: v9}}]}", RULE)
    assert {"version": "v9"} == routes(found)[0]["split"][0]["subset"]
    lines = {each.path: each for each in found.findings}
    assert not lines["spec.http[0].route[0].destination.subset"].lost
    assert lines["spec.subsets[0]"].lost


def test_weights_are_shares() -> None:
    """A destination without a weight has none, as in Istio."""
    rule = "{route: [{destination: {host: a}, weight: 3}, {destination: {host: b}}]}"
    shares = [{"service": "a", "weight": 3}, {"service": "b", "weight": 0}]
    assert [{"split": shares}] == routes(read(rule))


def test_calls_that_no_rule_takes_are_answered_as_in_istio() -> None:
    """They are not found there, and would go on here."""
    said = read(f"{{match: [{{uri: {{exact: /a}}}}], {OWN}}}").document["services"]["users"]
    assert {"name": "no-route", "direct_response": {"status": 404}} == said["routes"][-1]
    assert {} == read(f"{{{OWN}}}").document["services"]["users"]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ("{hosts: [a], gateways: [edge], http: [{route: []}]}", "spec"),
        ("{hosts: [a], gateways: [edge, mesh]}", "spec.gateways"),
        ("{hosts: [a], tcp: [{route: []}]}", "spec.tcp"),
        ("{hosts: [a], tls: [{route: []}]}", "spec.tls"),
        ("{hosts: [a], exportTo: ['.']}", "spec.exportTo"),
        ("{http: [{route: []}]}", "spec"),
        ("{hosts: ['*.a']}", "spec.hosts"),
        ("{hosts: ['a b']}", "spec.hosts"),
    ],
)
def test_what_a_whole_service_cannot_have_is_reported(spec: str, path: str) -> None:
    """Fields beside the rules are accounted for, too."""
    text = f"{{apiVersion: networking.istio.io/v1, kind: VirtualService, spec: {spec}}}"
    found = import_istio([("f", text.encode())])
    assert path in {each.path for each in found.findings}


def test_namespaces_tell_services_apart() -> None:
    """Services of the home namespace go by their names, others by both; all answer to hosts."""
    text = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: %s}
spec: {hosts: [users], http: [{timeout: 1s, route: [{destination: {host: users}}]}]}
"""
    found = import_istio([("f", ((text % "shop") + "---" + (text % "stock")).encode())])
    assert {"users", "users.stock"} == found.document["services"].keys()
    found = import_istio([("f", (text % "shop").encode())], namespace="stock")
    assert {"users.shop"} == found.document["services"].keys()


def test_two_objects_for_one_host_follow_each_other() -> None:
    """Their rules stand in order, equal names get a number, and the second is told."""
    rule = f"{{name: a, match: [{{uri: {{exact: /%s}}}}], {OWN}}}"
    other = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "spec": {"hosts": ["users"], "http": [yaml.safe_load(rule % "b")]},
    }
    found = read(rule % "a", yaml.safe_dump(other))
    assert ["a", "a-2"] == [route["name"] for route in routes(found)]
    assert ["spec.hosts"] == [each.path for each in found.findings]


@pytest.mark.parametrize("content", [b"a: [", b"- 1", b"a: 1", b"---\nkind: 1", b"\xff\xfe\xff"])
def test_what_is_no_object_is_an_error(content: bytes) -> None:
    """A file that cannot be meant names itself."""
    with pytest.raises(ConfigurationError, match=r"^f: "):
        import_istio([("f", content)])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{apiVersion: v1, kind: Service, metadata: {name: a}}", "v1 Service is not read"),
        ("{kind: Sidecar}", "this Sidecar is not read"),
        ("{apiVersion: networking.istio.io/v1, kind: VirtualService}", "it has none"),
    ],
)
def test_other_objects_are_reported(text: str, why: str) -> None:
    """An object of another kind is in no account, but is told."""
    (finding,) = import_istio([("f", f"---\n---\n{text}".encode())]).findings
    assert why == finding.why
