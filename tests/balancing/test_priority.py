"""The division of traffic between priority levels."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.balancing import choose_level, priority_loads


def test_division_is_as_published(vectors: dict[str, Any]) -> None:
    """All rows of Envoy's own table."""
    cases = vectors["priority"]["cases"]
    assert len(cases) == 28
    for case in cases:
        loads = priority_loads(
            case["levels"],
            overprovisioning=case.get("opf", 140),
            panic_threshold=case.get("panic_threshold", 50),
        )
        assert tuple(case["load"]) == loads.load, case
        if case.get("degraded") is not None:
            assert tuple(case["degraded"]) == loads.degraded, case
        if case.get("panic") is not None:
            assert tuple(case["panic"]) == loads.panic, case


def test_first_level_gets_everything_when_nobody_is_fit_and_nobody_may_panic() -> None:
    """With panic off and no fit endpoint, the call goes to a level that refuses it."""
    loads = priority_loads([(3, 0), (2, 0)], panic_threshold=0)
    assert (loads.load, loads.degraded, loads.panic) == ((100, 0), (0, 0), (False, False))


def test_first_level_gets_everything_when_there_is_nobody() -> None:
    """Levels without endpoints all panic, and the first is named."""
    loads = priority_loads([(0, 0), (0, 0)])
    assert (loads.load, loads.panic) == ((100, 0), (True, True))


def test_excluded_endpoints_count_in_no_ratio() -> None:
    """A level whose endpoints are all excluded has no capacity, and panics with the rest."""
    loads = priority_loads([(2, 0, 0, 2), (4, 1)])
    assert loads.panic == (True, True)
    assert loads.load == (34, 66)
    assert priority_loads([(2, 0, 0, 2), (1, 1)]).load == (0, 100)


def test_division_of_no_levels_is_empty() -> None:
    """A service without endpoints has no levels."""
    assert (
        priority_loads([]).load,
        priority_loads([]).degraded,
        priority_loads([]).panic,
    ) == ((), (), ())


def test_degraded_share_goes_to_a_level_in_panic_only_if_all_do() -> None:
    """One level in panic keeps its share of the fit ones."""
    loads = priority_loads([(10, 1), (10, 6)])
    assert (loads.panic, loads.load) == ((True, False), (15, 85))


@st.composite
def _levels(draw: st.DrawFn) -> list[tuple[int, int, int, int]]:
    levels = []
    for _ in range(draw(st.integers(1, 5))):
        total = draw(st.integers(0, 20))
        healthy = draw(st.integers(0, total))
        degraded = draw(st.integers(0, total - healthy))
        levels.append((total, healthy, degraded, draw(st.integers(0, total - healthy - degraded))))
    return levels


@given(levels=_levels(), overprovisioning=st.integers(100, 200), threshold=st.integers(0, 100))
def test_shares_make_a_hundred(
    levels: list[tuple[int, int, int, int]], overprovisioning: int, threshold: int
) -> None:
    """Whatever the levels, every draw has a place."""
    loads = priority_loads(levels, overprovisioning=overprovisioning, panic_threshold=threshold)
    assert sum(loads.load) + sum(loads.degraded) == 100
    assert min(loads.load) >= 0 <= min(loads.degraded)


@given(levels=_levels())
def test_draws_meet_the_shares(levels: list[tuple[int, int, int, int]]) -> None:
    """Over a hundred draws each level is chosen as often as its share says."""
    loads = priority_loads(levels)
    chosen = [choose_level(loads, draw) for draw in range(700, 800)]
    for level, (load, degraded) in enumerate(zip(loads.load, loads.degraded, strict=True)):
        assert (load, degraded) == (chosen.count((level, False)), chosen.count((level, True)))


def test_draws_begin_with_the_healthy_of_the_first_level() -> None:
    """The order within a hundred draws: healthy by level, then degraded by level."""
    loads = priority_loads([(5, 0, 1), (5, 0, 5), (5, 1)])
    assert [choose_level(loads, draw) for draw in (0, 27, 28, 55, 56, 99)] == [
        (2, False),
        (2, False),
        (0, True),
        (0, True),
        (1, True),
        (1, True),
    ]


def test_draw_without_levels_is_an_error() -> None:
    """There is no level to choose."""
    with pytest.raises(ValueError, match="not 100"):
        choose_level(priority_loads([]), 0)
