"""Event loops that stand still while calls are in flight, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
import sniffio

from meshlib import AsyncMeshClient, Mesh, MeshClient
from meshlib.events import HedgeStarted, LoopStalled
from meshlib.testing import VirtualTime
from meshlib.transport import Stalls
from support.meshes import Body

TWO = ["http://a:80", "http://b:80"]
STALL = 0.2
BEGIN = 0.005
"""Seconds after which the loop is blocked; an answer takes twice as long."""


class Slow(httpx.AsyncBaseTransport):
    """Answers after 10 ms, or never."""

    def __init__(self, *, seconds: float = 2 * BEGIN) -> None:
        self.seconds = seconds
        self.requests = 0
        self.time: VirtualTime

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.requests += 1
        await self.time.asleep(self.seconds)
        return httpx.Response(200, stream=Body(b"ok"))


@pytest.fixture
def virtual() -> Iterator[VirtualTime]:
    """Virtual time, in which a loop stands still while its thread sleeps."""
    with VirtualTime() as time:
        yield time


class Blocked:
    """A client whose loop is blocked during its calls."""

    def __init__(self, virtual: VirtualTime, *, measured: bool = True, **settings: Any) -> None:
        self.virtual = virtual
        self.events: list[Any] = []
        self.wire = settings.pop("wire", None) or Slow()
        self.wire.time = virtual
        self.mesh = Mesh(
            "test",
            services={"users": {"endpoints": TWO, **settings}},
            clock=virtual,
            rng=random.Random(7),
            listeners=[self.events.append],
        )
        if measured:  # a mesh measures by the machine's clock alone, unless told
            self.mesh.stalls.take(0.05)
        self.client = AsyncMeshClient(mesh=self.mesh, transport=self.wire)

    async def call(self, calls: int = 1, *, stall: float = STALL) -> list[Any]:
        """What came of *calls* at once, while the loop was blocked."""
        found: list[Any] = []

        async def one() -> None:
            try:
                found.append(await self.client.get("http://users/"))
            except httpx.TransportError as exc:
                found.append(exc)

        self.virtual.keep()
        async with anyio.create_task_group() as group:
            for _ in range(calls):
                group.start_soon(one)
            await self.virtual.asleep(BEGIN)
            self.virtual.sleep(stall)
        return found

    @property
    def targets(self) -> Any:
        """The endpoints."""
        return self.mesh.service("users").targets

    async def rest(self, seconds: float = 0.1) -> None:
        """Let a tick come."""
        await self.virtual.asleep(seconds)

    def told(self, kind: type) -> list[Any]:
        """The events of one type."""
        return [event for event in self.events if type(event) is kind]


async def test_a_stall_is_seen_and_told(virtual: VirtualTime) -> None:
    """Report, event and metrics say how long the loop stood still."""
    blocked = Blocked(virtual)
    (response,) = await blocked.call()
    (attempt,) = response.extensions["mesh"].attempts
    assert attempt.stalled == pytest.approx(STALL, abs=0.03)
    assert attempt.elapsed == pytest.approx(STALL + BEGIN, abs=0.01)
    assert "our own loop stood still for" in str(response.extensions["mesh"])
    await blocked.rest()
    (event,) = blocked.told(LoopStalled)
    assert event.duration == pytest.approx(STALL, abs=0.03)
    metrics = blocked.mesh.metrics()
    assert (metrics.stalls, metrics.stalled) == (1, event.duration)


async def test_a_short_block_is_none(virtual: VirtualTime) -> None:
    """A loop that is busy for less than the threshold is measured as ever."""
    blocked = Blocked(virtual)
    (response,) = await blocked.call(stall=0.04)
    await blocked.rest()
    assert response.extensions["mesh"].attempts[0].stalled == 0.0
    assert blocked.told(LoopStalled) == []


@pytest.mark.parametrize("measured", [True, False])
async def test_a_breaker_opens_by_no_stall(virtual: VirtualTime, measured: bool) -> None:
    """Twenty calls time out together, as the loop was blocked, and nobody is to blame."""
    blocked = Blocked(
        virtual,
        measured=measured,
        wire=Slow(seconds=STALL + 0.05),
        attempt_timeout=0.1,
        retry=False,
        breaker={"consecutive_failures": 5},
    )
    found = await blocked.call(20)
    assert all(isinstance(each, httpx.TimeoutException) for each in found)
    states = {target.breaker.state.value for target in blocked.targets}
    assert states == ({"closed"} if measured else {"open"})
    assert sum(target.failures for target in blocked.targets) == (0 if measured else 20)
    outliers = sum(target.outlier.total for target in blocked.targets)
    assert outliers == (0 if measured else 20)


@pytest.mark.parametrize("measured", [True, False])
async def test_an_average_is_not_spoiled(virtual: VirtualTime, measured: bool) -> None:
    """Endpoints of 10 ms do not look as if they took 200."""
    blocked = Blocked(virtual, measured=measured)
    await blocked.call(4, stall=0.0)
    await blocked.call(4)
    latencies = [target.load.latency(virtual()) for target in blocked.targets]
    assert all((latency < 0.02) is measured for latency in latencies), latencies


@pytest.mark.parametrize("measured", [True, False])
async def test_a_hedge_does_not_start_for_a_stall(virtual: VirtualTime, measured: bool) -> None:
    """The answer may have come while nobody looked, so it is waited for that much longer."""
    blocked = Blocked(virtual, measured=measured, wire=Slow(seconds=0.08), hedge={"delay": 0.06})
    await blocked.call(stall=0.09)
    hedges = [len(blocked.told(HedgeStarted)), blocked.wire.requests]
    if sniffio.current_async_library() == "asyncio" or measured:
        assert hedges == ([0, 1] if measured else [1, 2])


async def test_an_idle_loop_has_no_timer(virtual: VirtualTime) -> None:
    """The ticks end with the calls, and begin again with the next one."""
    blocked = Blocked(virtual)
    stalls = blocked.mesh.stalls
    assert stalls.here.asleep
    await blocked.call(stall=0.0)
    assert not stalls.here.asleep
    await blocked.rest()
    assert stalls.here.asleep
    assert stalls.alarm == float("inf")
    await blocked.call()
    await blocked.rest()
    assert len(blocked.told(LoopStalled)) == 1


async def test_ticks_go_on_while_a_body_is_open(virtual: VirtualTime) -> None:
    """A stall while a response is read is seen, too."""
    blocked = Blocked(virtual)
    virtual.keep()
    async with blocked.client.stream("GET", "http://users/"):
        await blocked.rest(1.0)
        assert not blocked.mesh.stalls.here.asleep
    await blocked.rest()
    assert blocked.mesh.stalls.here.asleep


async def test_a_new_configuration_changes_the_threshold(virtual: VirtualTime) -> None:
    """What ticked by the old one ends; null ends all of it."""
    blocked = Blocked(virtual)
    await blocked.call(stall=0.0)
    blocked.mesh.stalls.take(0.5)
    await blocked.call(stall=0.3)
    await blocked.rest(1.0)
    assert blocked.told(LoopStalled) == []
    await blocked.call(stall=0.9)
    await blocked.rest(1.0)
    assert len(blocked.told(LoopStalled)) == 1
    blocked.mesh.stalls.take(None)
    await blocked.call(stall=0.9)
    await blocked.rest(1.0)
    assert len(blocked.told(LoopStalled)) == 1
    assert not blocked.mesh.stalls.here.asleep  # nor is anybody asked for a loop


def test_the_next_loop_of_a_thread_is_watched_anew() -> None:
    """A loop that ended in the middle of a call leaves nothing behind that others suffer from."""
    with VirtualTime() as virtual:
        blocked = Blocked(virtual)

        async def cut_off() -> None:
            virtual.keep()
            task = asyncio.ensure_future(blocked.client.get("http://users/"))
            await virtual.asleep(BEGIN)
            task.cancel()

        async def twice() -> list[float]:
            found = [*await blocked.call(), *await blocked.call()]
            return [each.extensions["mesh"].attempts[0].stalled for each in found]

        asyncio.run(cut_off())
        assert not blocked.mesh.stalls.here.asleep
        virtual.sleep(10.0)
        # The end of the first call shows that the loop is another one.
        assert asyncio.run(twice()) == [0.0, pytest.approx(STALL, abs=0.03)]


def test_threads_have_no_loop() -> None:
    """Blocking calls of a mesh that has asynchronous clients, too, are measured as ever."""
    with VirtualTime() as virtual:

        def answer(request: httpx.Request) -> httpx.Response:
            virtual.sleep(STALL)
            return httpx.Response(200)

        blocked = Blocked(virtual)
        transport = httpx.MockTransport(answer)
        with MeshClient(mesh=blocked.mesh, transport=transport) as client:
            response = client.get("http://users/")
        assert response.extensions["mesh"].attempts[0].stalled == 0.0
        assert blocked.mesh.stalls.alarm == float("inf")


def test_nothing_is_measured_before_a_client_waits_in_loops() -> None:
    """Nor without a threshold: an attempt does not even ask for a loop."""
    stalls = Stalls(0.05)
    assert not stalls.here.asleep
    for _ in range(2):
        stalls.serve()
        assert stalls.here.asleep
    stalls.take(None)
    stalls.wake()
    assert not stalls.here.asleep


def test_who_knows_of_no_calls_lets_loops_rest() -> None:
    """After one tick: by default nobody is busy."""
    with VirtualTime() as virtual:

        async def watched() -> bool:
            stalls = Stalls(0.05, clock=virtual)
            stalls.serve()
            stalls.wake()
            assert not stalls.here.asleep
            await virtual.asleep(0.1)
            return stalls.here.asleep

        assert asyncio.run(watched())
