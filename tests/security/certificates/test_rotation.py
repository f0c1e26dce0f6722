"""When what was read takes the place of what is in force, and when one is warned of its end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from meshlib import CertificateError
from meshlib.security.certificates._examine import Facts
from meshlib.security.certificates._expiry import Expiry, thresholds_of
from meshlib.security.certificates._rotation import Rotation, Step

DAY = 86400.0
GOOD = Facts(not_before=0.0, not_after=100.0)
LATER = Facts(not_before=0.0, not_after=200.0)
MISMATCH = CertificateError("the key is not that of the certificate", reason="mismatch")


def test_the_first_is_taken_whatever_the_time() -> None:
    """A process that has nothing yet cannot do better."""
    assert Rotation().step("a", GOOD, 500.0) is Step.TAKE


def test_the_same_content_changes_nothing() -> None:
    """A file that was only touched."""
    rotation = Rotation()
    rotation.step("a", GOOD, 1.0)
    assert rotation.step("a", GOOD, 2.0) is Step.KEEP
    assert not rotation.waiting


def test_a_successor_is_taken() -> None:
    """The ordinary case."""
    rotation = Rotation()
    rotation.step("a", GOOD, 1.0)
    assert rotation.step("b", LATER, 2.0) is Step.TAKE
    assert rotation.step("b", LATER, 3.0) is Step.KEEP


def test_a_pair_that_does_not_match_is_waited_for() -> None:
    """Certificate and key are written one after the other; nobody needs to know."""
    rotation = Rotation(patience=10.0)
    rotation.step("a", GOOD, 1.0)
    assert rotation.step("half", MISMATCH, 2.0) is Step.KEEP
    assert rotation.waiting
    assert rotation.problem is MISMATCH
    assert rotation.step("b", LATER, 3.0) is Step.TAKE
    assert not rotation.waiting


def test_a_pair_that_never_matches_is_told_once() -> None:
    """After the patience, and again only for other content."""
    rotation = Rotation(patience=10.0)
    rotation.step("a", GOOD, 1.0)
    steps = [rotation.step("half", MISMATCH, now) for now in (2.0, 11.9, 12.0, 13.0, 99.0)]
    assert steps == [Step.KEEP, Step.KEEP, Step.REFUSE, Step.KEEP, Step.KEEP]
    assert rotation.step("other", MISMATCH, 100.0) is Step.KEEP
    assert rotation.step("other", MISMATCH, 110.0) is Step.REFUSE


def test_what_is_put_back_is_no_problem_any_more() -> None:
    """The last good one was in force all the time."""
    rotation = Rotation()
    rotation.step("a", GOOD, 1.0)
    rotation.step("half", MISMATCH, 2.0)
    assert rotation.step("a", GOOD, 3.0) is Step.KEEP
    assert not rotation.waiting


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (Facts(not_before=0.0, not_after=40.0), "expired"),
        (Facts(not_before=60.0, not_after=900.0), "not_yet_valid"),
    ],
)
def test_what_is_not_valid_now_does_not_replace_what_is(found: Facts, reason: str) -> None:
    """A mistake at the authority must not take a service down."""
    rotation = Rotation(patience=0.0)
    rotation.step("a", GOOD, 1.0)
    assert rotation.step("b", found, 50.0) is Step.REFUSE
    assert rotation.problem is not None
    assert rotation.problem.reason == reason


def test_what_becomes_valid_is_taken_then() -> None:
    """The clock of the authority was ahead."""
    rotation = Rotation()
    rotation.step("a", GOOD, 1.0)
    ahead = Facts(not_before=60.0, not_after=900.0)
    assert rotation.step("b", ahead, 59.0) is Step.KEEP
    assert rotation.step("b", ahead, 60.0) is Step.TAKE


def test_what_has_expired_gives_way_to_anything() -> None:
    """It cannot get worse."""
    rotation = Rotation()
    rotation.step("a", GOOD, 1.0)
    assert rotation.step("b", Facts(not_before=0.0, not_after=99.0), 150.0) is Step.TAKE


@given(
    some.lists(
        some.tuples(
            some.sampled_from("abc"),
            some.booleans(),
            some.floats(0.0, 5.0, allow_nan=False),
        )
    )
)
def test_what_is_in_force_is_always_good(readings: list[tuple[str, bool, float]]) -> None:
    """Whatever the files go through, only what is good is ever taken, and once in a row."""
    rotation, held, now = Rotation(patience=3.0), "first", 0.0
    assert rotation.step(held, GOOD, now) is Step.TAKE
    for digest, good, seconds in readings:
        now += seconds
        content = f"{digest}{good}"
        step = rotation.step(content, Facts(not_after=1e9) if good else MISMATCH, now)
        assert (step is Step.TAKE) == (good and content != held)
        assert rotation.waiting == (not good)
        held = content if good else held


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        (90 * DAY, (30 * DAY, 7 * DAY, DAY)),
        (30 * DAY, (7 * DAY, DAY)),
        (3 * DAY, (DAY,)),
        (DAY, (0.1 * DAY,)),
        (-5.0, (0.0,)),
    ],
)
def test_thresholds_fit_the_life_of_a_certificate(life: float, expected: tuple[float, ...]) -> None:
    """One that is renewed every day is not told of at every renewal."""
    assert thresholds_of(1000.0, 1000.0 + life) == pytest.approx(expected)


def test_each_threshold_is_told_once() -> None:
    """30, 7 and 1 days before the end."""
    end = 90 * DAY
    expiry = Expiry(0.0, end)
    days = [60.0, 30.0, 29.0, 8.0, 7.0, 6.9, 1.0, 0.5, -1.0]
    told = [expiry.due(end - each * DAY) for each in days]
    assert told == [None, 30 * DAY, None, None, 7 * DAY, None, DAY, None, None]


def test_of_several_thresholds_at_once_one_is_told() -> None:
    """A process that starts five days before the end has passed two of them."""
    expiry = Expiry(0.0, 90 * DAY)
    assert expiry.due(85 * DAY) == 5 * DAY
    assert expiry.due(88 * DAY) is None
    assert expiry.due(89.5 * DAY) == 0.5 * DAY
