"""What is published of many lists, and when; what a sudden drop does."""

from __future__ import annotations

import math
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import Endpoint
from meshlib.discovery import DropGuardOptions, Publisher, Supervisor, Timing
from meshlib.events import DiscoveryFailed, EndpointsHeld

ALL = tuple(Endpoint(f"http://10.0.0.{n}:80") for n in range(20))


class Bench:
    """A publisher, and what it published and told."""

    def __init__(self, **options: Any) -> None:
        self.published: list[tuple[Endpoint, ...]] = []
        self.events: list[Any] = []
        self.publisher = Publisher(
            "users", "test", self.published.append, self.events.append, **options
        )

    def offer(self, endpoints: tuple[Endpoint, ...], now: float) -> int:
        """Offer *endpoints*; return how many lists were published so far."""
        self.publisher.offer(endpoints, now)
        return len(self.published)


def test_first_list_is_published_at_once() -> None:
    """Those who wait for endpoints wait for no interval."""
    bench = Bench(interval=1.0)
    assert 1 == bench.offer(ALL, 0.0)
    assert math.inf == bench.publisher.due


def test_lists_in_a_burst_are_merged() -> None:
    """Within the interval only the newest list is kept, and it is due at the end."""
    bench = Bench(interval=1.0)
    bench.offer(ALL[:1], 10.0)
    for count in (2, 3, 4):
        assert 1 == bench.offer(ALL[:count], 10.0 + count / 10)
    assert 11.0 == bench.publisher.due
    bench.publisher.work(10.9)
    assert 1 == len(bench.published)
    bench.publisher.work(11.0)
    assert [ALL[:1], ALL[:4]] == bench.published
    assert math.inf == bench.publisher.due


def test_burst_that_ends_as_it_began_publishes_nothing() -> None:
    """What came and went within the interval was never there."""
    bench = Bench(interval=1.0)
    bench.offer(ALL[:2], 0.0)
    bench.offer(ALL[:5], 0.1)
    bench.offer(ALL[:2], 0.2)
    bench.publisher.work(1.0)
    assert [ALL[:2]] == bench.published


def test_list_after_the_interval_is_published_at_once() -> None:
    """A change that comes alone is not delayed."""
    bench = Bench(interval=1.0)
    bench.offer(ALL[:1], 0.0)
    assert 2 == bench.offer(ALL[:2], 1.0)


GUARD = DropGuardOptions(max_ratio=0.5, min_endpoints=5, hold=30.0)


def test_great_drop_is_held_back() -> None:
    """What the list lacks is kept, what it adds is in force, and the event says which is which."""
    bench = Bench(guard=GUARD)
    bench.offer(ALL[:10], 0.0)
    new = (*ALL[:3], ALL[12])
    bench.offer(new, 5.0)
    assert set(new) | set(ALL[:10]) == set(bench.published[-1])
    (event,) = bench.events
    assert isinstance(event, EndpointsHeld)
    assert set(ALL[3:10]) == set(event.missing)
    assert ("users", "test", 30.0) == (event.service, event.source, event.duration)
    assert 35.0 == bench.publisher.due
    assert 7 == len(bench.publisher.held)


def test_held_endpoints_go_when_the_time_is_over() -> None:
    """The list is believed in the end, even if nothing new came."""
    bench = Bench(guard=GUARD)
    bench.offer(ALL[:10], 0.0)
    bench.offer(ALL[:2], 5.0)
    bench.publisher.work(34.9)
    assert set(ALL[:10]) == set(bench.published[-1])
    bench.publisher.work(35.0)
    assert ALL[:2] == bench.published[-1]
    assert () == bench.publisher.held
    assert 1 == len(bench.events)


def test_hold_is_counted_from_the_first_drop() -> None:
    """Further small lists do not prolong it."""
    bench = Bench(guard=GUARD)
    bench.offer(ALL[:10], 0.0)
    bench.offer(ALL[:3], 5.0)
    bench.offer(ALL[:2], 20.0)
    bench.offer(ALL[:1], 35.0)
    assert ALL[:1] == bench.published[-1]
    assert 1 == len(bench.events)


def test_recovery_ends_the_hold() -> None:
    """A list that is large enough again is taken as it is, and a later drop held anew."""
    bench = Bench(guard=GUARD)
    bench.offer(ALL[:10], 0.0)
    bench.offer((), 5.0)
    bench.offer(ALL[:8], 6.0)
    assert ALL[:8] == bench.published[-1]
    assert math.inf == bench.publisher.due
    bench.offer((), 50.0)
    assert 80.0 == bench.publisher.due
    assert 2 == len(bench.events)


@pytest.mark.parametrize(
    ("before", "after", "options"),
    [
        (10, 5, GUARD),
        (4, 0, GUARD),
        (10, 0, DropGuardOptions(enabled=False)),
        (10, 0, None),
        (10, 0, DropGuardOptions(max_ratio=1.0)),
    ],
    ids=["half", "few", "off", "none", "everything"],
)
def test_other_drops_are_believed(before: int, after: int, options: Any) -> None:
    """Up to the ratio, from few endpoints, and without a guard, a list is taken at once."""
    bench = Bench(guard=options)
    bench.offer(ALL[:before], 0.0)
    bench.offer(ALL[:after], 1.0)
    assert ALL[:after] == bench.published[-1]
    assert [] == bench.events


def test_few_endpoints_are_kept_after_a_failure() -> None:
    """A registry may be back before its data; the missing ones go when the time is over."""
    bench = Bench(guard=GUARD)
    bench.offer(ALL[:2], 0.0)
    bench.publisher.doubt(100.0)
    bench.offer((), 100.0)
    bench.offer((), 129.0)
    assert [ALL[:2]] == bench.published
    assert 130.0 == bench.publisher.due
    bench.publisher.work(130.0)
    assert () == bench.published[-1]
    assert 1 == len(bench.events)


def test_hold_of_few_endpoints_outlasts_the_doubt() -> None:
    """A list that came at the end of the doubt is held as long as any, and one of two may go."""
    bench = Bench(guard=GUARD)
    bench.offer(ALL[:2], 0.0)
    bench.publisher.doubt(100.0)
    bench.offer((), 129.0)
    bench.offer((), 158.0)
    assert [ALL[:2]] == bench.published
    bench.offer(ALL[:1], 158.5)
    assert ALL[:1] == bench.published[-1]


def test_few_endpoints_are_believed_when_the_doubt_is_over() -> None:
    """A source that works again is believed as before."""
    bench = Bench(guard=GUARD)
    bench.offer(ALL[:2], 0.0)
    bench.publisher.doubt(100.0)
    bench.offer(ALL[:2], 100.0)
    bench.offer((), 130.0)
    assert () == bench.published[-1]
    assert [] == bench.events


def test_replacement_is_no_drop() -> None:
    """As many others in place of those that left are a deployment."""
    bench = Bench(guard=GUARD)
    bench.offer(ALL[:10], 0.0)
    bench.offer(ALL[10:], 1.0)
    assert ALL[10:] == bench.published[-1]


@given(st.lists(st.tuples(st.sets(st.sampled_from(ALL)), st.floats(0, 40)), max_size=30))
def test_last_list_is_in_force_in_the_end(steps: list[tuple[set[Endpoint], float]]) -> None:
    """Whatever came, once nothing is due any more exactly the newest list is in force."""
    bench = Bench(interval=1.0, guard=GUARD)
    now, newest = 0.0, tuple(ALL)
    bench.offer(newest, now)
    for endpoints, pause in steps:
        now += pause
        newest = tuple(sorted(endpoints, key=lambda endpoint: endpoint.url))
        bench.publisher.work(now)
        bench.offer(newest, now)
        assert set(newest) <= set(bench.published[-1]) or bench.publisher.due < math.inf
    while bench.publisher.due < math.inf:
        bench.publisher.work(bench.publisher.due)
    assert set(newest) == set(bench.published[-1])
    assert () == bench.publisher.held


async def test_supervisor_publishes_what_is_due() -> None:
    """A burst of a real source ends in its last list, without another one coming."""
    send, published = anyio.create_memory_object_stream[Any](10)

    class Burst:
        async def watch(self, service: str) -> Any:
            """Four lists at once, and no more."""
            for count in (1, 2, 3, 4):
                yield ALL[:count]
            await anyio.sleep_forever()

    supervisor = Supervisor(
        Burst(), "users", send.send_nowait, lambda event: None, timing=Timing(), interval=0.02
    )
    with send, published, anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(supervisor.run)
            seen = [await published.receive()]
            while seen[-1] != ALL[:4]:
                seen.append(await published.receive())
            group.cancel_scope.cancel()
    assert len(seen) < 4
    assert 4 == supervisor.status.snapshots
    assert 0 == supervisor.status.held


async def test_empty_list_after_a_failure_is_held() -> None:
    """What a source says first when it is back is not believed if it takes everything away."""
    send, published = anyio.create_memory_object_stream[Any](10)
    heard, events = anyio.create_memory_object_stream[Any](10)

    class Restarted:
        asked = 0

        async def watch(self, service: str) -> Any:
            """Two endpoints and a failure; when it is asked again, none, and two others."""
            self.asked += 1
            if self.asked == 1:
                yield ALL[:2]
                raise OSError("reset")
            yield ()
            yield ALL[2:4]
            await anyio.sleep_forever()

    supervisor = Supervisor(
        Restarted(), "users", send.send_nowait, heard.send_nowait,
        timing=Timing(), guard=GUARD, backoff=0.01,
    )  # fmt: skip
    with send, published, heard, events, anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(supervisor.run)
            assert [ALL[:2], ALL[2:4]] == [await published.receive() for _ in range(2)]
            group.cancel_scope.cancel()
        failed, held = [await events.receive() for _ in range(2)]
    assert isinstance(failed, DiscoveryFailed)
    assert isinstance(held, EndpointsHeld)
    assert ALL[:2] == held.missing


async def test_publishing_later_may_fail() -> None:
    """What goes wrong while a merged list is published is told, and ends nothing."""
    send, heard = anyio.create_memory_object_stream[Any](10)
    seen: list[Any] = []

    class Burst:
        async def watch(self, service: str) -> Any:
            """Two lists at once, and no more."""
            yield ALL[:1]
            yield ALL[:2]
            await anyio.sleep_forever()

    def publish(endpoints: Any) -> None:
        seen.append(endpoints)
        if len(seen) == 2:
            raise RuntimeError("full")

    supervisor = Supervisor(
        Burst(), "users", publish, send.send_nowait, timing=Timing(), interval=0.02
    )
    with send, heard, anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(supervisor.run)
            event = await heard.receive()
            group.cancel_scope.cancel()
    assert "full" == str(event.error)
