"""
How several processes agree on a record without anything above them.

Every change is written under compare-and-set, so of two processes that change the same
record one fails, reads again, and finds a check that is not due: two never advance it for
the same interval, whatever their clocks say. The lease only spares them from trying:
whoever holds it advances the canary and the others watch, until it ran out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ._analysis import Analysis, judge
from ._machine import start, tick
from ._options import CanaryOptions
from ._record import CanaryRecord
from ._report import NO_REPORT, Report
from ._state import RUNNING, Progress

_FORMER = 16
"""Revisions that are remembered: as many as documents are likely to be behind by."""


def advance(
    record: CanaryRecord | None,
    options: CanaryOptions,
    revision: str,
    now: float,
    me: str,
    report: Report | None = None,
) -> CanaryRecord | None:
    """
    Return what *me* should write now instead of *record*, or None to write nothing.

    *record* is what the store holds, None for nothing yet. *revision* is the canary that
    this process knows of; another one than the record's begins a new rollout, unless it
    was there before: then the document of this process is the older one, and it changes
    nothing. *now* is the wall clock, and *me* a name that no other process has. *report*
    are calls since the last one that was written; keep it, and add to it, when None is
    returned or the write was refused.

    Call it a few times within each lease.
    """
    record = CanaryRecord() if record is None else record
    if revision in record.former or not may_lead(record, options, now, me):
        return None
    begun = start(record.progress, options, revision, now)
    if begun is not record.progress:
        check = rollout = NO_REPORT
        former = _with(record.former, record.progress.revision)
    else:
        check, rollout, former = record.check, record.rollout, record.former
    news = begun.state in RUNNING and report is not None
    if news and report is not None:
        check, rollout = check + report, rollout + report
    progress = tick(begun, options, now, _judged(begun, options, check, rollout))
    if progress.checked_at != begun.checked_at and not progress.inconclusive:
        check = NO_REPORT  # the next check looks at calls of its own
    running = progress.state in RUNNING
    if (
        progress is record.progress
        and not news
        and not (running and _due(record, options, now, me))
    ):
        return None
    return replace(
        record,
        generation=record.generation + 1,
        progress=progress,
        holder=me if running else "",
        expires_at=now + options.lease if running else 0.0,
        check=check,
        rollout=rollout,
        former=former,
    )


def analysis_of(record: CanaryRecord, options: CanaryOptions) -> Analysis:
    """What is known of the canary now, for those who look on."""
    return _judged(record.progress, options, record.check, record.rollout)


def contribute(record: CanaryRecord, revision: str, report: Report) -> CanaryRecord | None:
    """
    Return the record with what this process saw of *revision*, for whoever advances it.

    None when there is nothing to add it to. Once an interval is enough.
    """
    if record.progress.state not in RUNNING or revision != record.progress.revision:
        return None
    return replace(
        record,
        generation=record.generation + 1,
        check=record.check + report,
        rollout=record.rollout + report,
    )


def command(record: CanaryRecord, change: Callable[[Progress], Progress]) -> CanaryRecord | None:
    """
    Return the record with a *change* that anyone may make, such as `pause` or `suspend`.

    None when it changes nothing.
    """
    progress = change(record.progress)
    if progress is record.progress:
        return None
    moved = progress.weight != record.progress.weight
    running = progress.state in RUNNING
    return replace(
        record,
        generation=record.generation + 1,
        progress=progress,
        holder=record.holder if running else "",
        expires_at=record.expires_at if running else 0.0,
        check=NO_REPORT if moved else record.check,
    )


def may_lead(record: CanaryRecord, options: CanaryOptions, now: float, me: str) -> bool:
    """Whether *me* holds the lease, or nobody does."""
    if record.holder in ("", me):
        return True
    left = record.expires_at - now
    # A lease that ends later than any can was written by a clock that is wrong.
    return left < -options.max_skew or left > options.lease + options.max_skew


def _with(former: tuple[str, ...], revision: str) -> tuple[str, ...]:
    return (*former, revision)[-_FORMER:] if revision else former


def _judged(progress: Progress, options: CanaryOptions, check: Report, rollout: Report) -> Analysis:
    return judge(options.analysis, check, rollout, alone=progress.weight >= 1.0)


def _due(record: CanaryRecord, options: CanaryOptions, now: float, me: str) -> bool:
    left = record.expires_at - now
    return record.holder != me or not options.lease / 2 < left <= options.lease
