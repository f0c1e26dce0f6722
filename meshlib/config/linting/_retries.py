"""
Attempts that have no time, and attempts that come in too great a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...retry import BackoffOptions, RetryOptions
from ._finding import Told
from ._view import View, seconds

_LARGEST_GROWTH = 2.0
"""Times the load that a failure may cause over all hops before it is told of."""
_UNSAFE = frozenset({"POST", "PATCH", "CONNECT"})


def attempts_beyond_deadline(view: View) -> Iterator[Told]:
    """Attempts that take their whole time leave none for the last ones."""
    settings, retry = view.settings, view.settings.retry
    deadline, each = settings.timeout, settings.attempt_timeout
    if deadline is None or each is None or each >= deadline or retry.max_attempts == 1:
        return
    waits = _waits(retry)
    needed = retry.max_attempts * each + sum(waits)
    if needed <= deadline:
        return
    fitting = max(
        n for n in range(1, retry.max_attempts) if n * each + sum(waits[: n - 1]) <= deadline
    )
    backoff = f" and back-offs of {seconds(sum(waits))}" if sum(waits) else ""
    shorter = math.floor((deadline - sum(waits)) / retry.max_attempts * 100) / 100
    yield Told(
        view.anchor(("attempt_timeout",), ("timeout",), ("retry", "max_attempts")),
        f"{retry.max_attempts} attempts of {seconds(each)}{backoff} take up to "
        f"{seconds(needed)}, and the deadline is {seconds(deadline)}: only {fitting} can take"
        " their whole time",
        f"timeout: {needed:g}"
        + (f", attempt_timeout: {shorter:g}" if shorter > 0 else "")
        + f", or max_attempts: {fitting}",
    )


def endless_attempt(view: View) -> Iterator[Told]:
    """An attempt that may take the whole deadline is never ended for another one."""
    deadline, each = view.settings.timeout, view.settings.attempt_timeout
    if deadline is not None and each is not None and each >= deadline:
        yield Told(
            view.anchor(("attempt_timeout",), ("timeout",)),
            f"attempt_timeout {seconds(each)} is not below the timeout {seconds(deadline)} of the"
            " whole call: it never ends an attempt, and a slow one is never tried again",
            f"attempt_timeout: {deadline / max(2, view.settings.retry.max_attempts):.2g}"
            ", or leave it out",
        )


def backoff_beyond_deadline(view: View) -> Iterator[Told]:
    """A wait before the first retry that outlasts the call."""
    retry, deadline = view.settings.retry, view.settings.timeout
    if deadline is None or retry.max_attempts == 1 or retry.wait is not None:
        return
    least = {"none": 1.0, "equal": 0.5, "full": 0.0}[retry.backoff.jitter]
    wait = min(retry.backoff.initial, retry.backoff.max)
    if wait >= deadline:
        share = "never" if wait * least >= deadline else "seldom"
        yield Told(
            view.anchor(("retry", "backoff", "initial"), ("retry", "backoff"), ("timeout",)),
            f"the back-off before the first retry is up to {seconds(wait)}, and the whole call"
            f" has {seconds(deadline)}: it is {share} tried again",
            f"retry: {{backoff: {{initial: {deadline / 20:.2g}}}}}",
        )


def no_budget(view: View) -> Iterator[Told]:
    """Retries that are on, and a budget that pays for none."""
    retry = view.settings.retry
    if retry.max_attempts > 1 and not retry.budget.ratio and not retry.budget.min_per_second:
        yield Told(
            view.anchor(("retry", "budget", "ratio"), ("retry", "budget")),
            f"max_attempts is {retry.max_attempts}, and a budget with ratio 0 and"
            " min_per_second 0 pays for no retry",
            "retry: false, or budget: {ratio: 0.1}",
        )


def amplification(view: View) -> Iterator[Told]:
    """Each hop multiplies the calls of the one before it while the last one fails."""
    retry, hops = view.settings.retry, view.document.hops
    if retry.max_attempts == 1 or hops < 2:
        return
    # What is always allowed beside the ratio is a number a second, and does not multiply.
    growth = min(float(retry.max_attempts), 1 + retry.budget.ratio) ** hops
    if growth <= _LARGEST_GROWTH:
        return
    ratio = math.floor((_LARGEST_GROWTH ** (1 / hops) - 1) * 100) / 100
    yield Told(
        view.anchor(("retry", "budget", "ratio"), ("retry", "max_attempts"), ("retry",)),
        f"over {hops} hops like this one a call may become {retry.max_attempts**hops} attempts,"
        f" and the budget lets the load of the last hop grow {growth:.3g} times",
        f"retry at one hop only, or retry: {{budget: {{ratio: {ratio:g}}}}}",
    )


def unsafe_methods(view: View) -> Iterator[Told]:
    """A POST that is sent twice is done twice, unless the service knows it again by a key."""
    settings = view.settings
    if settings.retry.max_attempts == 1 and settings.hedge is None:
        return
    named = sorted(settings.retry.methods & _UNSAFE)
    if named:
        yield Told(
            view.anchor(("retry", "methods")),
            f"{' and '.join(named)} is sent again without an Idempotency-Key, so a call whose"
            " answer was lost is done twice",
            "send an Idempotency-Key header with those calls, which needs no entry here",
        )
    taken = _methods(view)
    if settings.idempotent and (taken is None or taken & _UNSAFE):
        which = " and ".join(sorted((taken or _UNSAFE) & _UNSAFE - {"CONNECT"}))
        yield Told(
            view.anchor(("idempotent",)),
            f"idempotent: true has {which} sent again as well, with or without an"
            " Idempotency-Key, so a call whose answer was lost is done twice",
            "leave it out and send an Idempotency-Key header, or say it for a route that matches"
            " safe calls only",
        )


def _methods(view: View) -> frozenset[str] | None:
    """The methods that these calls may have; None when they may have any."""
    if "routes" not in view.place:
        return None
    route = view.settings.routes[int(view.place[-1])]
    if not route.match or any(not match.method for match in route.match):
        return None
    return frozenset(method for match in route.match for method in match.method)


def _waits(retry: RetryOptions) -> list[float]:
    """The longest back-off before each retry; a strategy of somebody else is not counted."""
    if retry.wait is not None:
        return [0.0] * (retry.max_attempts - 1)
    return [min(wait, retry.backoff.max) for wait in _growing(retry.backoff, retry.max_attempts)]


def _growing(backoff: BackoffOptions, attempts: int) -> Iterator[float]:
    step = backoff.initial if backoff.increment is None else backoff.increment
    before, wait = 0.0, backoff.initial
    for _ in range(attempts - 1):
        yield wait
        if wait > backoff.max:
            continue
        if backoff.kind == "exponential":
            wait *= backoff.multiplier
        elif backoff.kind == "linear":
            wait += step
        elif backoff.kind == "fibonacci":
            before, wait = wait, before + wait
