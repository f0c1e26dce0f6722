"""Calls of one session stay on one endpoint."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from meshlib import Mesh, MeshClient, NoEndpointError
from support import FakeClock
from support.versions import Versions, users

FIVE = [f"http://e{n}:80" for n in range(5)]


def sticky(clock: FakeClock | None = None, **affinity: Any) -> Mesh:
    """A mesh of one service with five endpoints and sessions."""
    service = {
        "endpoints": FIVE,
        "affinity": affinity or {"cookie": "sid"},
        "breaker": {"consecutive_failures": 1, "break_duration": "1m"},
        "retry": {"backoff": {"initial": 0}},
    }
    clocks = {} if clock is None else {"clock": clock, "wall_clock": clock}
    return Mesh(config={"services": {"users": service}}, **clocks)


def test_cookie_keeps_the_session() -> None:
    """The first response brings a cookie, with which all later calls go to one endpoint."""
    versions = Versions()
    with MeshClient(mesh=sticky(), transport=versions.transport) as client:
        first = client.get("http://users/a")
        later = [client.get("http://users/a") for _ in range(10)]
    assert first.headers["set-cookie"].startswith("sid=1.")
    assert not any("set-cookie" in response.headers for response in later)
    assert len(versions.hosts) == 1


def test_other_sessions_go_elsewhere() -> None:
    """Without the cookie every call is balanced."""
    versions = Versions()
    with MeshClient(mesh=sticky(), transport=versions.transport) as client:
        for _ in range(60):
            client.get("http://users/a")
            client.cookies.clear()
    assert len(versions.hosts) == 5


def test_cookies_of_the_service_are_left_alone() -> None:
    """The session's cookie is one more, not one instead."""
    versions = Versions(lambda request: httpx.Response(200, headers={"set-cookie": "a=b"}))
    with MeshClient(mesh=sticky(), transport=versions.transport) as client:
        response = client.get("http://users/a")
    assert len(response.headers.get_list("set-cookie")) == 2
    assert response.cookies["a"] == "b"


def test_header_keeps_the_session() -> None:
    """The caller sends back what the response brought."""
    versions = Versions()
    with MeshClient(mesh=sticky(header="x-session"), transport=versions.transport) as client:
        session = client.get("http://users/a").headers["x-session"]
        for _ in range(10):
            response = client.get("http://users/a", headers={"x-session": session})
            assert "x-session" not in response.headers
    assert len(versions.hosts) == 1


@pytest.mark.parametrize("loss", ["gone", "open"])
def test_session_of_a_lost_endpoint_moves_once(loss: str) -> None:
    """Every process would choose the same other endpoint, and the session stays there."""
    versions = Versions()
    mesh = sticky()
    with MeshClient(mesh=mesh, transport=versions.transport) as client:
        client.get("http://users/a")
        lost = versions.last.url.host
        if loss == "gone":
            mesh.patch({"services": {"users": {"endpoints": [u for u in FIVE if lost not in u]}}})
        else:
            target = next(t for t in mesh.service("users").targets if lost in t.address)
            target.breaker.isolate()
        moved = client.get("http://users/a")
        second = versions.last.url.host
        for _ in range(5):
            client.get("http://users/a")
    assert "set-cookie" in moved.headers
    assert second != lost
    assert {lost: 1, second: 6} == versions.hosts


def test_strict_session_fails_with_its_endpoint() -> None:
    """It rather has no answer than one from elsewhere."""
    versions = Versions()
    mesh = sticky(cookie="sid", strict=True)
    with MeshClient(mesh=mesh, transport=versions.transport) as client:
        client.get("http://users/a")
        lost = versions.last.url.host
        mesh.service("users").update([e for e in _endpoints(mesh) if lost not in e.url])
        with pytest.raises(NoEndpointError, match="strict"):
            client.get("http://users/a")


def _endpoints(mesh: Mesh) -> list[Any]:
    return [target.endpoint for target in mesh.service("users").targets]


def test_session_ends_with_its_time_limit() -> None:
    """After it the call is balanced anew, and has a new session."""
    clock = FakeClock()
    versions = Versions()
    mesh = sticky(clock, header="x-session", time_limit=60)
    with MeshClient(mesh=mesh, transport=versions.transport) as client:
        session = client.get("http://users/a").headers["x-session"]
        clock.advance(59)
        again = client.get("http://users/a", headers={"x-session": session})
        assert "x-session" not in again.headers
        clock.advance(2)
        assert "x-session" in client.get("http://users/a", headers={"x-session": session}).headers


def test_retry_leaves_the_endpoint_and_not_the_session() -> None:
    """What failed is avoided in this call; the next call goes back."""
    first: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        host = request.url.host
        first.append(host)
        return httpx.Response(503 if len(first) == 2 else 200)

    versions = Versions(answer)
    mesh = sticky()
    mesh.patch({"services": {"users": {"breaker": {"consecutive_failures": 9}}}})
    with MeshClient(mesh=mesh, transport=versions.transport) as client:
        client.get("http://users/a")
        retried = client.get("http://users/a")
        client.get("http://users/a")
    home, failed, other, back = (request.url.host for request in versions.requests)
    assert home == failed == back != other
    assert "set-cookie" not in retried.headers


def test_affinity_of_a_route() -> None:
    """Only the calls of the route have sessions."""
    route = {"match": {"path": "/cart"}, "affinity": {"cookie": "cart"}}
    versions = Versions()
    with MeshClient(config=users(route), transport=versions.transport) as client:
        assert "set-cookie" in client.get("http://users/cart").headers
        assert "set-cookie" not in client.get("http://users/else").headers


def test_answer_without_an_endpoint_has_no_session() -> None:
    """A fallback, a fault of the call or a direct response begins none."""
    document = users(
        {"match": {"path": "/d"}, "direct_response": {"status": 200}}, affinity={"cookie": "sid"}
    )
    with MeshClient(config=document, transport=Versions().transport) as client:
        assert "set-cookie" not in client.get("http://users/d").headers
