"""What the ticks of a loop, and their absence, tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.transport._stall_log import StallLog

THRESHOLD = 0.05
PERIOD = 0.025


def started(now: float = 10.0) -> StallLog:
    """A log whose loop was asked to tick at *now*."""
    log = StallLog(THRESHOLD)
    log.start(now)
    return log


def test_nothing_is_known_before_the_start() -> None:
    """A loop that nobody asks to tick never stands still."""
    log = StallLog(THRESHOLD)
    assert log.tick(1000.0) == 0.0
    assert log.overlap(0.0, 1000.0) == 0.0


@pytest.mark.parametrize("late", [0.0, 0.03, THRESHOLD])
def test_a_tick_that_is_a_little_late_is_no_stall(late: float) -> None:
    """Up to the threshold a loop is only busy."""
    log = started()
    assert log.tick(10.0 + PERIOD + late) == 0.0
    assert log.overlap(0.0, 10.0 + PERIOD + late) == 0.0
    assert log.ended == -float("inf")


def test_a_late_tick_tells_of_a_stall() -> None:
    """It began, at the latest, when the tick was due."""
    log = started()
    assert log.tick(10.225) == pytest.approx(0.2)
    assert log.ended == 10.225
    assert log.overlap(10.0, 11.0) == pytest.approx(0.2)
    assert log.overlap(10.125, 11.0) == pytest.approx(0.1)
    assert log.overlap(10.0, 10.1) == pytest.approx(0.075)
    assert log.overlap(10.225, 11.0) == 0.0


def test_an_overdue_tick_tells_of_it_already() -> None:
    """Whoever is called before the tick knows of the stall."""
    log = started()
    assert log.overlap(10.0, 10.0 + PERIOD + THRESHOLD) == 0.0
    assert log.overlap(10.0, 10.225) == pytest.approx(0.2)
    assert log.overlap(10.2, 10.225) == pytest.approx(0.025)
    assert log.overlap(10.0, 10.225) == pytest.approx(0.2)  # asking changes nothing


def test_a_rest_ends_what_is_known() -> None:
    """No tick is overdue that was not asked for."""
    log = started()
    log.rest()
    assert log.overlap(10.0, 20.0) == 0.0


def test_stalls_add_up_and_those_before_do_not() -> None:
    """An attempt lost what the stalls since its beginning took, the one in progress too."""
    log = started(0.0)
    log.tick(0.125)
    log.start(1.0)
    log.tick(1.225)
    log.start(2.0)
    assert log.overlap(0.5, 2.325) == pytest.approx(0.2 + 0.3)
    assert log.overlap(0.0, 2.325) == pytest.approx(0.1 + 0.2 + 0.3)


def test_only_the_last_stalls_are_kept() -> None:
    """The memory does not grow."""
    log = StallLog(THRESHOLD)
    for second in range(1000):
        log.start(float(second))
        log.tick(second + 0.525)
    assert log.overlap(0.0, 1000.0) == pytest.approx(64 * 0.5)


@given(
    steps=st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=1, max_size=20),
    since=st.floats(0.0, 5.0),
    more=st.floats(0.0, 5.0),
)
def test_a_stall_never_takes_more_than_all(
    steps: list[tuple[float, float]], since: float, more: float
) -> None:
    """However loops stall and whenever one asks, what was lost is between nothing and all."""
    log, now = StallLog(THRESHOLD), 0.0
    for late, rest in steps:
        log.start(now)
        now += PERIOD + late
        stalled = log.tick(now)
        assert stalled == (pytest.approx(late) if stalled else 0.0)
        now += rest
    log.start(now)
    until = max(now, since) + more
    assert 0.0 <= log.overlap(since, until) <= until - since + 1e-9
