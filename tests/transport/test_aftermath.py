"""What became of faults: the second half of each injection, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from meshlib import AsyncMeshClient, CallOptions, MeshClient
from meshlib.events import Event, FaultInjected, InjectionFinished
from meshlib.faults import Injection

Answer = Callable[[httpx.Request], httpx.Response]
ONCE = {"max_total": 1}
TWO = ["http://10.0.0.1:80", "http://10.0.0.2:80"]


def ok(request: httpx.Request) -> httpx.Response:
    """Every endpoint answers 200."""
    return httpx.Response(200, content=b"x" * 100)


@pytest.fixture
def events() -> list[Event]:
    """What listeners were told."""
    return []


@pytest.fixture
def made(events: list[Event]) -> Iterator[Callable[..., MeshClient]]:
    """Makes a client that meets one fault, which is then closed."""
    clients: list[MeshClient] = []

    def make(rule: dict[str, Any], answer: Answer = ok, **users: Any) -> MeshClient:
        config = {
            "services": {"users": {"endpoints": TWO, **users}},
            "defaults": {"retry": {"backoff": {"initial": 0, "max": 0}}},
            "faults": [{"name": "f", **rule}],
        }
        transport = httpx.MockTransport(answer)
        clients.append(
            MeshClient("shop", config=config, transport=transport, listeners=[events.append])
        )
        return clients[-1]

    yield make
    for each in clients:
        each.close()


def the_one(mesh: Any) -> Injection:
    """The only injection so far."""
    (found,) = mesh.mesh.faults.injections
    assert isinstance(found, Injection)
    return found


def test_a_retry_absorbs_a_status(made: Any, events: list[Event]) -> None:
    """Report, log and event hold the same record, complete."""
    mesh = made({"abort": {"status": 503}, **ONCE})
    report = mesh.get("http://users/").extensions["mesh"]
    found = the_one(mesh)
    assert ("f#1", "f", "status", "503", "attempt") == (
        found.id, found.rule, found.kind, found.what, found.phase,
    )  # fmt: skip
    assert ("users", 1, False, None, "closed", "200", "retry") == (
        found.service, found.retries, found.hedge, found.fallback, found.breaker,
        found.result, found.absorbed_by,
    )  # fmt: skip
    assert found.endpoint in [url.removeprefix("http://") for url in TWO]
    assert found.added_latency is not None
    assert found.added_latency > 0
    assert (found,) == report.injections
    assert ("f",) == report.injected
    assert [("f", "status"), (None, None)] == [(a.fault, a.fault_kind) for a in report.attempts]
    (told,) = (event for event in events if isinstance(event, InjectionFinished))
    assert ("users", found) == (told.service, told.injection)
    (begun,) = (event for event in events if isinstance(event, FaultInjected))
    assert ("f", "status", "attempt") == (begun.rule, begun.kind, begun.phase)
    assert (found,) == begun.injections


def test_an_error_that_reaches_the_caller_is_absorbed_by_nothing(made: Any) -> None:
    """The result is its name, and the breaker shows what it did to the endpoint."""
    mesh = made(
        {"abort": {"error": "reset"}}, retry=False, breaker={"consecutive_failures": 1},
    )  # fmt: skip
    with pytest.raises(httpx.ReadError):
        mesh.get("http://users/")
    found = the_one(mesh)
    assert ("ReadError", None, "open", 0) == (
        found.result, found.absorbed_by, found.breaker, found.retries,
    )  # fmt: skip


def test_a_fallback_absorbs_what_is_left(made: Any) -> None:
    """Each attempt that was broken says so."""
    mesh = made({"abort": {"status": 503}})
    extensions = {"mesh": CallOptions(fallback={"ok": True})}
    assert 200 == mesh.get("http://users/", extensions=extensions).status_code
    found = mesh.mesh.faults.injections
    assert 3 == len(found)
    assert {("value", "fallback", "200")} == {
        (each.fallback, each.absorbed_by, each.result) for each in found
    }
    assert [2, 1, 0] == [each.retries for each in found]


def test_a_status_that_the_caller_gets_is_not_absorbed(made: Any) -> None:
    """Also when it is none that is tried again."""
    for status in (404, 500, 503):
        mesh = made({"abort": {"status": status}}, retry=False)
        assert status == mesh.get("http://users/").status_code
        assert (str(status), None) == (the_one(mesh).result, the_one(mesh).absorbed_by)


def test_a_retry_that_fails_absorbs_nothing(made: Any) -> None:
    """The endpoint fails by itself as well."""
    mesh = made({"abort": {"error": "refused"}, **ONCE}, lambda request: httpx.Response(500))
    assert 500 == mesh.get("http://users/").status_code
    assert ("500", None, 1) == (
        the_one(mesh).result, the_one(mesh).absorbed_by, the_one(mesh).retries,
    )  # fmt: skip


@pytest.mark.parametrize("phase", ["attempt", "call"])
def test_patience_absorbs_a_delay(made: Any, phase: str) -> None:
    """It only took longer, by as much."""
    mesh = made({"delay": {"fixed": 0.02}, "phase": phase})
    report = mesh.get("http://users/").extensions["mesh"]
    found = the_one(mesh)
    assert ("delay", "0.02", "patience", phase, "f") == (
        found.kind, found.what, found.absorbed_by, found.phase, report.injected[0],
    )  # fmt: skip
    assert found.added_latency is not None
    assert found.added_latency >= 0.02
    assert (("closed" if phase == "attempt" else None), 0) == (found.breaker, found.retries)


def test_an_abort_of_a_call_is_the_answer(made: Any) -> None:
    """No attempt was made that could have helped."""
    mesh = made({"abort": {"status": 503}, "phase": "call"})
    report = mesh.get("http://users/").extensions["mesh"]
    assert (("f",), ()) == (report.injected, report.attempts)
    assert ("503", None, 0, "") == (
        the_one(mesh).result, the_one(mesh).absorbed_by, the_one(mesh).retries,
        the_one(mesh).endpoint,
    )  # fmt: skip


def test_a_record_is_complete_when_the_response_is_closed(made: Any) -> None:
    """A body may yet break, and then that is the result."""
    mesh = made({"response": {"truncate": 10}})
    with mesh.stream("GET", "http://users/") as response:
        assert 200 == response.status_code
        (found,) = response.extensions["mesh"].injections
        assert found.result is None
        assert () == mesh.mesh.faults.injections
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()
    assert ("truncate", "RemoteProtocolError", None) == (
        found.kind, the_one(mesh).result, found.absorbed_by,
    )  # fmt: skip


def test_a_slow_body_costs_the_time_that_it_takes(made: Any) -> None:
    """Also what passes after the headers."""
    mesh = made({"response": {"chunk_delay": "20ms", "chunk_size": 50}})
    assert 100 == len(mesh.get("http://users/").content)
    found = the_one(mesh)
    assert ("patience", True) == (found.absorbed_by, (found.added_latency or 0) >= 0.02)


def test_a_deadline_in_a_body_is_the_result(made: Any) -> None:
    """And not the timeout by which it showed itself."""
    mesh = made({"response": {"chunk_delay": "10s"}}, timeout=0.05)
    with pytest.raises(httpx.TimeoutException) as caught:
        mesh.get("http://users/")
    assert type(caught.value).__name__ == the_one(mesh).result == "DeadlineExceededError"


async def test_a_hedge_absorbs_a_delay() -> None:
    """It answered instead, and the attempt that was held back was cancelled."""
    config = {
        "services": {"users": {"endpoints": TWO, "hedge": {"delay": "10ms"}}},
        "faults": [{"name": "f", "delay": {"fixed": 60}, **ONCE}],
    }
    async with AsyncMeshClient("shop", config=config, transport=httpx.MockTransport(ok)) as mesh:
        response = await mesh.get("http://users/", timeout=None)
        assert 200 == response.status_code
        found = the_one(mesh)
    assert (True, "hedge", 0) == (found.hedge, found.absorbed_by, found.retries)


def test_nobody_has_to_listen() -> None:
    """The log is kept all the same; a call without faults leaves nothing."""
    config = {"services": {"users": TWO}, "faults": [{"name": "f", "abort": {"status": 404}}]}
    transport = httpx.MockTransport(ok)
    with MeshClient("shop", config=config, transport=transport) as mesh:
        mesh.get("http://users/")
        assert "404" == the_one(mesh).result
        mesh.mesh.faults.stop()
        report = mesh.get("http://users/").extensions["mesh"]
        assert ((), ()) == (report.injected, report.injections)
        assert 1 == len(mesh.mesh.faults.injections)
