"""Both drivers: faults, fallbacks and hedges, carried out as the call decides."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import httpx
import pytest

from meshlib import AsyncMeshTransport, CallOptions, Mesh, MeshTransport
from meshlib.events import AttemptFinished, CallFinished, Event
from support import FakeClock

A, B = "http://10.0.0.1:80", "http://10.0.0.2:80"


def attempts_told(events: list[Event]) -> list[tuple[int, str]]:
    """Number and outcome of each attempt, in the order of their ends."""
    return [(e.number, e.outcome) for e in events if isinstance(e, AttemptFinished)]


def mesh_of(clock: FakeClock, *faults: dict[str, Any], **settings: Any) -> Mesh:
    """A mesh of one service with two endpoints, and these faults."""
    users = {"endpoints": [A, B], "balancer": "round_robin", **settings}
    rules = [{"name": f"rule-{number}", **fault} for number, fault in enumerate(faults)]
    return Mesh("test", config={"services": {"users": users}, "faults": rules}, clock=clock)


class Both:
    """Sends one request through each driver of a mesh; both must end alike."""

    def __init__(self, mesh: Mesh, clock: FakeClock) -> None:
        self.mesh = mesh
        self.sent = 0
        self.blocking = MeshTransport(
            mesh=mesh, transport=httpx.MockTransport(self.answer), sleep=clock.sleep
        )
        self.asynchronous = AsyncMeshTransport(
            mesh=mesh, transport=httpx.MockTransport(self.answer_later), sleep=clock.asleep
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The server."""
        self.sent += 1
        return httpx.Response(200)

    async def answer_later(self, request: httpx.Request) -> httpx.Response:
        """The same server."""
        return self.answer(request)

    async def each(self, **extensions: Any) -> list[Any]:
        """What each driver gave: a response, read, or the error it raised."""
        results: list[Any] = []
        for asynchronous in (False, True):
            request = httpx.Request("GET", "http://users/", extensions=extensions)
            try:
                if asynchronous:
                    response = await self.asynchronous.handle_async_request(request)
                    await response.aread()
                else:
                    response = self.blocking.handle_request(request)
                    response.read()
                results.append(response)
            except Exception as exc:
                results.append(exc)
        service = self.mesh.service("users")
        assert 0 == service.bulkhead.in_flight
        assert [0, 0] == [target.load.in_flight for target in service.targets]
        return results


async def test_a_fault_outside_retries_answers_once(clock: FakeClock) -> None:
    """Nothing is sent, nothing is tried again, and its place is free for the next call."""
    fault = {"phase": "call", "abort": {"status": 503, "retry_after": 1}, "max_active": 1}
    both = Both(mesh_of(clock, fault), clock)
    for response in [*await both.each(), *await both.each()]:
        assert (503, "1") == (response.status_code, response.headers["retry-after"])
        assert () == response.extensions["mesh"].attempts
    assert 0 == both.sent


async def test_a_delay_outside_retries_holds_the_call_back(clock: FakeClock) -> None:
    """Then it goes on as ever."""
    both = Both(mesh_of(clock, {"phase": "call", "delay": {"fixed": 2}}), clock)
    assert [200, 200] == [response.status_code for response in await both.each()]
    assert [2.0, 2.0] == clock.slept


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("refused", httpx.ConnectError),
        ("reset", httpx.ReadError),
        ("connect_timeout", httpx.ConnectTimeout),
        ("read_timeout", httpx.ReadTimeout),
    ],
)
async def test_a_fault_raises_what_the_wire_raises(
    clock: FakeClock, name: str, error: type[Exception]
) -> None:
    """Inside retries, so that each attempt meets it."""
    retry = {"max_attempts": 2, "backoff": {"initial": 0}}
    both = Both(mesh_of(clock, {"abort": {"error": name}}, retry=retry, breaker=False), clock)
    timeout = {"connect": 1.0, "read": 2.0}
    assert [error, error] == [type(result) for result in await both.each(timeout=timeout)]
    assert 0 == both.sent


async def test_a_delay_beyond_the_timeout_is_a_timeout(clock: FakeClock) -> None:
    """It lasts no longer than the attempt may."""
    fault = {"delay": {"fixed": 60}}
    settings = {"attempt_timeout": 1, "retry": False, "breaker": False}
    both = Both(mesh_of(clock, fault, **settings), clock)
    assert [httpx.ReadTimeout] * 2 == [type(result) for result in await both.each()]
    assert [1.0, 1.0] == clock.slept


async def test_a_fallback_is_called_with_request_and_error(clock: FakeClock) -> None:
    """For an error and for a failed response; an asynchronous one is awaited."""
    heard: list[Any] = []

    def fallback(request: httpx.Request, error: Exception | None) -> str:
        heard.append((request.url.host, type(error)))
        return "instead"

    error = {"abort": {"error": "reset"}}
    both = Both(mesh_of(clock, error, retry=False, fallback=fallback, breaker=False), clock)
    for response in await both.each():
        assert "instead" == response.text
        assert "callable" == response.extensions["mesh"].fallback
    both = Both(mesh_of(clock, {"abort": {"status": 500}}, fallback=fallback), clock)
    assert ["instead"] * 2 == [response.text for response in await both.each()]
    assert [("users", httpx.ReadError)] * 2 + [("users", type(None))] * 2 == heard

    async def later(request: httpx.Request, error: Exception | None) -> bytes:
        return b"awaited"

    made = Both(mesh_of(clock, error, retry=False, breaker=False), clock)
    request = httpx.Request(
        "GET", "http://users/", extensions={"mesh": CallOptions(fallback=later)}
    )
    response = await made.asynchronous.handle_async_request(request)
    assert b"awaited" == response.content


async def test_a_fallback_that_fails_leaves_nothing_behind(clock: FakeClock) -> None:
    """Its own error is raised, once, and every permit returns."""

    def fallback(request: httpx.Request, error: Exception | None) -> None:
        raise ValueError("no")

    both = Both(
        mesh_of(clock, {"abort": {"error": "reset"}}, retry=False, fallback=fallback), clock
    )
    assert [ValueError] * 2 == [type(result) for result in await both.each()]


async def test_a_hedge_wins_and_the_loser_says_nothing() -> None:
    """The second endpoint answers, the first is cancelled and is no failure."""
    users = {"endpoints": [A, B], "balancer": "round_robin", "hedge": {"delay": 0.01}}
    events: list[Event] = []
    mesh = Mesh("test", services={"users": users}, listeners=[events.append])
    first: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        first.append(request.url.host)
        if len(first) == 1:
            await anyio.sleep_forever()
        return httpx.Response(200)

    transport = AsyncMeshTransport(mesh=mesh, transport=httpx.MockTransport(answer))
    response = await transport.handle_async_request(httpx.Request("GET", "http://users/"))
    report = response.extensions["mesh"]
    assert ["cancelled", "success"] == [attempt.outcome for attempt in report.attempts]
    assert [False, True] == [attempt.hedge for attempt in report.attempts]
    metrics = mesh.metrics().services["users"]
    assert (0, 0) == (metrics.failures, metrics.in_flight)
    assert [(2, "success"), (1, "cancelled")] == attempts_told(events)


def test_a_blocking_hedge_wins_and_the_loser_ends_by_itself() -> None:
    """Its response is closed when it comes at last."""
    users = {"endpoints": [A, B], "balancer": "round_robin", "hedge": {"delay": 0.01}}
    events: list[Event] = []
    mesh = Mesh("test", services={"users": users}, listeners=[events.append])
    gate, ended = threading.Event(), threading.Event()
    calls: list[str] = []

    class Body(httpx.SyncByteStream):
        def close(self) -> None:
            ended.set()

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.host)
        if len(calls) == 1:
            assert gate.wait(20)
            return httpx.Response(200, stream=Body())
        return httpx.Response(200)

    class Inner(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return answer(request)

    transport = MeshTransport(mesh=mesh, transport=Inner())
    response = transport.handle_request(httpx.Request("GET", "http://users/"))
    assert ["cancelled", "success"] == [
        attempt.outcome for attempt in response.extensions["mesh"].attempts
    ]
    gate.set()
    assert ended.wait(20)
    assert 0 == mesh.metrics().services["users"].in_flight
    assert [(2, "success"), (1, "cancelled")] == attempts_told(events)


@pytest.mark.parametrize("hedge", [None, {"delay": 0.01}])
async def test_each_attempt_of_a_cancelled_call_is_told_as_cancelled(hedge: Any) -> None:
    """Once, with the time it had, and before the end of its call."""
    events: list[Event] = []
    users = {"endpoints": [A, B], "balancer": "round_robin", "hedge": hedge}
    mesh = Mesh("test", services={"users": users}, listeners=[events.append])
    sent = anyio.Event()
    asked: list[httpx.Request] = []
    expected = 1 if hedge is None else 2

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) == expected:
            sent.set()
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    transport = AsyncMeshTransport(mesh=mesh, transport=httpx.MockTransport(answer))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(transport.handle_async_request, httpx.Request("GET", "http://users/"))
        await sent.wait()
        tasks.cancel_scope.cancel()
    told = attempts_told(events)
    assert [(number, "cancelled") for number in range(1, expected + 1)] == told
    assert isinstance(events[-1], CallFinished)
    assert 0 == mesh.metrics().services["users"].in_flight


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_failed_hedge_does_not_end_the_call(asynchronous: bool) -> None:
    """While the first attempt may still succeed, the failure of the second is dropped."""
    users = {
        "endpoints": [A, B],
        "balancer": "round_robin",
        "hedge": {"delay": 0.01},
        "retry": {"max_attempts": 2},
    }
    mesh = Mesh("test", services={"users": users})
    failed = threading.Event()
    calls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.host)
        if len(calls) == 1:
            assert failed.wait(20)
            return httpx.Response(200)
        failed.set()
        raise httpx.ReadError("reset")

    async def later(request: httpx.Request) -> httpx.Response:
        return await anyio.to_thread.run_sync(answer, request, abandon_on_cancel=True)

    request = httpx.Request("GET", "http://users/")
    if asynchronous:
        made = AsyncMeshTransport(mesh=mesh, transport=httpx.MockTransport(later))
        response = await made.handle_async_request(request)
    else:
        blocking = MeshTransport(mesh=mesh, transport=httpx.MockTransport(answer))
        response = blocking.handle_request(request)
    assert 200 == response.status_code
    assert 2 == len(response.extensions["mesh"].attempts)
    assert 0 == mesh.metrics().services["users"].in_flight
