"""Both windows count what a plain list would."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib.breaker import CountWindow, TimeWindow

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "breaker.json").read_text())


def counts(window: TimeWindow | CountWindow) -> tuple[int, int, int]:
    """Return the three counters of *window*."""
    return window.total, window.failures, window.slow


def test_count_window_matches_the_vector_of_resilience4j() -> None:
    """The fifth outcome pushes the first, a failure, out of four."""
    vector = VECTORS["count_window_4"]
    window = CountWindow(4)
    seen = []
    for error in vector["errors"]:
        window.add(0.0, bool(error), False)
        seen.append([window.total, window.failures])
    assert vector["total_failed"] == seen


def test_time_window_matches_the_vector_of_resilience4j() -> None:
    """With a bucket a second, whole seconds leave the window together."""
    vector = VECTORS["time_window_5s"]
    window = TimeWindow(5.0, buckets=5)
    seen = []
    for millis, error in vector["t_ms_err"]:
        window.add(millis / 1000, bool(error), False)
        seen.append([window.total, window.failures])
    assert vector["total_failed"] == seen


OUTCOME = st.tuples(st.booleans(), st.booleans())


@settings(deadline=None)
@given(st.integers(1, 8), st.lists(st.tuples(OUTCOME, st.integers(0, 9)), max_size=40))
def test_count_window_equals_a_list(
    size: int, outcomes: list[tuple[tuple[bool, bool], int]]
) -> None:
    """The counters are those of the last *size* entries of a list."""
    window = CountWindow(size)
    entries: list[tuple[bool, bool]] = []
    for (failed, slow), times in outcomes:
        if failed or slow:
            window.add(0.0, failed, slow)
        else:
            window.succeed(0.0)
        entries.append((failed, slow))
        if window.since <= 0.0 < window.until:
            window.succeed_often(times)
            entries += [(False, False)] * times
        last = entries[-size:]
        assert (len(last), sum(f for f, _ in last), sum(s for _, s in last)) == counts(window)
        assert window.covered(0.0, 0.0) is (len(entries) > size)


@settings(deadline=None)
@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 40), OUTCOME), max_size=40),
    st.integers(-1000, 1000),
)
def test_time_window_equals_a_list(
    buckets: int, steps: list[tuple[int, tuple[bool, bool]]], start: int
) -> None:
    """
    The counters are those of the entries whose quarter second is recent enough.

    Successes are counted in the newest bucket at once, from the interval it announces.
    """
    window = TimeWindow(buckets * 0.25, buckets)
    entries: list[tuple[int, bool, bool]] = []
    tick = start
    for step, (failed, slow) in steps:
        tick += step // 3  # mostly in the same bucket or the next
        now = tick * 0.25 + 0.1
        if failed or slow:
            window.add(now, failed, slow)
        else:
            window.succeed(now)
        assert not window.since <= now + 0.25 < window.until
        assert not window.since <= now - 0.25 * buckets < window.until
        assert window.since <= now - 0.25 * (buckets - 1)
        assert now < window.until
        window.succeed_often(step)
        entries += [(tick, False, False)] * step
        entries.append((tick, failed, slow))
        live = [entry for entry in entries if entry[0] > tick - buckets]
        assert (len(live), sum(e[1] for e in live), sum(e[2] for e in live)) == counts(window)


def test_time_window_drops_without_an_outcome_when_advanced() -> None:
    """Reading a snapshot does not show what has grown too old."""
    window = TimeWindow(10.0)
    window.add(0.0, True, True)
    window.advance(9.9)
    assert (1, 1, 1) == counts(window)
    window.advance(9.95)
    assert (1, 1, 1) == counts(window)
    window.advance(10.0)
    assert (0, 0, 0) == counts(window)


def test_time_window_counts_a_late_instant_in_the_newest_bucket() -> None:
    """A thread that was overtaken after it read the clock loses nothing."""
    window = TimeWindow(10.0)
    window.succeed(5.0)
    window.add(4.2, True, False)
    assert (2, 1, 0) == counts(window)
    window.advance(14.5)
    assert (2, 1, 0) == counts(window)
    window.advance(15.0)
    assert (0, 0, 0) == counts(window)


def test_time_window_starts_afresh_when_the_clock_is_set_back() -> None:
    """A step back of a whole window does not freeze the counters."""
    window = TimeWindow(10.0)
    window.add(3600.0, True, True)
    window.succeed(3591.5)
    assert (2, 1, 1) == counts(window)
    window.succeed(3590.5)
    assert (1, 0, 0) == counts(window)
    window.succeed(3600.0)
    assert (1, 0, 0) == counts(window)


def test_windows_are_empty_when_cleared() -> None:
    """Nothing of what was counted comes back as it would have aged."""
    for window in (TimeWindow(10.0), CountWindow(2)):
        for now in (0.0, 1.0, 2.0):
            window.add(now, True, True)
        window.clear()
        assert (0, 0, 0) == counts(window)
        assert (window.since <= 2.5 < window.until) is isinstance(window, CountWindow)
        assert not isinstance(window, CountWindow) or not window.covered(0.0, 99.0)
        window.succeed(5.0)
        window.advance(11.0)
        assert (1, 0, 0) == counts(window)


def test_time_window_covers_its_own_length() -> None:
    """A whole window between two instants, on whichever side the clock stepped."""
    window = TimeWindow(10.0)
    assert not window.covered(5.0, 14.9)
    assert window.covered(5.0, 15.0)
    assert window.covered(15.0, 5.0)


def test_count_window_ignores_the_clock() -> None:
    """Only later outcomes push earlier ones out."""
    window = CountWindow(3)
    window.add(0.0, True, False)
    window.advance(1e9)
    assert (1, 1, 0) == counts(window)
