"""Many answers made into one sample."""

from __future__ import annotations

import math

from meshlib.bulkhead.limits import AIMDLimit, AIMDOptions, WindowedLimit

Sample = tuple[float, float, int, bool]


class Spy:
    """A limit that notes its samples."""

    limit = 5

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.renewed = 0

    def sample(self, now: float, rtt: float, in_flight: int, dropped: bool) -> None:
        """Note it."""
        self.samples.append((now, rtt, in_flight, dropped))

    def renew(self) -> None:
        """Count it."""
        self.renewed += 1


def windowed(**options: float) -> tuple[Spy, WindowedLimit]:
    """A window over a spy."""
    spy = Spy()
    return spy, WindowedLimit(spy, AIMDOptions.model_validate(options))


def answers(limit: WindowedLimit, begin: float, count: int, rtt: float = 0.1) -> None:
    """Answers a millisecond apart, and nothing dropped."""
    for number in range(count):
        limit.sample(begin + number / 1000, rtt, number, False)


def test_window_is_one_sample() -> None:
    """Mean latency, most in flight, at the first answer after the second is over."""
    spy, limit = windowed()
    for number in range(10):
        limit.sample(number / 10, 0.1 if number % 2 else 0.3, 10 - number, False)
    assert [] == spy.samples
    limit.sample(1.0, 0.2, 3, False)
    ((now, rtt, in_flight, dropped),) = spy.samples
    assert (1.0, 10, False) == (now, in_flight, dropped)
    assert math.isclose(0.2, rtt)
    assert 5 == limit.limit


def test_next_window_starts_empty() -> None:
    """Nothing of the last one is counted twice."""
    spy, limit = windowed(window_size=1)
    limit.sample(0.0, 5.0, 50, False)
    limit.sample(1.0, 5.0, 50, False)
    limit.sample(2.0, 0.1, 1, False)
    assert [(1.0, 5.0, 50, False), (2.0, 0.1, 1, False)] == spy.samples


def test_few_answers_go_on() -> None:
    """A window with too few waits for them, for a slow service is overloaded, too."""
    spy, limit = windowed()
    for second in range(9):
        limit.sample(float(second), 2.0, 4, False)
    assert [] == spy.samples
    limit.sample(9.0, 2.0, 4, False)
    assert [(9.0, 2.0, 4, False)] == spy.samples


def test_window_of_long_ago_is_thrown_away() -> None:
    """Thirty windows later its answers say nothing, however many they are."""
    spy, limit = windowed()
    answers(limit, 0.0, 100, rtt=9.0)
    limit.sample(31.0, 0.1, 1, False)
    assert [] == spy.samples
    answers(limit, 31.5, 8)
    assert [] == spy.samples
    limit.sample(32.0, 0.1, 1, False)
    assert [0.1] == [round(sample[1], 6) for sample in spy.samples]


def test_quick_and_impossible_answers_do_not_count() -> None:
    """Who took less than 100 us has not worked; the rest comes from clocks."""
    spy, limit = windowed(window_size=1)
    for rtt in (0.0, 99e-6, -1.0, math.nan, math.inf):
        limit.sample(5.0, rtt, 1, False)
    limit.sample(10.0, 0.2, 1, False)
    limit.sample(11.0, 0.2, 1, False)
    assert [(11.0, 0.2, 1, False)] == spy.samples


def test_drops_count_above_their_tolerance() -> None:
    """One in a hundred is no overload; two are."""
    for drops, dropped in ((1, False), (2, True)):
        spy, limit = windowed()
        answers(limit, 0.0, 99 - drops)
        for _ in range(drops):
            limit.sample(0.5, 7.0, 1, True)
        limit.sample(1.0, 0.1, 1, False)
        ((_, rtt, _, said),) = spy.samples
        assert dropped is said
        assert math.isclose(0.1, rtt)  # how long somebody was patient says nothing


def test_nothing_but_drops_has_no_latency() -> None:
    """The limit is told 0, which is no latency."""
    spy, limit = windowed()
    for number in range(11):
        limit.sample(number / 10, 0.0, 2, True)
    assert [(1.0, 0.0, 2, True)] == spy.samples


def test_clock_that_goes_back_begins_a_window() -> None:
    """The end of the old one would be as far ahead as the clock has gone back."""
    spy, limit = windowed()
    answers(limit, 1000.0, 5)
    answers(limit, 0.0, 9)
    assert [] == spy.samples
    limit.sample(1.0, 0.1, 1, False)
    assert 1 == len(spy.samples)


def test_forked_child_begins_a_window() -> None:
    """It keeps the limit and not the parent's answers."""
    spy, limit = windowed()
    answers(limit, 0.0, 50)
    limit.renew()
    limit.sample(1.5, 0.1, 1, False)
    limit.sample(2.5, 0.1, 1, False)
    assert [] == spy.samples
    assert 1 == spy.renewed


def test_real_limit_moves_once_a_window() -> None:
    """A thousand answers of a second make one step."""
    options = AIMDOptions()
    limit = WindowedLimit(AIMDLimit(options), options)
    for number in range(1001):
        limit.sample(number / 1000, 0.1, 20, False)
    assert 21 == limit.limit
