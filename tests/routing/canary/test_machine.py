"""How a rollout moves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshlib.routing.canary import (
    Analysis,
    CanaryOptions,
    CanaryState,
    CheckVerdict,
    Progress,
    pause,
    promote,
    resume,
    rollback,
    start,
    suspend,
    tick,
)

WAITING, PROGRESSING, PAUSED = CanaryState.WAITING, CanaryState.PROGRESSING, CanaryState.PAUSED
PROMOTING, PROMOTED = CanaryState.PROMOTING, CanaryState.PROMOTED
ROLLED_BACK = CanaryState.ROLLED_BACK

OPTIONS = CanaryOptions(initial_weight=0.1, step=0.2, max_weight=0.5, interval=10)
PASS = Analysis(CheckVerdict.PASS, "fine")
FAIL = Analysis(CheckVerdict.FAIL, "bad")
HOLD = Analysis(CheckVerdict.INCONCLUSIVE, "too few")
PROVEN = Analysis(CheckVerdict.FAIL, "worse", proven=True)


def begun(options: CanaryOptions = OPTIONS) -> Progress:
    """A rollout that has just begun."""
    return start(Progress(), options, "v2", 0.0)


def after(progress: Progress, *analyses: Analysis, options: CanaryOptions = OPTIONS) -> Progress:
    """The progress after so many checks, each when it is due."""
    for analysis in analyses:
        progress = tick(progress, options, progress.checked_at + options.interval, analysis)
    return progress


def test_waits_without_a_canary() -> None:
    """There is nothing to send calls to, and no check changes that."""
    progress = Progress()
    assert (WAITING, 0.0) == (progress.state, progress.share)
    assert progress is start(progress, OPTIONS, "", 5.0)
    assert progress is tick(progress, OPTIONS, 99.0, PASS)


def test_starts_with_the_first_share() -> None:
    """A revision that appears gets its first share at once."""
    assert (PROGRESSING, 0.1, "v2") == (begun().state, begun().share, begun().revision)


def test_passed_checks_lead_to_promotion() -> None:
    """Share by share, then all of it."""
    progress = begun()
    shares = []
    while progress.state is PROGRESSING:
        shares.append(progress.share)
        progress = after(progress, PASS)
    assert [0.1, 0.3, 0.5] == shares
    assert (PROMOTED, 1.0, "fine") == (progress.state, progress.share, progress.reason)
    assert progress is after(progress, PROVEN)


def test_nothing_moves_before_a_check_is_due() -> None:
    """However often it is asked, a share is kept for the whole interval."""
    progress = begun()
    assert progress is tick(progress, OPTIONS, 9.9, PASS)
    assert progress is tick(progress, OPTIONS, 9.9, FAIL)


def test_what_is_proven_does_not_wait() -> None:
    """Not for the next check, and not for further ones."""
    progress = tick(begun(), OPTIONS, 0.1, PROVEN)
    assert (ROLLED_BACK, 0.0, "worse") == (progress.state, progress.share, progress.reason)


def test_failed_checks_hold_and_then_roll_back() -> None:
    """They count over the whole rollout: a passed one between them takes none back."""
    progress = after(begun(), FAIL, FAIL, PASS, FAIL, FAIL)
    assert (PROGRESSING, 0.3, 4) == (progress.state, progress.share, progress.failed)
    progress = after(progress, FAIL)
    assert (ROLLED_BACK, 0.0, 5) == (progress.state, progress.share, progress.failed)
    assert "5 failed: bad" == progress.reason


def test_inconclusive_checks_hold() -> None:
    """A night without calls neither promotes a canary nor rolls it back."""
    progress = after(begun(), *[HOLD] * 100)
    assert (PROGRESSING, 0.1, 100) == (progress.state, progress.share, progress.inconclusive)
    assert 0 == after(progress, PASS).inconclusive


def test_inconclusive_checks_pause_when_told_to() -> None:
    """Then a person decides."""
    options = CanaryOptions(inconclusive_limit=2)
    assert PROGRESSING is after(begun(), HOLD, PASS, HOLD, options=options).state
    progress = after(begun(), HOLD, HOLD, options=options)
    assert (PAUSED, "2 checks were inconclusive: too few") == (progress.state, progress.reason)
    assert PAUSED is after(progress, HOLD, options=options).state


def test_a_new_revision_begins_anew() -> None:
    """From any state, with nothing counted against it."""
    for progress in (after(begun(), FAIL), rollback(begun(), 5.0), after(begun(), PASS, PASS)):
        again = start(progress, OPTIONS, "v3", 7.0)
        assert replace(begun(), revision="v3", checked_at=7.0) == again


def test_the_same_revision_stays_as_it_is() -> None:
    """What was rolled back does not come back by being seen again."""
    progress = rollback(begun(), 5.0)
    assert progress is start(progress, OPTIONS, "v2", 9.0)


def test_a_canary_that_leaves_is_waited_for() -> None:
    """Without one there is no share."""
    assert (WAITING, 0.0) == (start(begun(), OPTIONS, "", 1.0).state, 0.0)


def test_paused_keeps_its_share() -> None:
    """Passed checks move nothing until it is resumed."""
    progress = pause(after(begun(), PASS))
    assert (PAUSED, 0.3, "paused by hand") == (progress.state, progress.share, progress.reason)
    progress = after(progress, PASS, HOLD, PASS)
    assert (PAUSED, 0.3) == (progress.state, progress.share)
    progress = resume(progress)
    assert (PROGRESSING, 0.3) == (progress.state, progress.share)
    assert 0.5 == after(progress, PASS).share


def test_paused_still_rolls_back() -> None:
    """By failed checks, and at once by what is proven (fluxcd/flagger#1801)."""
    progress = pause(begun())
    assert ROLLED_BACK is after(progress, *[FAIL] * 5).state
    assert ROLLED_BACK is tick(progress, OPTIONS, 0.1, PROVEN).state


def test_promotion_may_need_a_person() -> None:
    """At its largest share it waits, is still checked, and is promoted by hand."""
    options = CanaryOptions(initial_weight=0.5, interval=10, confirm_promotion=True)
    progress = after(begun(options), PASS, PASS, options=options)
    assert (PAUSED, 0.5) == (progress.state, progress.share)
    assert PROMOTED is promote(progress, options, 30.0).state
    assert ROLLED_BACK is after(progress, *[FAIL] * 5, options=options).state


STEPWISE = CanaryOptions(
    initial_weight=0.1, step=0.2, max_weight=0.5, interval=10, step_weight_promotion=0.2
)


def test_promotion_may_be_gradual() -> None:
    """Each further share needs a passed check too."""
    progress = after(begun(), PASS, PASS, PASS, options=STEPWISE)
    shares = []
    while progress.state is PROMOTING:
        shares.append(progress.share)
        progress = after(progress, HOLD, PASS, options=STEPWISE)
    assert [0.7, 0.9] == shares
    assert PROMOTED is progress.state


def test_promoting_still_rolls_back() -> None:
    """Until it takes every call it can lose them all."""
    progress = after(begun(), PASS, PASS, PASS, options=STEPWISE)
    assert ROLLED_BACK is after(progress, *[FAIL] * 5, options=STEPWISE).state


def test_a_pause_while_promoting_ends_in_promoting() -> None:
    """Also below the largest share, where a promotion by hand may begin."""
    progress = promote(begun(), STEPWISE, 5.0)
    assert (PROMOTING, 0.3, 5.0) == (progress.state, progress.share, progress.checked_at)
    progress = resume(pause(progress))
    assert PROMOTING is progress.state
    assert PROMOTED is promote(progress, STEPWISE, 6.0).state


def test_promote_by_hand_skips_the_shares_between() -> None:
    """That is what it is for."""
    assert (PROMOTED, 1.0) == (promote(begun(), OPTIONS, 1.0).state, 1.0)


def test_rollback_by_hand_also_after_promotion() -> None:
    """The earlier version takes all calls again."""
    progress = rollback(promote(begun(), OPTIONS, 1.0), 2.0)
    assert (ROLLED_BACK, 0.0, "rolled back by hand") == (
        progress.state,
        progress.share,
        progress.reason,
    )


def test_open_breakers_take_every_call_at_once() -> None:
    """The share is 0 until the next check, which counts as failed whatever else it says."""
    progress = suspend(after(begun(), PASS))
    assert (0.0, 0.3) == (progress.share, progress.weight)
    assert progress is suspend(progress)
    assert 0.0 == tick(progress, OPTIONS, 19.9, PASS).share
    progress = after(progress, PASS)
    assert (PROGRESSING, 0.3, 1) == (progress.state, progress.share, progress.failed)
    assert "every breaker of the canary's endpoints was open" == progress.reason


def test_breakers_that_stay_open_roll_back() -> None:
    """Each interval that begins with calls and ends without them is a failed check."""
    progress = begun()
    for _ in range(5):
        progress = after(suspend(progress), HOLD)
    assert (ROLLED_BACK, 0.0) == (progress.state, progress.share)
    assert not progress.suspended


@pytest.mark.parametrize("progress", [Progress(), rollback(begun(), 1.0)])
def test_commands_that_make_no_sense_change_nothing(progress: Progress) -> None:
    """Where there is no rollout there is nothing to pause, promote or roll back."""
    assert progress is pause(progress)
    assert progress is resume(progress)
    assert progress is promote(progress, OPTIONS, 9.0)
    assert progress is rollback(progress, 9.0)
    assert progress is suspend(progress)


def test_a_clock_that_is_set_back_delays_by_an_interval() -> None:
    """Not by as much as it was set back."""
    progress = replace(begun(), checked_at=1e6)
    progress = tick(progress, OPTIONS, 0.0, PASS)
    assert (0.1, 0.0) == (progress.share, progress.checked_at)
    assert 0.3 == tick(progress, OPTIONS, 10.0, PASS).share


def test_a_smaller_largest_share_is_kept_to() -> None:
    """Options may change meanwhile: the next check takes back what is too much."""
    progress = after(begun(), PASS, PASS)
    smaller = CanaryOptions(initial_weight=0.1, max_weight=0.2, interval=10)
    assert 0.2 == after(progress, HOLD, options=smaller).share
    assert 0.2 == after(pause(progress), HOLD, options=smaller).share
    promoting = pause(promote(begun(), STEPWISE, 0.0))
    assert 0.3 == after(promoting, HOLD, options=smaller).share
