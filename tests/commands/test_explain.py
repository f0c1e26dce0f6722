"""`python -m meshlib explain`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[..., tuple[int, str, str]]
Write = Callable[..., str]

DOCUMENT = """\
outside: deny
defaults: {health_check: {tcp: true}}
services:
  users:
    endpoints:
      - {url: "http://127.0.0.1:1", metadata: {version: v1}}
      - {url: "http://127.0.0.1:2", metadata: {version: v2}}
    routes:
      - {name: admin, match: {path: {path_prefix: /admin}}, deny: not from here}
      - {name: old, match: {path: /old}, redirect: {path: /new}}
      - {name: teapot, match: {path: /tea}, direct_response: {status: 418}}
      - {match: {headers: {x-beta: "1"}}, subset: {version: v2}, timeout: 1s, hedge: true}
      - {name: gone, match: {path: /gone}, subset: {version: v3}}
      - {name: away, match: {method: POST}, service: orders, retry: false}
      - name: canary
        match: {path: /canary}
        split: [{subset: {version: v2}}, {subset: {version: v1}, weight: 0}]
        canary: true
  orders:
    endpoints: ["http://127.0.0.1:3"]
    attempt_timeout: 2s
    hedge: {delay: 100ms}
  found: {discovery: {consul: {address: "http://127.0.0.1:9"}}}
  none: []
  levels: ["http://127.0.0.1:4", {url: "http://127.0.0.1:5", priority: 1}]
tenants:
  acme: {services: {users: {timeout: 3s, routes: [{name: own, subset: {version: v1}}]}}}
environments:
  production: {services: {orders: {timeout: 4s}}}
"""


@pytest.fixture
def explain(write: Write, run: Run) -> Run:
    """Explain a URL and what goes with it, by the document above."""
    name = write(DOCUMENT)
    return lambda *arguments: run("explain", name, *arguments)


def test_route_and_what_was_passed_over(explain: Run) -> None:
    """Which route, why none before it, where to, and the limits that hold there."""
    code, out, err = explain("http://users/x", "-H", "X-Beta: 1")

    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "service      users",
        "route        routes[3]",
        "  not admin: path /x is not /admin/...",
        "  not old: path /x is not /old",
        "  not teapot: path /x is not /tea",
        "destination  v2",
        "endpoint     http://127.0.0.1:2: least_connections among 1, 0 in flight there",
        "timeout      1 s for the call, an attempt has what is left of it",
        "retry        up to 3 attempts, of idempotent calls after 502, 503, 504",
        "hedge        after 95% of latency, up to 1",
    ]


def test_other_service_has_its_own_limits(explain: Run) -> None:
    """But for what the route says."""
    code, out, _ = explain("http://users/x", "-X", "post")

    assert code == 0
    assert "destination  orders of orders\n" in out
    assert "http://127.0.0.1:3" in out
    assert "2 s for an attempt" in out
    assert "retry        off\n" in out
    assert "hedge        after 0.1 s, up to 1\n" in out


def test_no_route_is_the_default_one(explain: Run) -> None:
    """The service as it stands; the other endpoint is a candidate too."""
    code, out, _ = explain("http://users/x")

    assert code == 0
    assert "route        default\n" in out
    assert "not gone: path /x is not /gone" in out
    assert "among 2" in out


def test_tenant_has_routes_and_limits_of_its_own(explain: Run) -> None:
    """Those of the service are not asked."""
    code, out, _ = explain("http://users/admin/x", "--tenant", "acme")

    assert code == 0
    assert "tenant       acme\nroute        own\n" in out
    assert "timeout      3 s" in out


def test_environment_is_laid_over(explain: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is named, or else that of the shell."""
    assert "timeout      15 s" in explain("http://orders/")[1]
    assert "timeout      4 s" in explain("http://orders/", "--env", "production")[1]
    monkeypatch.setenv("MESHLIB_ENV", "production")
    assert "timeout      4 s" in explain("http://orders/")[1]


@pytest.mark.parametrize(
    ("path", "said"),
    [("/old", "answered here: a redirect, 301\n"), ("/tea", "answered here: status 418\n")],
)
def test_answer_of_a_route(path: str, said: str, explain: Run) -> None:
    """Nothing is sent, and that is what was asked for."""
    code, out, err = explain(f"http://users{path}")

    assert (code, err) == (0, "")
    assert out.endswith(said)
    assert "timeout" not in out


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://users/admin/x", "rejected: not from here (status 403)"),
        ("http://users/gone", "rejected: the destination 'v3' has no endpoint"),
        ("http://none/", "rejected: the service 'none' has no endpoint"),
        ("https://api.example.com/", "`outside: deny` allows no other"),
    ],
)
def test_call_that_would_be_rejected(url: str, said: str, explain: Run) -> None:
    """Has an exit code of its own, and the reason on stderr."""
    code, _, err = explain(url)

    assert code == 1
    assert err.startswith("meshlib explain: rejected: ")
    assert said in err


def test_discovered_endpoints_are_not_asked_for(explain: Run) -> None:
    """What a registry knows is not known here, and no reason to reject the call."""
    code, out, _ = explain("http://found/")

    assert code == 0
    assert "endpoint     discovered when a mesh runs\n" in out


def test_source_of_all_services_is_not_asked(write: Write, run: Run) -> None:
    """Any single name may be discovered then."""
    name = write("discovery: {consul: {address: 'http://127.0.0.1:9'}}\ndefaults: {timeout: null}")
    code, out, _ = run("explain", name, "http://anything/")

    assert code == 0
    assert "discovered when a mesh runs" in out
    assert "timeout      none for the call" in out


def test_endpoint_that_is_passed_over(explain: Run) -> None:
    """With the reason."""
    assert "  not http://127.0.0.1:5: lower priority\n" in explain("http://levels/")[1]


def test_canary_is_not_begun(explain: Run) -> None:
    """Its split stands as the document says."""
    code, out, _ = explain("http://users/canary")

    assert code == 0
    assert "destination  v2\n" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["users"], "'users' is no URL; write http://users/path"),
        (["ftp://users/"], "is no URL"),
        (["http://a:b/"], "meshlib explain: "),
        (["http://users/", "-H", "nothing"], "'nothing' is no header"),
        (["http://users/", "-H", ":x"], "is no header"),
        (["http://users/", "--env", "x"], "no environment 'x'; there are: production"),
        ([], "URL"),
    ],
)
def test_wrong_arguments_have_a_code_of_their_own(
    arguments: list[str], said: str, explain: Run
) -> None:
    """They are no rejection."""
    code, out, err = explain(*arguments)

    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize(
    ("text", "said"), [("servces: {}", "mesh.yaml:1: servces: unknown key"), (None, "no such file")]
)
def test_document_that_cannot_be_used(text: str | None, said: str, write: Write, run: Run) -> None:
    """Is told as validate tells it."""
    name = "none.yaml" if text is None else write(text)
    code, _, err = run("explain", name, "http://users/")

    assert code == 2
    assert said in err
