"""How processes agree on a record."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from meshlib.routing.canary import (
    CanaryOptions,
    CanaryRecord,
    CanaryState,
    CheckVerdict,
    Counts,
    Report,
    advance,
    analysis_of,
    command,
    contribute,
    evidence_of,
    may_lead,
    pause,
    promote,
    resume,
    rollback,
    suspend,
)

OPTIONS = CanaryOptions(initial_weight=0.1, step=0.2, interval=10, lease=4, max_skew=1)
GOOD = Report(Counts(calls=200), Counts(calls=900))
BAD = Report(Counts(calls=200, failed=50), Counts(calls=900))
WORSE = Report(GOOD.canary, GOOD.stable, failures=evidence_of(200, 30, 900, 5))


def begun(now: float = 0.0, me: str = "a") -> CanaryRecord:
    """A record that *me* has just begun."""
    record = advance(None, OPTIONS, "v2", now, me)
    assert record is not None
    return record


def test_the_first_begins_and_holds_the_lease() -> None:
    """Nothing in the store yet is the same as no canary."""
    record = begun()
    assert (1, "a", 4.0) == (record.generation, record.holder, record.expires_at)
    assert (CanaryState.PROGRESSING, 0.1) == (record.progress.state, record.share_of("v2"))


def test_without_a_canary_nothing_is_written() -> None:
    """Idle processes leave the store alone."""
    assert advance(None, OPTIONS, "", 0.0, "a") is None


def test_only_the_holder_advances() -> None:
    """Others write nothing, whatever they have seen, until the lease ran out."""
    record = begun()
    assert advance(record, OPTIONS, "v2", 4.9, "b", GOOD) is None
    assert advance(record, OPTIONS, "v3", 4.9, "b") is None
    assert not may_lead(record, OPTIONS, 5.0, "b")
    assert may_lead(record, OPTIONS, 5.1, "b")
    taken = advance(record, OPTIONS, "v2", 5.1, "b")
    assert taken is not None
    assert ("b", 9.1, 2) == (taken.holder, taken.expires_at, taken.generation)
    assert taken.progress is record.progress


def test_the_lease_is_renewed_in_time() -> None:
    """After half of it, and not at each look."""
    record = begun()
    assert advance(record, OPTIONS, "v2", 1.9, "a") is None
    renewed = advance(record, OPTIONS, "v2", 2.0, "a")
    assert renewed is not None
    assert (6.0, 2) == (renewed.expires_at, renewed.generation)


@pytest.mark.parametrize("now", [-2.0, -1e9])
def test_a_lease_of_a_wrong_clock_is_no_lease(now: float) -> None:
    """One that ends later than any can does not lock the others out for years."""
    assert may_lead(begun(), OPTIONS, now, "b")
    assert not may_lead(begun(), OPTIONS, -0.9, "b")


def test_a_holder_whose_clock_was_set_back_renews() -> None:
    """Its own lease must not look as one of a wrong clock to the others."""
    renewed = advance(begun(), OPTIONS, "v2", -100.0, "a")
    assert renewed is not None
    assert -96.0 == renewed.expires_at


def test_calls_of_several_processes_add_up() -> None:
    """What one alone has too few of is enough together."""
    part = Report(Counts(calls=60), Counts(calls=300))
    record = contribute(begun(), "v2", part)
    assert record is not None
    assert 2 == record.generation
    assert "a" == record.holder
    assert CheckVerdict.INCONCLUSIVE is analysis_of(record, OPTIONS).verdict
    record = advance(record, OPTIONS, "v2", 10.0, "a", part)
    assert record is not None
    assert 0.3 == record.share_of("v2")


def test_evidence_of_another_process_rolls_back() -> None:
    """The holder acts at its next look, before any check is due."""
    record = contribute(begun(), "v2", WORSE)
    assert record is not None
    record = advance(record, OPTIONS, "v2", 0.1, "a")
    assert record is not None
    assert CanaryState.ROLLED_BACK is record.progress.state
    assert ("", 0.0) == (record.holder, record.expires_at)


def test_nothing_is_added_to_another_rollout() -> None:
    """Calls of one revision say nothing of another, nor of one that has ended."""
    assert contribute(begun(), "v1", GOOD) is None
    ended = command(begun(), partial(rollback, now=1.0))
    assert ended is not None
    assert contribute(ended, "v2", GOOD) is None
    assert advance(ended, OPTIONS, "v2", 1e6, "b", GOOD) is None


def test_calls_are_kept_until_a_check_is_conclusive() -> None:
    """Few calls an interval are enough after several."""
    part = Report(Counts(calls=60), Counts(calls=300))
    record = advance(begun(), OPTIONS, "v2", 10.0, "a", part)
    assert record is not None
    assert (0.1, 60) == (record.share_of("v2"), record.check.canary.calls)
    record = advance(record, OPTIONS, "v2", 20.0, "a", part)
    assert record is not None
    assert (0.3, Report()) == (record.share_of("v2"), record.check)
    assert 120 == record.rollout.canary.calls


def test_a_failed_check_is_not_judged_twice() -> None:
    """The next one looks at calls of its own."""
    record = advance(begun(), OPTIONS, "v2", 10.0, "a", BAD)
    assert record is not None
    assert (1, Report()) == (record.progress.failed, record.check)
    record = advance(record, OPTIONS, "v2", 20.0, "a", GOOD)
    assert record is not None
    assert (1, 0.3) == (record.progress.failed, record.share_of("v2"))


def test_another_revision_begins_anew() -> None:
    """With no calls and no evidence of the one before."""
    record = contribute(begun(), "v2", WORSE)
    assert record is not None
    record = advance(record, OPTIONS, "v3", 1.0, "a")
    assert record is not None
    assert ("v3", 0.1) == (record.progress.revision, record.share_of("v3"))
    assert (Report(), Report()) == (record.check, record.rollout)


def test_an_older_document_does_not_bring_a_revision_back() -> None:
    """One that was replaced stays away, be it that its process reads its document late."""
    record = advance(begun(), OPTIONS, "v3", 1.0, "a")
    assert record is not None
    ended = command(record, partial(rollback, now=2.0))
    assert ended is not None
    assert ("v2",) == ended.former
    assert advance(ended, OPTIONS, "v2", 1e6, "b") is None
    further = advance(ended, OPTIONS, "v4", 1e6, "b")
    assert further is not None
    assert ("v2", "v3") == further.former
    assert advance(further, OPTIONS, "v3", 2e6, "c") is None


def test_only_the_last_revisions_are_remembered() -> None:
    """The record stays small, however often there is a new version."""
    record: CanaryRecord | None = None
    for number in range(100):
        record = advance(record, OPTIONS, f"v{number}", 1.0, "a")
    assert record is not None
    assert 16 == len(record.former)
    assert "v98" == record.former[-1]


def test_anyone_may_command() -> None:
    """A person need not find out which process holds the lease."""
    record = command(begun(), pause)
    assert record is not None
    assert (2, "a", CanaryState.PAUSED) == (
        record.generation,
        record.holder,
        record.progress.state,
    )
    assert command(record, pause) is None
    assert command(record, resume) is not None
    assert command(record, partial(promote, options=OPTIONS, now=1.0)) is not None


@pytest.mark.parametrize(
    "change", [partial(rollback, now=1.0), partial(promote, options=OPTIONS, now=1.0)]
)
def test_a_command_that_ends_a_rollout_ends_the_lease(change: Any) -> None:
    """There is nothing to advance, and whoever knows of a new revision may begin."""
    record = command(begun(), change)
    assert record is not None
    assert ("", 0.0) == (record.holder, record.expires_at)
    assert advance(record, OPTIONS, "v3", 1.0, "b") is not None


def test_suspended_for_everyone() -> None:
    """One process that finds every breaker open takes the canary's calls in all of them."""
    record = contribute(begun(), "v2", GOOD)
    assert record is not None
    record = command(record, suspend)
    assert record is not None
    assert 0.0 == record.share_of("v2")
    assert 200 == record.check.canary.calls


def test_a_moved_share_has_a_check_of_its_own() -> None:
    """Calls before a promotion by hand are not those of the new share."""
    options = CanaryOptions(step_weight_promotion=0.1)
    record = contribute(begun(), "v2", GOOD)
    assert record is not None
    record = command(record, partial(promote, options=options, now=1.0))
    assert record is not None
    assert (Report(), GOOD) == (record.check, record.rollout)


def test_a_lease_of_nobody_is_free() -> None:
    """Also when its end lies ahead."""
    assert may_lead(replace(begun(), holder=""), OPTIONS, 0.0, "b")


def test_a_canary_with_every_call_is_judged_by_itself() -> None:
    """With a largest share of 1 there is nothing left to compare with, and it is promoted."""
    options = CanaryOptions(initial_weight=1, max_weight=1, interval=10)
    record = advance(None, options, "v2", 0.0, "a")
    assert record is not None
    record = contribute(record, "v2", Report(Counts(calls=200)))
    assert record is not None
    assert CheckVerdict.PASS is analysis_of(record, options).verdict
    record = advance(record, options, "v2", 10.0, "a")
    assert record is not None
    assert CanaryState.PROMOTED is record.progress.state
