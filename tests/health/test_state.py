"""A row of results makes an endpoint healthy or unhealthy."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.health import HealthCheckOptions
from meshlib.health._state import CheckState


def state(**options: Any) -> CheckState:
    """The state of an endpoint that was never checked; without jitter unless told."""
    return CheckState(HealthCheckOptions.model_validate({"tcp": True, "jitter": 0.0, **options}))


def after(results: str, **options: Any) -> CheckState:
    """The state after *results*, of which `+` passed and `-` failed, a second apart."""
    found = state(**options)
    for now, result in enumerate(results):
        found.record(result == "+", float(now))
    return found


RNG = random.Random(1)


@pytest.mark.parametrize(
    ("results", "healthy"),
    [
        ("", None),
        ("+", True),
        ("-", False),
        ("+-", True),
        ("+--", True),
        ("+---", False),
        ("+--+--", True),
        ("+--+---", False),
        ("-+", False),
        ("-++", True),
        ("-+-+", False),
        ("-+-++", True),
        ("+---+", False),
    ],
)
def test_so_many_in_a_row_decide(results: str, healthy: bool | None) -> None:
    """Three failures or two passes here; the first result decides at once, as in Envoy."""
    found = after(results, unhealthy_threshold=3, healthy_threshold=2)
    assert found.healthy is healthy


def test_a_change_is_told_once() -> None:
    """By the result that decides, and by no other."""
    found = state(unhealthy_threshold=2)
    told = [found.record(passed, 0.0) for passed in (True, True, False, False, False, True, True)]
    assert [True, False, False, True, False, True, False] == told


def test_counts_the_row() -> None:
    """Results like the last one, without an end."""
    assert [1, 2, 3, 1, 2, 1] == [after("+++--+"[:end]).row for end in range(1, 7)]


@given(
    st.lists(st.booleans(), max_size=60),
    st.integers(min_value=1, max_value=4),
    st.integers(min_value=1, max_value=4),
)
def test_agrees_with_the_definition(results: list[bool], fall: int, rise: int) -> None:
    """The state changes exactly when the last so many results were all of the other kind."""
    found = state(unhealthy_threshold=fall, healthy_threshold=rise)
    expected: bool | None = None
    since = 0
    for index, passed in enumerate(results):
        found.record(passed, 0.0)
        needed = rise if passed else fall
        last = results[max(since, index + 1 - needed) : index + 1]
        if expected is None or (
            passed is not expected and len(last) == needed and set(last) == {passed}
        ):
            expected, since = passed, index + 1
        assert found.healthy is expected


def test_waits_for_the_interval() -> None:
    """Whatever was found; a change that is being counted may be looked at sooner."""
    waits = {"interval": 5.0, "unhealthy_interval": 7.0}
    assert 5.0 == after("+", **waits).wait(0.0, RNG)
    assert 5.0 == after("+-", **waits).wait(0.0, RNG)
    assert 7.0 == after("-", **waits).wait(0.0, RNG)
    assert 5.0 == after("-", interval=5.0).wait(0.0, RNG)
    waits |= {"edge_interval": 0.5, "healthy_threshold": 2}
    assert 5.0 == after("+", **waits).wait(0.0, RNG)
    assert 0.5 == after("+-", **waits).wait(0.0, RNG)
    assert 7.0 == after("-", **waits).wait(0.0, RNG)
    assert 0.5 == after("-+", **waits).wait(0.0, RNG)


@given(st.floats(min_value=0, max_value=1), st.randoms(use_true_random=False))
def test_jitter_only_adds(jitter: float, rng: random.Random) -> None:
    """Up to its share of the wait, as in Envoy."""
    found = after("+", interval=10.0, jitter=jitter)
    assert 10.0 <= found.wait(0.0, rng) <= 10.0 * (1 + jitter)


def test_jitter_differs() -> None:
    """Endpoints and clients do not stay in step."""
    rng = random.Random(3)
    assert 10 == len({after("+", jitter=0.1).wait(0.0, rng) for _ in range(10)})


def quieting(now: float, count: int, found: CheckState) -> list[float]:
    """The next *count* waits of an endpoint that goes on failing, the first at *now*."""
    waits = []
    for _ in range(count):
        found.record(False, now)
        waits.append(found.wait(now, RNG))
        now += waits[-1]
    return waits


def test_a_long_dead_endpoint_is_asked_less_and_less() -> None:
    """The waits double once it has been unhealthy for a while, up to a limit."""
    found = state(interval=5.0, quiet_after=10.0, max_interval=60.0)
    assert [5.0, 5.0, 10.0, 20.0, 40.0, 60.0, 60.0] == quieting(0.0, 7, found)


def test_recovery_ends_the_quiet() -> None:
    """What fails again later is asked at the interval again for as long as the first time."""
    found = state(interval=5.0, quiet_after=0.0, max_interval=60.0)
    assert [10.0, 20.0] == quieting(0.0, 2, found)
    found.record(True, 40.0)
    assert 5.0 == found.wait(40.0, RNG)
    found.record(False, 45.0)
    found.record(False, 50.0)
    assert 5.0 == found.wait(50.0, RNG)
    found.record(False, 55.0)
    assert found.healthy is False
    assert [10.0, 20.0] == quieting(55.0, 2, found)


def test_the_quiet_never_asks_more_often() -> None:
    """An interval above the limit stays as it is, and many steps do not overflow."""
    found = state(interval=90.0, quiet_after=0.0, max_interval=60.0)
    assert [90.0] * 3 == quieting(0.0, 3, found)
    found = state(interval=1.0, quiet_after=0.0, max_interval=1e6)
    assert 1e6 == quieting(0.0, 5000, found)[-1]
