"""What each field of the Gateway API's HTTPRoute becomes, and what is said of the others."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib.convert import Imported, import_istio

PARENT = "parentRefs: [{kind: Service, name: users}]"


def read(rules: str, spec: str = PARENT) -> Imported:
    """What an HTTPRoute with these rules comes to, by default one for calls to `users`."""
    text = (
        "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: u}, "
        f"spec: {{{spec}, rules: [{rules}]}}}}"
    )
    return import_istio([("f", text.encode())])


def routes(found: Imported) -> list[Any]:
    """The routes of `users`, without the one for calls that no rule takes."""
    said = found.document["services"]["users"].get("routes", [])
    return [route for route in said if route.get("name") != "no-route"]


def test_the_match_that_says_most_comes_first() -> None:
    """Rules stand in no order there, and are sorted by the specification's precedence here."""
    matches = [
        "{}",
        "{path: {value: /a}}",
        "{path: {value: /a}, method: GET}",
        "{path: {value: /a}, headers: [{name: x, value: y}]}",
        "{path: {value: /a}, queryParams: [{name: x, value: y}]}",
        "{path: {value: /a/long}}",
        "{path: {type: RegularExpression, value: /r}}",
        "{path: {type: Exact, value: /a}}",
    ]
    rules = ", ".join(
        f"{{name: r{n}, matches: [{match}], backendRefs: [{{name: b}}]}}"
        for n, match in enumerate(matches)
    )
    order = ["r7", "r6", "r5", "r2", "r3", "r4", "r1", "r0"]
    assert order == [route["name"] for route in routes(read(rules))]


def test_neighbours_of_one_rule_stay_one_route() -> None:
    """A rule is taken apart only where another one stands between its matches."""
    found = read("{matches: [{path: {value: /a}}, {path: {value: /b}}], backendRefs: [{name: b}]}")
    paths = [{"path": {"path_prefix": "/a"}}, {"path": {"path_prefix": "/b"}}]
    assert [{"match": paths, "service": "b"}] == routes(found)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("backendRefs: [{name: users}], timeouts: {request: 0s}", {"timeout": "0s"}),
        ("backendRefs: [{name: users}], retry: {attempts: 1}", {"retry": {"max_attempts": 2}}),
        (
            "backendRefs: [{name: a, weight: 2}, {name: b}]",
            {"split": [{"service": "a", "weight": 2}, {"service": "b", "weight": 1}]},
        ),
        (
            "backendRefs: [{name: a}, {name: a}]",
            {
                "split": [
                    {"name": "a-0", "service": "a", "weight": 1},
                    {"name": "a-1", "service": "a", "weight": 1},
                ]
            },
        ),
        ("name: nowhere", {"name": "nowhere", "direct_response": {"status": 500}}),
        ("backendRefs: [{name: a, weight: 0}]", {"direct_response": {"status": 500}}),
        ("backendRefs: [{name: a, namespace: b}]", {"service": "a.b"}),
        (
            (
                "backendRefs: [{name: a}], filters: [{type: URLRewrite, urlRewrite: "
                "{path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}]"
            ),
            {"match": {"path": {"path_prefix": "/"}}, "service": "a", "rewrite": {"prefix": "/b"}},
        ),
        (
            (
                "filters: [{type: RequestRedirect, requestRedirect: {path: "
                "{type: ReplaceFullPath, replaceFullPath: /b}}}]"
            ),
            {"redirect": {"path": "/b", "code": 302}},
        ),
        (
            (
                "backendRefs: [{name: a}], filters: [{type: RequestMirror, requestMirror: "
                "{backendRef: {name: m}, percent: 5}}]"
            ),
            {"service": "a", "mirror": [{"service": "m", "percentage": 5}]},
        ),
    ],
)
def test_a_rule_is_carried_over(rule: str, expected: Any) -> None:
    """What a rule does to a call is done by the route."""
    found = read(f"{{{rule}}}")
    assert [expected] == routes(found)
    assert () == found.findings


def test_a_session_is_the_services() -> None:
    """Persistence is of all routes here, and that is said; a second kind cannot be."""
    rule = "{sessionPersistence: {type: Header, header: {name: %s}}, backendRefs: [{name: users}]}"
    found = read(f"{rule % 'x-a'}, {rule % 'x-b'}")
    assert {"header": "x-a"} == found.document["services"]["users"]["affinity"]
    assert [False, True] == [each.lost for each in found.findings]


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("filters: [{type: ExtensionRef, extensionRef: {name: a}}]", ""),
        ("filters: [{type: ExternalAuth}]", ""),
        ("backendRefs: [{name: a}], matches: [{path: {type: Other}}]", ""),
        ("backendRefs: [{name: a}], matches: [{path: {type: RegularExpression, value: '*'}}]", ""),
        (
            (
                "backendRefs: [{name: a}], matches: [{headers: [{name: a, type: RegularExpression, "
                "value: '*'}]}]"
            ),
            ".matches[0].headers[0].value",
        ),
        (
            (
                "backendRefs: [{name: a}], matches: [{headers: [{name: a, value: b}, "
                "{name: A, value: c}]}]"
            ),
            ".matches[0].headers[1]",
        ),
        ("backendRefs: [{name: a}], retry: {codes: [200]}", ""),
        ("backendRefs: [{name: a}], filters: [{type: CORS, cors: {}}]", ".filters[0]"),
        ("backendRefs: [{name: a}], filters: [{type: Newer}]", ".filters[0]"),
        ("backendRefs: [{name: a, port: 80}]", ".backendRefs[0].port"),
        ("backendRefs: [{name: a, kind: Bucket}]", ".backendRefs[0]"),
        ("backendRefs: [{name: a b}]", ".backendRefs[0].name"),
        ("backendRefs: [{name: a, filters: [{type: URLRewrite}]}]", ".backendRefs[0].filters[0]"),
        (
            (
                "backendRefs: [{name: a}], filters: [{type: RequestRedirect, requestRedirect: "
                "{scheme: https}}, {type: URLRewrite, urlRewrite: {}}]"
            ),
            ".filters",
        ),
        (
            "backendRefs: [{name: a}], sessionPersistence: {cookie: {name: 'a b'}}",
            ".sessionPersistence",
        ),
        (
            "backendRefs: [{name: a}], sessionPersistence: {idleTimeout: 5s}",
            ".sessionPersistence.idleTimeout",
        ),
        (
            "backendRefs: [{name: a}], sessionPersistence: {cookie: {lifetimeType: Permanent}}",
            ".sessionPersistence.cookie.lifetimeType",
        ),
    ],
)
def test_what_cannot_be_carried_over_is_reported(rule: str, path: str) -> None:
    """The finding names the field, or the rule that is left out with it."""
    lost = {each.path for each in read(f"{{{rule}}}").findings if each.lost}
    assert f"spec.rules[0]{path}" in lost


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ("parentRefs: [{name: edge}]", "spec"),
        ("parentRefs: [{name: edge}]", "spec.parentRefs[0]"),
        ("hostnames: ['*.a']", "spec.hostnames"),
        ("hostnames: ['a b']", "spec.hostnames"),
        (PARENT + ", hostnames: [a]", "spec.hostnames"),
        (
            "parentRefs: [{kind: Service, name: a, sectionName: b}]",
            "spec.parentRefs[0].sectionName",
        ),
        (PARENT + ", useDefaultGateways: All", "spec.useDefaultGateways"),
    ],
)
def test_whose_calls_it_takes_must_be_said(spec: str, path: str) -> None:
    """A Service as parent, or hostnames; gateways are passed by no call from inside."""
    findings = read("{backendRefs: [{name: a}]}", spec).findings
    assert path in {each.path for each in findings}
