"""Who may enter, who is turned away, and what is learned of it."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib._context import Priority
from meshlib.bulkhead.limits import ConcurrencyOptions, Gate

LOW, LOW_PLUS, HIGH, HIGH_PLUS = Priority


def gate_of(value: Any = 20, **rest: Any) -> Gate:
    """A gate with options as a document has them."""
    options = {"fixed": value} if isinstance(value, int) else value
    return Gate(ConcurrencyOptions.model_validate({**options, **rest}), rng=random.Random(1))


def fill(gate: Gate, priority: Priority = HIGH_PLUS) -> int:
    """How many enter before one is turned away."""
    count = 0
    while gate.try_enter(priority, 0.0):
        count += 1
    return count


@pytest.mark.parametrize(
    ("priority", "most"), [(LOW, 12), (LOW_PLUS, 15), (HIGH, 18), (HIGH_PLUS, 20)]
)
def test_each_priority_has_its_share(priority: Priority, most: int) -> None:
    """60, 75, 90 and 100 percent of the limit."""
    gate = gate_of(20)
    assert most == fill(gate, priority)
    assert most == gate.in_flight == gate.peak == gate.entered
    assert 1 == gate.rejected[priority] == sum(gate.rejected)


def test_sheddable_go_first() -> None:
    """At each level of load the lower priorities are turned away, and the higher ones enter."""
    gate = gate_of(20)
    assert [12, 3, 3, 2] == [fill(gate, priority) for priority in Priority]
    assert not any(gate.try_enter(priority, 0.0) for priority in Priority)


def test_small_limit_starves_nobody() -> None:
    """One of each priority may enter while nobody else is there."""
    for priority in Priority:
        assert 1 == fill(gate_of(1), priority)
    assert 1 == fill(gate_of(5, shares={"sheddable": 0}), LOW)


def test_share_of_what_floats_cannot_say() -> None:
    """0.29 of 100 is 29, though its product is a little less."""
    shares = {"sheddable": 0.29, "sheddable_plus": 0.29, "critical": 0.29}
    assert 29 == fill(gate_of(100, shares=shares), LOW)


def test_place_is_given_back() -> None:
    """Who leaves makes room for one, and one leave too many for none."""
    gate = gate_of(1)
    assert gate.try_enter(HIGH, 0.0)
    assert not gate.try_enter(HIGH, 0.0)
    gate.leave(1.0, 0.1)
    gate.leave(1.0, 0.1)
    assert 0 == gate.in_flight
    assert gate.try_enter(HIGH, 0.0)
    assert not gate.try_enter(HIGH, 0.0)


def pulse(gate: Gate, second: int, **how: Any) -> None:
    """A second in which the gate is full and all leave at its end."""
    entered = fill(gate)
    for _ in range(entered):
        gate.leave(float(second), **how)


def test_limit_follows_and_shares_with_it() -> None:
    """Answers that stay quick let more enter, of each priority."""
    gate = gate_of({"gradient2": {}})
    assert 18 == fill(gate, HIGH)
    for _ in range(18):
        gate.leave(0.0, None)
    for second in range(60):
        pulse(gate, second, elapsed=0.1)
    limit = gate.limit
    assert limit > 60
    assert int(limit * 0.9) == fill(gate, HIGH)


def test_drops_lower_the_limit() -> None:
    """Requests without an answer in time are counted, and lower it."""
    gate = gate_of({"gradient2": {"initial": 100}})
    pulse(gate, 0, elapsed=0.1)
    for second in (2, 4):
        pulse(gate, second, elapsed=9.0, dropped=True)
    assert gate.limit < 100
    assert 100 <= gate.dropped


def test_drop_needs_no_duration() -> None:
    """A request whose time nobody knows may still have been dropped."""
    gate = gate_of({"aimd": {"initial": 100, "window_size": 1}})
    for second in (0.0, 1.0):
        assert gate.try_enter(HIGH, second)
        gate.leave(second, None, True)
    assert 90 == gate.limit


def test_cancelled_is_no_sample() -> None:
    """Without a duration nothing is learned, however many there are."""
    gate = gate_of({"aimd": {}})
    for second in range(100):
        pulse(gate, second)
    assert 20 == gate.limit
    for second in range(100, 200):
        pulse(gate, second, elapsed=0.1)
    assert 20 < gate.limit


def test_rejected_are_no_samples() -> None:
    """Who was turned away took no time and proves nothing."""
    gate = gate_of({"aimd": {"max": 21, "min": 1, "initial": 1}})
    assert gate.try_enter(HIGH, 0.0)
    for _ in range(1000):
        assert not gate.try_enter(HIGH, 5.0)
    assert 1 == gate.limit


class TestRetryAfter:
    """How long those who were rejected are asked to stay away."""

    def wait(self, gate: Gate, now: float) -> float:
        """Without the jitter, which is checked to be there and in its bounds."""
        told = {gate.retry_after(now) for _ in range(50)}
        assert len(told) > 1
        least = min(told)
        assert max(told) <= 1.5 * least
        return least

    def overloaded(self, rejected: int, **options: Any) -> Gate:
        """A gate that has let ten in during a second and turned others away."""
        gate = gate_of(10, **options)
        assert 10 == sum(gate.try_enter(HIGH_PLUS, 0.0) for _ in range(10))
        assert not any(gate.try_enter(HIGH_PLUS, 0.5) for _ in range(rejected))
        return gate

    @pytest.mark.parametrize(
        ("rejected", "seconds"), [(0, 1.0), (10, 1.0), (50, 5.0), (200, 20.0), (900, 30.0)]
    )
    def test_wait_is_the_work_that_was_rejected(self, rejected: int, seconds: float) -> None:
        """Five times as many rejected as let in are five seconds of work; 1 to 30 are told."""
        gate = self.overloaded(rejected)
        assert seconds == pytest.approx(self.wait(gate, 0.9), rel=0.05)

    def test_last_second_counts_in_the_next(self) -> None:
        """The second that has just begun knows nothing yet."""
        gate = self.overloaded(50)
        assert 5.0 == pytest.approx(self.wait(gate, 1.1), rel=0.05)

    def test_demand_of_long_ago_is_forgotten(self) -> None:
        """Two seconds later, or after a clock went back, the least is told."""
        for now in (2.0, 500.0, -3.0):
            assert 1.0 == pytest.approx(self.wait(self.overloaded(50), now), rel=0.05)

    def test_nobody_let_in_is_as_if_one_had_been(self) -> None:
        """Without a rate the number of the rejected is the wait."""
        gate = gate_of(1)
        assert gate.try_enter(HIGH, 0.0)
        assert not any(gate.try_enter(HIGH, 1.2) for _ in range(7))
        assert 7.0 == pytest.approx(self.wait(gate, 1.5), rel=0.05)

    def test_bounds_are_options(self) -> None:
        """Both ends can be moved."""
        assert 2.0 <= self.overloaded(0, min_retry_after=2).retry_after(0.9) <= 3.0
        assert 3.0 <= self.overloaded(900, max_retry_after=3).retry_after(0.9) <= 4.5


def test_new_options_keep_what_was_learned() -> None:
    """Other shares or waits leave the limit and who is in flight alone."""
    gate = gate_of({"gradient2": {}})
    for second in range(60):
        pulse(gate, second, elapsed=0.1)
    learned = gate.limit
    assert gate.try_enter(HIGH, 60.0)
    options = {"gradient2": {}, "shares": {"critical": 1.0}}
    gate.resize(ConcurrencyOptions.model_validate(options))
    assert learned == gate.limit
    assert learned - 1 == fill(gate, HIGH)


def test_another_limit_starts_anew_and_cuts_nobody_off() -> None:
    """Who is in flight stays; nobody enters until they are below the new limit."""
    gate = gate_of(10)
    assert 10 == fill(gate)
    gate.resize(ConcurrencyOptions(fixed=5))
    assert (5, 10) == (gate.limit, gate.in_flight)
    for _ in range(6):
        assert not gate.try_enter(HIGH_PLUS, 0.0)
        gate.leave(0.0, 0.1)
    assert gate.try_enter(HIGH_PLUS, 0.0)


def test_forked_child_starts_empty() -> None:
    """It has no request in flight, a lock of its own, and the limit that was learned."""
    gate = gate_of({"aimd": {}})
    for second in range(20):
        pulse(gate, second, elapsed=0.1)
    learned = gate.limit
    assert learned > 20
    fill(gate)
    gate._lock.acquire()  # as when another thread of the parent held it
    gate.renew()
    assert (0, 0) == (gate.in_flight, gate.peak)
    assert learned == gate.limit == fill(gate)


def test_default_gate_follows_latency() -> None:
    """Without options it begins at 20 and may go to 200."""
    assert 20 == fill(Gate())


@pytest.fixture
def _eager_switching() -> Iterator[None]:
    """Let threads interrupt each other as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("_eager_switching")
def test_fifty_threads_never_exceed_the_limit() -> None:
    """No place is lost, none is given twice, and everything is counted."""
    gate = gate_of({"gradient2": {"min": 3, "initial": 8, "max": 12, "window": 0.001}})
    inside = most = 0
    lock = threading.Lock()
    barrier = threading.Barrier(50)

    def work(number: int) -> tuple[int, int]:
        nonlocal inside, most
        entered = rejected = 0
        barrier.wait()
        for call in range(200):
            now = call / 100
            if not gate.try_enter(Priority(number % 4), now):
                rejected += 1
                continue
            entered += 1
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1
            gate.leave(now, None if call % 7 == 0 else 0.01 * (1 + call % 5), call % 11 == 0)
        return entered, rejected

    with ThreadPoolExecutor(50) as pool:
        done = list(pool.map(work, range(50)))
    assert most <= gate.peak <= 12
    assert 0 == gate.in_flight
    assert sum(entered for entered, _ in done) == gate.entered
    assert sum(rejected for _, rejected in done) == sum(gate.rejected)
    assert 3 <= gate.limit <= 12


@given(
    steps=st.lists(
        st.one_of(st.sampled_from(list(Priority)), st.floats(0.001, 10.0), st.none()), max_size=200
    ),
    jump=st.floats(-1e6, 1e6),
)
def test_gate_keeps_count(steps: list[Any], jump: float) -> None:
    """In flight is who entered less who left, within the limit of the moment of entering."""
    gate = gate_of({"gradient2": {"min": 2, "initial": 4, "max": 6, "window_size": 1}})
    inside, now = 0, 0.0
    for number, step in enumerate(steps):
        now += jump if number == 50 else 0.3
        if isinstance(step, Priority):
            if gate.try_enter(step, now):
                inside += 1
                assert inside <= max(1, gate.limit * gate._shares[step])
        else:
            gate.leave(now, step)
            inside = max(0, inside - 1)
        assert inside == gate.in_flight
        assert 1.0 <= gate.retry_after(now) <= 45.0
