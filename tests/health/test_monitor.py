"""Checking the endpoints of a service for as long as it is used."""

from __future__ import annotations

import logging
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from meshlib import Endpoint
from meshlib._clock import monotonic
from meshlib.events import EndpointHealthChanged
from meshlib.health import HealthCheckOptions, HealthMonitor
from support import FakeClock, ScriptedServer, replies

A, B, C = (f"http://10.0.0.1:{port}" for port in (1, 2, 3))


class World:
    """Endpoints that are fit unless they are in `down`, and a monitor that checks them."""

    def __init__(self, clock: Callable[[], float], *, sleep: Any = None, **options: Any) -> None:
        self.down: set[str] = set()
        self.checks: Counter[str] = Counter()
        self.published: list[dict[str, bool]] = []
        self.events: list[EndpointHealthChanged] = []
        self.changed = anyio.Event()
        self.raises: BaseException | None = None
        self.monitor = HealthMonitor(
            "users",
            HealthCheckOptions.model_validate({"call": self._check, "jitter": 0.0, **options}),
            self._publish,
            on_event=self._event,
            clock=clock,
            rng=random.Random(7),
            sleep=sleep,
        )

    async def _check(self, endpoint: Endpoint) -> bool:
        self.checks[endpoint.url] += 1
        self._tell()
        return endpoint.url not in self.down

    def _publish(self, found: Mapping[str, bool]) -> None:
        self.published.append(dict(found))
        self._tell()
        if self.raises is not None:
            raise self.raises

    def _event(self, event: Any) -> None:
        self.events.append(event)
        self._tell()
        if self.raises is not None:
            raise self.raises

    def _tell(self) -> None:
        self.changed.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until *condition* holds; it is asked again whenever something happens."""
        with anyio.fail_after(20):
            while not condition():
                self.changed = anyio.Event()
                await self.changed.wait()

    def known(self) -> dict[str, bool]:
        """What was published of each address last."""
        known: dict[str, bool] = {}
        for found in self.published:
            known |= found
        return known

    def update(self, *urls: str) -> None:
        """These are the endpoints."""
        self.monitor.update([Endpoint(url) for url in urls])


@pytest.fixture
def world(clock: FakeClock) -> World:
    """One in which sleeping lets time pass."""
    return World(clock, sleep=clock.asleep)


async def running(world: World, act: Callable[[], Any]) -> None:
    """Run the monitor while *act* does something."""
    async with anyio.create_task_group() as group:
        group.start_soon(world.monitor.run)
        await act()
        group.cancel_scope.cancel()


async def test_publishes_what_changes(world: World) -> None:
    """First what is found, then what changes after so many results, with events."""
    world.down.add(B)
    world.update(A, B)

    async def act() -> None:
        await world.until(lambda: world.known() == {A: True, B: False})
        world.down = {A}
        await world.until(lambda: world.known() == {A: False, B: True})

    await running(world, act)
    told = [(event.endpoint.url, event.healthy, event.reason) for event in world.events]
    assert [
        (B, False, "it returned False"),
        (A, False, "it returned False"),
        (B, True, ""),
    ] == told[:1] + sorted(told[1:])
    assert {"users"} == {event.service for event in world.events}


async def test_an_event_follows_its_effect(world: World) -> None:
    """Who acts on it finds the change published."""
    known: list[dict[str, bool]] = []
    world.monitor._on_event = lambda event: known.append(world.known())
    world.down.add(A)
    world.update(A)
    await running(world, lambda: world.until(lambda: world.checks[A] > 2))
    assert [{A: False}] == known


async def test_what_was_assumed_is_no_event(world: World) -> None:
    """An endpoint that is as it was held to be has not changed for anybody."""
    world.update(A)
    await running(world, lambda: world.until(lambda: world.checks[A] > 3))
    assert [] == world.events


async def test_a_pass_is_published_again_and_again(world: World) -> None:
    """An endpoint may have been ejected since; a failure that decides nothing is not told."""
    world.update(A, B)
    await running(world, lambda: world.until(lambda: len(world.published) > 5))
    assert {True} == {healthy for found in world.published for healthy in found.values()}
    world.published.clear()
    world.down.add(A)
    before = world.checks[A]
    await running(world, lambda: world.until(lambda: world.checks[A] > before))
    assert all(A not in found for found in world.published)


async def test_what_is_found_together_is_published_together(clock: FakeClock) -> None:
    """Each publication may cost a snapshot of all endpoints, so there are few of them."""
    world = World(clock, sleep=clock.asleep, interval=60.0)
    urls = [f"http://10.0.1.{n}:80" for n in range(100)]
    world.update(*urls)
    await running(world, lambda: world.until(lambda: len(world.known()) == 100))
    assert len(world.published) <= 3


async def test_a_clock_that_is_set_back_does_not_stop_publishing(clock: FakeClock) -> None:
    """The next publication waits for the interval at the most."""
    world = World(clock, sleep=clock.asleep)
    world.update(A)
    await running(world, lambda: world.until(lambda: len(world.published) > 1))
    clock.advance(-1000.0)
    world.monitor._found = {A: True}
    assert float("inf") == world.monitor._deliver()


async def test_an_endpoint_may_be_taken_for_unhealthy(clock: FakeClock) -> None:
    """It is published as that before `update` returns, and its first pass is an event."""
    world = World(clock, sleep=clock.asleep, assume="unhealthy")
    world.update(A)
    assert {A: False} == world.known()
    await running(world, lambda: world.until(lambda: world.known() == {A: True}))
    assert [(A, True)] == [(event.endpoint.url, event.healthy) for event in world.events]
    world.update(A, B)
    assert {A: True, B: False} == world.known()


async def test_tells_the_state_of_each(world: World, clock: FakeClock) -> None:
    """By address; unknown before the first result."""
    world.down.add(B)
    world.update(A, B)
    assert [None, None] == [status.healthy for status in world.monitor.snapshot().values()]
    await running(world, lambda: world.until(lambda: world.checks[B] >= 3 <= world.checks[A]))
    snapshot = world.monitor.snapshot()
    assert (True, "") == (snapshot[A].healthy, snapshot[A].reason)
    assert (False, "it returned False") == (snapshot[B].healthy, snapshot[B].reason)
    assert snapshot[A].consecutive >= 2
    age = snapshot[A].age(clock())
    assert age is not None
    assert age >= 0.0


async def test_endpoints_come_and_go_while_it_runs() -> None:
    """From any thread, at once; what has left is not checked again."""
    world = World(monotonic, interval=0.01)
    loop_thread = threading.get_ident()

    def update(*urls: str) -> None:
        assert loop_thread != threading.get_ident()
        world.update(*urls)

    async def act() -> None:
        await anyio.to_thread.run_sync(update, A)
        await world.until(lambda: world.checks[A] > 1)
        await anyio.to_thread.run_sync(update, B)
        await world.until(lambda: world.checks[B] > 1)
        seen = world.checks[A]
        await world.until(lambda: world.checks[B] > 5)
        assert world.checks[A] == seen
        assert [B] == list(world.monitor.snapshot())

    await running(world, act)


async def test_it_waits_in_real_time(clock: FakeClock) -> None:
    """Unless told otherwise."""
    world = World(monotonic, interval=0.02)
    world.update(A)
    began = monotonic()
    await running(world, lambda: world.until(lambda: world.checks[A] > 3))
    assert monotonic() - began >= 0.06


async def test_the_result_of_one_that_left_is_dropped() -> None:
    """Its check is cancelled, and nothing is published or told of it."""
    begun, ended = anyio.Event(), []

    async def hangs(endpoint: Endpoint) -> bool:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(endpoint.url)
        return False

    published: list[Any] = []
    monitor = HealthMonitor("users", HealthCheckOptions(call=hangs, timeout=60.0), published.append)
    monitor.update([Endpoint(A)])
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(monitor.run)
            await begun.wait()
            monitor.update([])
            while not ended:
                await anyio.lowlevel.checkpoint()
            while monitor._in_flight:
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    assert ([A], [], {}) == (ended, published, monitor.snapshot())


async def test_one_that_left_before_its_first_check_is_forgotten() -> None:
    """There is nothing to close."""
    world = World(monotonic, interval=0.01, initial_delay=60.0)

    async def act() -> None:
        world.update(A)
        await anyio.wait_all_tasks_blocked()
        world.update()
        await anyio.wait_all_tasks_blocked()

    await running(world, act)
    assert (0, {}) == (world.checks[A], world.monitor.snapshot())


async def test_no_more_checks_at_once_than_allowed() -> None:
    """The others begin as those end."""
    flying = most = done = 0
    finished = anyio.Event()

    async def check(_: Endpoint) -> None:
        nonlocal flying, most, done
        flying += 1
        most = max(most, flying)
        await anyio.lowlevel.checkpoint()
        flying -= 1
        done += 1
        if done == 60:
            finished.set()

    options = HealthCheckOptions(call=check, max_concurrency=3, interval=0.05)
    monitor = HealthMonitor("users", options, lambda found: None)
    monitor.update([Endpoint(f"http://10.0.1.{n}:80") for n in range(20)])
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(monitor.run)
            await finished.wait()
            group.cancel_scope.cancel()
    assert 1 <= most <= 3


async def test_connections_do_not_outlive_it(serve: Callable[..., ScriptedServer]) -> None:
    """Neither that of an endpoint that has left, nor any when it ends."""
    one, two = serve(replies()), serve(replies())
    monitor = HealthMonitor("users", HealthCheckOptions(http="/", interval=0.02), lambda _: None)
    monitor.update([Endpoint(one.url), Endpoint(two.url)])
    async with anyio.create_task_group() as group:
        group.start_soon(monitor.run)
        await one.until(lambda: len(one.requests) > 1)
        await two.until(lambda: len(two.requests) > 1)
        monitor.update([Endpoint(two.url)])
        await one.until(lambda: one.connections[0].closed)
        group.cancel_scope.cancel()
    await two.until(lambda: two.connections[0].closed)
    assert (1, 1) == (len(one.connections), len(two.connections))


async def test_it_may_run_again(world: World) -> None:
    """It goes on where it was, with what was under way."""
    world.update(A)
    await running(world, lambda: world.until(lambda: world.checks[A] > 1))
    before = world.checks[A]
    world.update(A, B)
    await running(world, lambda: world.until(lambda: world.checks[A] > before and world.checks[B]))


async def test_withdrawing_leaves_everything_healthy(world: World) -> None:
    """Nobody would ever say so again; nothing is published afterwards."""
    world.down = {A, B}
    world.update(A, B)
    await running(world, lambda: world.until(lambda: world.known() == {A: False, B: False}))
    world.monitor.withdraw()
    assert {A: True, B: True} == world.known()
    count = len(world.published)
    world.monitor._tell({A: False})
    assert count == len(world.published)


async def test_withdrawing_wins_over_what_is_published_meanwhile(world: World) -> None:
    """A result that was on its way does not stay the last word."""
    world.update(A)
    publish = world.monitor._publish

    def publish_late(found: Mapping[str, bool]) -> None:
        if not found[A]:
            world.monitor.withdraw()
        publish(found)

    world.monitor._publish = publish_late  # as if by another thread
    world.monitor._tell({A: False})
    assert {A: True} == world.known()


async def test_what_listeners_raise_is_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not stop the checks."""
    world.raises = ValueError("broken")
    world.down.add(A)
    world.update(A)
    with caplog.at_level(logging.ERROR, "meshlib"):
        await running(world, lambda: world.until(lambda: world.published and world.checks[A] > 2))
    texts = {record.message for record in caplog.records}
    assert {
        "the health of users could not be published",
        "a listener failed on EndpointHealthChanged",
    } == texts


async def test_nobody_need_listen(clock: FakeClock) -> None:
    """Events are for those who want them."""
    failed = anyio.Event()

    def fails(found: Mapping[str, bool]) -> None:
        failed.set()

    monitor = HealthMonitor(
        "users",
        HealthCheckOptions(call=lambda _: False),
        fails,
        clock=clock,
        sleep=clock.asleep,
    )
    monitor.update([Endpoint(A)])
    async with anyio.create_task_group() as group:
        group.start_soon(monitor.run)
        await failed.wait()
        group.cancel_scope.cancel()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_is_not_locked_out(world: World) -> None:
    """Whatever thread of its parent held the lock."""
    world.update(A)
    world.monitor._lock.acquire()
    world.monitor._bell = object()  # type: ignore[assignment] # of a loop that the child lacks
    world.monitor.renew()
    world.update(B)
    assert [B] == list(world.monitor.snapshot())
