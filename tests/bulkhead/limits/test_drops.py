"""A limit that is none until most of what is sent is dropped."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshlib.bulkhead import Bulkhead, BulkheadOptions
from meshlib.bulkhead.limits import DropLimit, DropsOptions
from support import FakeClock

NONE = 1_000_000
LATE = 0.25


class Load:
    """Windows of a tenth of a second, one after the other, of ten samples each."""

    def __init__(self, **options: Any) -> None:
        self.limit = DropLimit(DropsOptions.model_validate(options))
        self.now = 100.0

    def window(self, *, drops: int = 0, in_flight: int = 1, rtt: float = 0.01) -> int:
        """The limit after so many drops of ten; the first comes at the window's beginning."""
        for number in range(10):
            dropped = number < drops
            self.now += 0.0112
            self.limit.sample(self.now, LATE if dropped else rtt, in_flight, dropped)
        return self.limit.limit


def test_nothing_is_limited_at_first() -> None:
    """Successes, however slow and many, change nothing, and need not be told."""
    load = Load()
    assert load.limit.idle
    assert NONE == load.window(in_flight=5000, rtt=20.0)
    assert load.limit.idle


def test_half_of_a_window_lowers_it() -> None:
    """By half of the share, from what was in flight; fewer do not."""
    load = Load()
    assert NONE == load.window(drops=4, in_flight=200)
    assert 150 == load.window(drops=5, in_flight=200)
    assert 75 == load.window(drops=10, in_flight=200)
    assert not load.limit.idle


def test_it_never_falls_below_its_minimum() -> None:
    """Twenty by default, also from fewer in flight."""
    load = Load()
    assert [50, 25, 20, 20] == [load.window(drops=10, in_flight=100) for _ in range(4)]
    load = Load(min=7)
    assert 7 == load.window(drops=10, in_flight=2)


def test_it_rises_while_it_is_used_and_answers_are_fast() -> None:
    """By a quarter a window; not while a tenth or more is dropped."""
    load = Load()
    load.window(drops=10, in_flight=80)
    assert 40 == load.window(drops=2, in_flight=40)
    assert [50, 62] == [load.window(in_flight=40), load.window(in_flight=40)]
    assert 62 == load.window(in_flight=20)  # not used


def test_it_rises_slowly_near_the_time_out() -> None:
    """Once a second above half of it, once in ten above three quarters."""
    load = Load()
    load.window(drops=10, in_flight=80)
    assert 40 == load.window(in_flight=40, rtt=0.15)
    slow = [load.window(in_flight=40, rtt=0.15) for _ in range(20)]
    assert {40, 42, 44} == set(slow)
    slower = [load.window(in_flight=44, rtt=0.2) for _ in range(80)]
    assert {44} == set(slower)
    assert 46 == max(load.window(in_flight=44, rtt=0.2) for _ in range(20))


def test_fast_refusals_do_not_hold_it_down() -> None:
    """Answers take longer than what was shed at once: no time-out is near."""
    load = Load()
    for _ in range(10):
        load.now += 0.0112
        load.limit.sample(load.now, 0.001, 80, True)
    assert 40 == load.limit.limit
    assert 50 == max(load.window(in_flight=40, rtt=0.2) for _ in range(5))


def test_it_is_lifted_when_it_is_not_needed() -> None:
    """After a second in which less than half of it was in flight, or once it is no limit."""
    load = Load()
    load.window(drops=10, in_flight=80)
    limits = [load.window(in_flight=5) for _ in range(12)]
    assert 40 == limits[5]
    assert NONE == limits[-1]
    assert load.limit.idle
    load.window(drops=10, in_flight=80)
    while load.limit.limit < NONE:
        load.window(in_flight=load.limit.limit)
    load.window()
    assert load.limit.idle


def test_few_answers_are_gathered() -> None:
    """Nine are too few whatever time they take, and old ones are dropped with their window."""
    limit = DropLimit()
    for number in range(9):
        limit.sample(number * 0.3, LATE, 50, True)
    assert NONE == limit.limit
    limit.sample(2.9, LATE, 50, True)
    assert 25 == limit.limit
    limit.sample(6.0, LATE, 50, True)  # more than thirty windows later
    for number in range(9):
        limit.sample(6.05 + number / 1000, LATE, 50, True)
    limit.sample(6.2, LATE, 50, True)
    assert 20 == limit.limit


def test_flood_is_told_from_a_dead_endpoint() -> None:
    """More than the minimum in flight, and most of them late, until a window is better."""
    load = Load()
    assert not load.limit.flooded(load.now)
    load.limit.sample(load.now, LATE, 20, True)
    assert not load.limit.flooded(load.now)
    load.limit.sample(load.now, LATE, 21, True)
    assert load.limit.flooded(load.now + 2.4)
    assert not load.limit.flooded(load.now + 2.6)
    load.window(drops=2, in_flight=50)
    assert not load.limit.flooded(load.now)
    load.limit.sample(load.now, 0.01, 50, False)
    load.limit.sample(load.now, 0.01, 50, False)
    load.limit.sample(load.now, LATE, 50, True)
    assert not load.limit.flooded(load.now)  # one of three


def test_each_drop_of_a_limited_service_is_of_the_flood() -> None:
    """If more than the minimum are in flight: the limit was raised too far."""
    load = Load()
    load.window(drops=10, in_flight=100)
    load.window(drops=0, in_flight=50)
    assert load.limit.flooded(load.now + 0.9 * LATE)  # what was sent before is late yet
    assert not load.limit.flooded(load.now + 1.1 * LATE)
    load.now += 1.1 * LATE
    for _ in range(5):
        load.limit.sample(load.now, 0.2, 50, False)
    load.limit.sample(load.now, LATE, 50, True)
    assert load.limit.flooded(load.now)


def test_drop_of_which_nothing_was_measured_counts() -> None:
    """A clock that jumped says nothing of how long it took."""
    limit = DropLimit(DropsOptions(window_size=1, window=0.1))
    limit.sample(0.0, 0.0, 100, True)
    limit.sample(0.2, -5.0, 100, True)
    assert 50 == limit.limit
    assert not limit.flooded(0.3)


def test_forked_child_keeps_the_limit() -> None:
    """And forgets the half of a window of its parent."""
    load = Load()
    load.window(drops=10, in_flight=100)
    for _ in range(9):
        load.limit.sample(load.now, LATE, 100, True)
    load.limit.renew()
    assert 50 == load.limit.limit
    load.limit.sample(load.now + 0.2, LATE, 100, True)
    assert 50 == load.limit.limit


def test_clock_that_goes_back_costs_one_window() -> None:
    """Nothing is stuck in a window that ends in an hour."""
    load = Load()
    load.window(drops=10, in_flight=100)
    load.now -= 3600
    assert 25 in {load.window(drops=10, in_flight=100) for _ in range(2)}


@given(
    st.lists(
        st.tuples(st.floats(0, 0.3), st.floats(0, 60), st.integers(1, 5000), st.booleans()),
        max_size=400,
    )
)
def test_it_stays_within_its_bounds(samples: list[tuple[float, float, int, bool]]) -> None:
    """Whatever happens; and it is idle only where it limits nothing."""
    limit, now = DropLimit(), 0.0
    for step, rtt, in_flight, dropped in samples:
        now += step
        limit.sample(now, rtt, in_flight, dropped)
        assert 20 <= limit.limit <= NONE
        assert not limit.idle or NONE == limit.limit


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 5000)), max_size=300), st.data())
def test_service_that_answers_most_is_not_limited(
    answers: list[tuple[float, int]], data: st.DataObject
) -> None:
    """However slow it is, and though one of three of its answers is a drop."""
    limit = DropLimit()
    for number, (rtt, in_flight) in enumerate(answers):
        limit.sample(number * 0.02, rtt, in_flight, False)
        if number % 2:
            limit.sample(number * 0.02, rtt, in_flight, False)
            limit.sample(number * 0.02, 30.0, in_flight, number % 4 == 1)
    assert NONE == limit.limit


def test_default_bulkhead_goes_by_it(clock: FakeClock) -> None:
    """Its limit is that of the document until then, and successes need not be told."""
    bulkhead = Bulkhead()
    assert (1000, False) == (bulkhead.max_concurrency, bulkhead.attentive)
    for _ in range(100):
        bulkhead.try_acquire()
    for _ in range(11):
        clock.advance(0.0112)
        assert not bulkhead.flooded(clock()) or bulkhead.attentive
        bulkhead.observe(clock(), LATE, dropped=True)
        bulkhead.observe(clock(), 0.01)
    assert (73, True) == (bulkhead.max_concurrency, bulkhead.attentive)
    assert bulkhead.flooded(clock())
    bulkhead.resize(BulkheadOptions(adaptive=None))
    assert (1000, False) == (bulkhead.max_concurrency, bulkhead.attentive)
    assert not bulkhead.flooded(clock())
