"""The one timer behind the deadlines of a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshlib.integrations._watch import Watch


class Handle:
    """A timer that can be cancelled."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Never ring."""
        self.cancelled = True


class Loop:
    """As much of a loop as a watch needs, in time that the test makes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Handle] = []

    def time(self) -> float:
        """Its clock."""
        return self.now

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        """Remember the timer."""
        handle = Handle(when, callback)
        self.timers.append(handle)
        return handle

    def advance(self, to: float) -> None:
        """Ring what is due until *to*, each at its time."""
        while True:
            due = [timer for timer in self.timers if not timer.cancelled and timer.when <= to]
            if not due:
                break
            timer = min(due, key=lambda timer: timer.when)
            self.timers.remove(timer)
            self.now = max(self.now, timer.when)
            timer.callback()
        self.now = to


def watch_of(loop: Any) -> Watch:
    """A watch on *loop*."""
    return Watch(loop)


class One:
    """Remembers when it expired."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.expired: list[float] = []

    def expire(self) -> None:
        """The deadline has passed."""
        self.expired.append(self.loop.now)


def test_expires_at_its_time() -> None:
    """Each expires once, when its own deadline has come."""
    loop = Loop()
    watch = watch_of(loop)
    first, second = One(loop), One(loop)
    watch.add(second, 2.0)
    watch.add(first, 1.0)
    loop.advance(5)
    assert ([1.0], [2.0]) == (first.expired, second.expired)
    assert 0 == len(watch)


def test_removed_never_expires() -> None:
    """What ended in time is forgotten, also twice."""
    loop = Loop()
    watch = watch_of(loop)
    one = One(loop)
    watch.add(one, 1.0)
    watch.remove(one)
    watch.remove(one)
    loop.advance(5)
    assert [] == one.expired


def test_a_later_deadline_sets_no_timer() -> None:
    """Requests that come and go one after the other share the timer of the first."""
    loop = Loop()
    watch = watch_of(loop)
    for number in range(100):
        one = One(loop)
        watch.add(one, 1.0 + number / 1000)
        watch.remove(one)
    assert 1 == len(loop.timers)


def test_timer_that_rings_early() -> None:
    """A loop may call a timer a little before its time; what it was set for is due."""
    loop = Loop()
    watch = watch_of(loop)
    one = One(loop)
    watch.add(one, 1.0)
    loop.now = 0.9999
    loop.timers[0].callback()
    assert [0.9999] == one.expired


@given(
    st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 10), st.floats(0.001, 10)), max_size=20)
)
def test_expires_what_is_not_removed_before(requests: list[tuple[float, float, float]]) -> None:
    """Whatever the order is: who takes longer than its time expires, at that very time."""
    loop = Loop()
    watch = watch_of(loop)
    ones = [One(loop) for _ in requests]
    steps = [(at, 1, n) for n, (at, _, _) in enumerate(requests)]
    steps += [(at + takes, 0, n) for n, (at, takes, _) in enumerate(requests)]
    for when, begins, n in sorted(steps):
        loop.advance(when)
        if begins:
            watch.add(ones[n], when + requests[n][2])
        else:
            watch.remove(ones[n])
    loop.advance(100)
    for one, (at, takes, limit) in zip(ones, requests, strict=True):
        if at + limit <= at + takes:
            assert [at + limit] == one.expired
        else:
            assert [] == one.expired
