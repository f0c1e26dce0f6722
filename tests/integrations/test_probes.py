"""Probes of this process, mounted and in the middlewares, over both interfaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from meshlib import ConfigurationError, Mesh
from meshlib.health import ProcessHealth
from meshlib.inbound import Head
from meshlib.integrations import (
    HealthASGI,
    HealthWSGI,
    MeshMiddleware,
    MeshWSGIMiddleware,
    loopback,
    verified,
)
from support.serving import Answered, ServerOfASGI, ask, ask_wsgi

Ask = Callable[..., Answered]


def ask_asgi(app: Any, path: str, headers: Any = None, **options: Any) -> Answered:
    """What an ASGI application answers, asked from plain code."""

    async def main() -> Answered:
        return await ask(app, path, headers, **options)

    return anyio.run(main)


INTERFACES = pytest.mark.parametrize(
    ("kind", "ask_it"), [(HealthASGI, ask_asgi), (HealthWSGI, ask_wsgi)], ids=["asgi", "wsgi"]
)
MIDDLEWARES = pytest.mark.parametrize(
    ("kind", "ask_it"),
    [(MeshMiddleware, ask_asgi), (MeshWSGIMiddleware, ask_wsgi)],
    ids=["asgi", "wsgi"],
)


def unreachable(*arguments: Any) -> Any:
    """Stand for an application that no probe may reach."""
    pytest.fail("the application ran")


@pytest.fixture
def health() -> ProcessHealth:
    """A process whose database is away."""
    health = ProcessHealth()
    health.add("database", lambda: False)
    return health


@INTERFACES
@pytest.mark.parametrize("prefix", ["", "/health", "/deep/inside"])
def test_status_of_each_probe(kind: Any, ask_it: Ask, prefix: str, health: ProcessHealth) -> None:
    """The last segment of the path says which, wherever it is mounted."""
    app = kind(health)
    for probe, status, word in (("live", 200, "pass"), ("ready", 503, "fail")):
        answered = ask_it(app, f"{prefix}/{probe}")
        assert (status, {"status": word}) == (answered.status, answered.json)
    assert 200 == ask_it(app, f"{prefix}/startup").status


@INTERFACES
def test_headers_of_an_answer(kind: Any, ask_it: Ask, health: ProcessHealth) -> None:
    """The media type is that of health answers, and no cache keeps one."""
    answered = ask_it(kind(health), "/ready")
    assert "application/health+json" == answered.headers["content-type"]
    assert "no-store" == answered.headers["cache-control"]
    assert str(len(answered.body)) == answered.headers["content-length"]


@INTERFACES
def test_head_is_answered_without_a_body(kind: Any, ask_it: Ask, health: ProcessHealth) -> None:
    """HEAD is told the status and the length."""
    answered = ask_it(kind(health), "/ready", method="HEAD")
    assert (503, b"") == (answered.status, answered.body)
    assert int(answered.headers["content-length"]) > 0


@INTERFACES
@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(
    kind: Any, ask_it: Ask, method: str, health: ProcessHealth
) -> None:
    """A probe changes nothing."""
    answered = ask_it(kind(health), "/ready", method=method)
    assert (405, "GET, HEAD") == (answered.status, answered.headers["allow"])


@INTERFACES
@pytest.mark.parametrize("path", ["/", "/health", "/ready/x", "/Ready", "/alive"])
def test_unknown_paths_are_not_found(
    kind: Any, ask_it: Ask, path: str, health: ProcessHealth
) -> None:
    """Nothing else is answered."""
    assert 404 == ask_it(kind(health), path).status


@INTERFACES
def test_not_ready_while_draining(kind: Any, ask_it: Ask) -> None:
    """Readiness is false from `drain` on, and liveness is not touched."""
    health = ProcessHealth()
    app = kind(health)
    assert 200 == ask_it(app, "/ready").status
    health.drain()
    assert (503, 200) == (ask_it(app, "/ready").status, ask_it(app, "/live").status)
    health.resume()
    assert 200 == ask_it(app, "/ready").status


@INTERFACES
def test_details_only_with_permission(kind: Any, ask_it: Ask, health: ProcessHealth) -> None:
    """Names, times and reasons of checks are for those whom the permission knows."""

    def knows(head: Head) -> bool:
        return dict(head.headers).get(b"x-secret") == b"open"

    app = kind(health, details=knows)
    assert {"status": "fail"} == ask_it(app, "/ready").json
    assert {"status": "fail"} == ask_it(app, "/ready", {"x-secret": "guess"}).json
    details = ask_it(app, "/ready", {"x-secret": "open"}).json
    assert "fail" == details["checks"]["database"][0]["status"]


@INTERFACES
def test_a_permission_that_fails_permits_nothing(
    kind: Any, ask_it: Ask, health: ProcessHealth, caplog: pytest.LogCaptureFixture
) -> None:
    """What raises, and what returns no `True`, shows no details."""

    def fails(head: Head) -> bool:
        raise KeyError("x-secret")

    def vague(head: Head) -> Any:
        return "yes"

    assert {"status": "fail"} == ask_it(kind(health, details=fails), "/ready").json
    assert "could not be told" in caplog.text
    assert {"status": "fail"} == ask_it(kind(health, details=vague), "/ready").json


@pytest.mark.parametrize(
    ("peer", "headers", "permitted"),
    [
        ("127.0.0.1", [], True),
        ("::1", [(b"host", b"x")], True),
        ("10.0.0.1", [], False),
        ("10.0.0.1", [(b"x-forwarded-for", b"127.0.0.1")], False),
        ("127.0.0.1", [(b"x-forwarded-for", b"127.0.0.1")], False),
        ("127.0.0.1", [(b"forwarded", b"for=127.0.0.1")], False),
        ("127.0.0.1", [(b"via", b"1.1 proxy")], False),
        ("localhost", [], False),
        ("", [], False),
        (None, [], False),
    ],
)
def test_loopback(peer: str | None, headers: Any, permitted: bool) -> None:
    """Only who is on this machine and speaks for itself is permitted by address."""
    assert permitted == loopback(Head("GET", "/ready", headers, peer=peer))


class Identity:
    """A verified identity that matches its own name."""

    def matches(self, pattern: str) -> bool:
        """Whether *pattern* is it."""
        return pattern == "spiffe://example.org/prometheus"


@pytest.mark.parametrize(
    ("identity", "patterns", "permitted"),
    [
        (None, [], False),
        (None, ["spiffe://example.org/prometheus"], False),
        (Identity(), [], True),
        (Identity(), ["spiffe://example.org/other"], False),
        (Identity(), ["other", "spiffe://example.org/prometheus"], True),
    ],
)
def test_verified(identity: Any, patterns: list[str], permitted: bool) -> None:
    """A certificate is needed, and an identity like one of the patterns if there are any."""
    head = Head("GET", "/ready", (), peer="10.0.0.1", identity=identity)
    assert permitted == verified(*patterns)(head)


@pytest.fixture
def full() -> Iterator[Mesh]:
    """A mesh that serves nobody, and logs everybody."""
    document = {"inbound": {"concurrency": {"fixed": 1}, "access_log": True}}
    with Mesh("orders", config=document) as mesh:
        yield mesh


@MIDDLEWARES
def test_probes_bypass_everything(
    kind: Any, ask_it: Ask, full: Mesh, caplog: pytest.LogCaptureFixture
) -> None:
    """They are answered while everything else is shed, and are not counted or logged."""
    caplog.set_level("INFO", "meshlib.access")
    held = full.inbound.arrive(Head("GET", "/", (), peer="127.0.0.1"))
    app = kind(unreachable, full, probes="/health")
    assert 503 == ask_it(app, "/other").status
    caplog.clear()
    for probe in ("live", "ready", "startup"):
        # Also one that says that its time is over: it is answered at once anyway.
        headers = {"x-envoy-expected-rq-timeout-ms": "0"}
        assert 200 == ask_it(app, f"/health/{probe}", headers).status
    assert "" == caplog.text
    held.finish(200)
    assert 1 == full.inbound.counts().served


@MIDDLEWARES
def test_own_paths(kind: Any, ask_it: Ask, full: Mesh, health: ProcessHealth) -> None:
    """A mapping gives each probe that is wanted its path; the others are the application's."""
    reached: list[int] = []

    def app(*arguments: Any) -> Any:
        reached.append(1)
        raise KeyError

    middleware = kind(app, full, probes={"live": "/livez", "ready": "/readyz"}, health=health)
    assert (200, 503) == (ask_it(middleware, "/livez").status, ask_it(middleware, "/readyz").status)
    assert middleware.health is health
    with pytest.raises(KeyError):
        ask_it(middleware, "/health/startup")
    assert [1] == reached


@MIDDLEWARES
def test_no_probes_unless_asked_for(kind: Any, ask_it: Ask, full: Mesh) -> None:
    """Without `probes` every path is the application's."""
    reached: list[int] = []

    def app(*arguments: Any) -> Any:
        reached.append(1)
        raise KeyError

    with pytest.raises(KeyError):
        ask_it(kind(app, full), "/health/live")
    assert [1] == reached


def test_probes_behind_a_prefix(full: Mesh) -> None:
    """A server's own prefix, which ASGI leaves in the path, does not hide them."""
    app = MeshMiddleware(unreachable, full, probes="/health")
    assert 200 == ask_asgi(app, "/api/health/live", root_path="/api").status
    assert 200 == ask_asgi(app, "/health/live", root_path="/api").status


@MIDDLEWARES
@pytest.mark.parametrize("probes", [{"alive": "/x"}, {"live": "x"}, {"live": 5}, "health"], ids=str)
def test_wrong_probes_are_refused(kind: Any, ask_it: Ask, probes: Any, full: Mesh) -> None:
    """An unknown probe and what is no path are said when the middleware is made."""
    with pytest.raises(ConfigurationError, match="probes"):
        kind(unreachable, full, probes=probes)


async def test_mounted_for_http_alone() -> None:
    """A websocket is closed, and a lifespan that is offered is not supported."""
    app = HealthASGI(ProcessHealth())
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    server = ServerOfASGI(type="websocket")
    await app(server.scope, server.receive, send)
    assert ["websocket.close"] == sent
    with pytest.raises(RuntimeError, match="lifespan"):
        await app({"type": "lifespan"}, server.receive, send)
