"""
What a check says of the canary: pass, fail, or not enough known.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from dataclasses import dataclass

from ._options import AnalysisOptions
from ._report import NO_CALLS, Counts, Report
from ._sequential import Evidence, is_proven, weigh

_TAIL = 0.01
_CLEARLY = 1.645
"""Standard deviations that 5 % of checks exceed by chance: one-sided score test (Wilson 1927)."""


class CheckVerdict(enum.Enum):
    """The outcome of a check."""

    PASS = "pass"  # noqa: S105 -- an outcome, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    """Too few calls, or too few to tell from chance: nothing moves, and collecting goes on."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """
    What is known of the canary.

    *proven* means worse than the stable version by more than is allowed, which further
    checks cannot take back. *canary* and *stable* are the calls that the check looked at.
    *p_failures* and *p_slowness* are always-valid p-values: how probable so much evidence
    is, ever, for a canary that is no worse than allowed.
    """

    verdict: CheckVerdict
    reason: str
    proven: bool = False
    canary: Counts = NO_CALLS
    stable: Counts = NO_CALLS
    p_failures: float = 1.0
    p_slowness: float = 1.0


def judge(
    options: AnalysisOptions, check: Report, rollout: Report, *, alone: bool = False
) -> Analysis:
    """
    Judge by the calls of this *check*, and by the evidence of the whole *rollout*.

    *alone*: the canary takes every call, so there is nothing to compare it with.
    """
    verdict, reason = _by_itself(options, check.canary)
    proven = "" if alone else _beside_stable(options, rollout)
    if proven:
        verdict, reason = CheckVerdict.FAIL, proven
    elif not alone and verdict is CheckVerdict.PASS and check.stable.calls < options.min_samples:
        verdict = CheckVerdict.INCONCLUSIVE
        reason = _too_few(check.stable, "stable version", options)
    return Analysis(
        verdict,
        reason,
        proven=bool(proven),
        canary=check.canary,
        stable=check.stable,
        p_failures=_p_value(rollout.failures),
        p_slowness=_p_value(rollout.slowness),
    )


def _by_itself(options: AnalysisOptions, canary: Counts) -> tuple[CheckVerdict, str]:
    if canary.calls < options.min_samples:
        return CheckVerdict.INCONCLUSIVE, _too_few(canary, "canary", options)
    verdict, reasons = CheckVerdict.PASS, [f"{canary.calls} calls within limits"]
    for bad, allowed, text in _conditions(options, canary):
        above = bad / canary.calls - allowed
        if above <= 1e-12:  # 1 - 0.99 is not a hundredth exactly
            continue
        if verdict is CheckVerdict.PASS:
            verdict, reasons = CheckVerdict.INCONCLUSIVE, []
        deviation = math.sqrt(allowed * (1.0 - allowed) / canary.calls)
        if above > _CLEARLY * deviation:
            verdict = CheckVerdict.FAIL
            reasons.append(text)
        else:
            reasons.append(f"{text}, which may be chance")
    return verdict, "; ".join(reasons)


def _conditions(options: AnalysisOptions, canary: Counts) -> Iterator[tuple[int, float, str]]:
    """How many calls were bad, what share of them may be, and what to say if it is more."""
    if options.success_rate is not None:
        good = 1.0 - canary.failed / canary.calls
        yield (
            canary.failed,
            1.0 - options.success_rate,
            f"success rate {good:.2%} of {canary.calls} calls is below {options.success_rate:.2%}",
        )
    if options.p99 is not None:
        over = canary.slow / canary.calls
        # A p99 is above a limit exactly when more than a hundredth of the calls are.
        yield (
            canary.slow,
            _TAIL,
            f"p99 of {canary.calls} calls is above {options.p99:g} s: {over:.2%} took longer",
        )


def _beside_stable(options: AnalysisOptions, rollout: Report) -> str:
    """What is proven against the canary; empty when nothing is."""
    tests = []
    if options.max_success_degradation is not None:
        allowed = f"may lose {options.max_success_degradation:.2%} of"
        tests.append((rollout.failures, f"its success rate {allowed} the stable version's"))
    if options.max_p99_degradation is not None:
        allowed = f"may be {options.max_p99_degradation:.2%} above"
        tests.append((rollout.slowness, f"its p99 {allowed} the stable version's"))
    proven = [
        f"{text}, and does worse (p = {_p_value(evidence):.2g},"
        f" {rollout.canary.calls} calls beside {rollout.stable.calls})"
        for evidence, text in tests
        # Of two tests either may err, so each gets its part (Bonferroni).
        if is_proven(evidence, options.alpha / len(tests))
    ]
    return "; ".join(proven)


def _p_value(evidence: Evidence) -> float:
    return math.exp(-max(0.0, weigh(evidence)))


def _too_few(counts: Counts, whose: str, options: AnalysisOptions) -> str:
    return f"{counts.calls} calls of the {whose}, {options.min_samples} are needed"
