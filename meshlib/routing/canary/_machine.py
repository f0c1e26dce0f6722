"""
How a rollout moves: pure functions from one `Progress` to the next.

A function that changes nothing returns the very object that it was given. What commands
a state does not know, such as to pause what was rolled back, change nothing.
"""

from __future__ import annotations

from dataclasses import replace

from ._analysis import Analysis, CheckVerdict
from ._options import CanaryOptions
from ._state import RUNNING, CanaryState, Progress

WAITING, PROGRESSING, PAUSED = CanaryState.WAITING, CanaryState.PROGRESSING, CanaryState.PAUSED
PROMOTING, PROMOTED = CanaryState.PROMOTING, CanaryState.PROMOTED
ROLLED_BACK = CanaryState.ROLLED_BACK


def start(progress: Progress, options: CanaryOptions, revision: str, now: float) -> Progress:
    """
    Begin the rollout of a revision, from its first share, unless it is this one.

    The name of a revision is any text; the empty one says that there is no canary.
    """
    if revision == progress.revision:
        return progress
    if not revision:
        return Progress(checked_at=now)
    return Progress(
        state=PROGRESSING,
        revision=revision,
        weight=options.initial_weight,
        checked_at=now,
        reason="a new revision",
    )


def tick(progress: Progress, options: CanaryOptions, now: float, analysis: Analysis) -> Progress:
    """
    Take what the analysis says now; ask as often as you like.

    What is proven against the canary rolls it back at once. Else nothing changes until a
    check is due, an interval after the last one, and `checked_at` tells that there was one.
    """
    if progress.state not in RUNNING:
        return progress
    if analysis.proven:
        return rollback(progress, now, analysis.reason)
    if now < progress.checked_at:
        # A clock was set back: without this, checks would stop until it caught up.
        return replace(progress, checked_at=now)
    if now - progress.checked_at < options.interval:
        return progress
    checked = replace(progress, checked_at=now, inconclusive=0, suspended=False)
    if PROMOTING not in (progress.state, progress.paused_in):
        # The document may have been changed meanwhile.
        checked = replace(checked, weight=min(progress.weight, options.max_weight))
    if progress.suspended:
        return _fail(checked, options, progress.reason)
    if analysis.verdict is CheckVerdict.FAIL:
        return _fail(checked, options, analysis.reason)
    if analysis.verdict is CheckVerdict.PASS:
        return _pass(checked, options, analysis.reason)
    return _hold(checked, options, progress.inconclusive + 1, analysis.reason)


def pause(progress: Progress, reason: str = "paused by hand") -> Progress:
    """Keep the share as it is; checks go on, and may roll back."""
    if progress.state not in (PROGRESSING, PROMOTING):
        return progress
    return replace(progress, state=PAUSED, paused_in=progress.state, reason=reason)


def resume(progress: Progress) -> Progress:
    """Go on after a pause, where it was."""
    if progress.state is not PAUSED:
        return progress
    return replace(
        progress,
        state=progress.paused_in,
        paused_in=PROGRESSING,
        inconclusive=0,
        reason="resumed by hand",
    )


def promote(progress: Progress, options: CanaryOptions, now: float) -> Progress:
    """
    Promote without further analysis of the shares that it has not had.

    With `step_weight_promotion` it goes on in these steps, each after a passed check; asked
    for again while it does, it takes every call.
    """
    if progress.state not in RUNNING:
        return progress
    if progress.state is PROMOTING:
        return _promoted(progress, "promoted by hand")
    return _promote(replace(progress, checked_at=now), options, "promoted by hand")


def rollback(progress: Progress, now: float, reason: str = "rolled back by hand") -> Progress:
    """Give the canary no call until there is another revision; also after it was promoted."""
    if progress.state in (WAITING, ROLLED_BACK):
        return progress
    return replace(
        progress,
        state=ROLLED_BACK,
        weight=0.0,
        checked_at=now,
        paused_in=PROGRESSING,
        suspended=False,
        reason=reason,
    )


def suspend(progress: Progress) -> Progress:
    """
    Give the canary no call at once, since every breaker of its endpoints is open.

    The next check then counts as failed. If that was not the last one allowed, the share
    comes back, and with it calls by which a breaker finds out whether to close.
    """
    if progress.state not in RUNNING or progress.suspended:
        return progress
    return replace(
        progress, suspended=True, reason="every breaker of the canary's endpoints was open"
    )


def _pass(progress: Progress, options: CanaryOptions, reason: str) -> Progress:
    if progress.state is PAUSED:
        return progress
    if progress.state is PROMOTING:
        return _promote(progress, options, reason)
    further = [weight for weight in options.weights if weight > progress.weight + 1e-9]
    if further:
        return replace(progress, weight=further[0], reason=reason)
    if options.confirm_promotion:
        return pause(progress, "passed at its largest share; waits to be promoted")
    return _promote(progress, options, reason)


def _promote(progress: Progress, options: CanaryOptions, reason: str) -> Progress:
    step = options.step_weight_promotion
    weight = 1.0 if step is None else round(progress.weight + step, 9)
    if weight >= 1.0:
        return _promoted(progress, reason)
    return replace(progress, state=PROMOTING, paused_in=PROGRESSING, weight=weight, reason=reason)


def _promoted(progress: Progress, reason: str) -> Progress:
    return replace(
        progress, state=PROMOTED, weight=1.0, paused_in=PROGRESSING, suspended=False, reason=reason
    )


def _fail(progress: Progress, options: CanaryOptions, reason: str) -> Progress:
    failed = progress.failed + 1
    if failed >= options.failure_threshold:
        return rollback(
            replace(progress, failed=failed), progress.checked_at, f"{failed} failed: {reason}"
        )
    # No state is left out: a canary that waits for a person is rolled back all the same,
    # which Flagger did not do (fluxcd/flagger#1801).
    return replace(progress, failed=failed, reason=reason)


def _hold(progress: Progress, options: CanaryOptions, times: int, reason: str) -> Progress:
    # No calls are no success and no failure (argoproj/argo-rollouts#1905).
    held = replace(progress, inconclusive=times, reason=reason)
    limit = options.inconclusive_limit
    if limit is not None and times >= limit and held.state is not PAUSED:
        return pause(held, f"{times} checks were inconclusive: {reason}")
    return held
