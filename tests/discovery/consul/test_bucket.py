"""How often an agent is asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshlib.discovery.consul._bucket import Bucket


def test_a_burst_is_free() -> None:
    """So many queries go at once, and the next one waits for the interval."""
    bucket = Bucket(0.5, 3)
    assert [0.0, 0.0, 0.0, 0.5, 1.0] == [bucket.take(100.0) for _ in range(5)]


def test_fills_while_nobody_asks() -> None:
    """After a while of rest the burst is free again, and no more than that."""
    bucket = Bucket(0.5, 2)
    for _ in range(4):
        bucket.take(100.0)
    assert [0.0, 0.0, 0.5] == [bucket.take(1000.0) for _ in range(3)]


@given(
    st.floats(0.01, 10.0),
    st.integers(1, 6),
    st.lists(st.floats(0.0, 5.0), min_size=1, max_size=50),
)
def test_holds_its_rate(interval: float, burst: int, answers: list[float]) -> None:
    """However quick the answers, there are never more queries than burst and rate allow."""
    bucket, now, asked = Bucket(interval, burst), 1000.0, []
    for lasted in answers:
        now += bucket.take(now)
        asked.append(now)
        now += lasted
    for first, instant in enumerate(asked):
        for last in range(first, len(asked)):
            allowed = burst + (asked[last] - instant) / interval
            assert last - first + 1 <= allowed + 1e-6
