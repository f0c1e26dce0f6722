"""
How a run goes: what is to be done now, and in the end what it has shown.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from ._options import PlanOptions, StateOptions
from ._samples import Sample, Samples, Window, failings, steady_since, window

_LOOK = 0.05
"""Seconds between two looks at whether the steady state holds again."""

_ALIKE = 1e-9
"""Seconds too few to wait: a clock may not show them."""


class Phase(enum.IntEnum):
    """Where a run is."""

    BEFORE = 0
    """Calls are watched: the steady state has to hold before anything is injected."""
    DURING = 1
    """The method: faults are injected."""
    AFTER = 2
    """Nothing is injected any more: the steady state has to hold again."""
    OVER = 3


class Verdict(enum.StrEnum):
    """What a run has shown."""

    PASS = "pass"  # noqa: S105 -- a verdict
    """Faults were injected, calls were as good as they had to be, and are again as before."""
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    """Nothing was shown: no fault fired, no steady state before, or too few calls."""


class Course:
    """
    Leads one run of *plan* from *now* on, and judges it.

    `advance` is called again and again, by one thread, and says in which phase the run is;
    whoever drives it injects, sends calls and waits. Calls are recorded in *samples*.
    """

    def __init__(self, plan: PlanOptions, now: float) -> None:
        self.plan = plan
        self.samples = Samples()
        self.phase = Phase.BEFORE
        self._began = [now]
        self._steady: Sample | None = None
        self._stopped = False

    def advance(self, now: float) -> Phase:
        """The phase at *now*."""
        now += _ALIKE
        if self.phase is Phase.BEFORE and now >= self._began[0] + self.plan.before:
            lacks, fails = self._checked(Phase.BEFORE, self.plan.steady_state, now)
            self._enter(Phase.OVER if lacks or fails else Phase.DURING, now)
        elif self.phase is Phase.DURING and now >= self._began[1] + self.plan.duration:
            self._enter(Phase.AFTER, now)
        elif self.phase is Phase.AFTER:
            ended = self.samples.between(self._began[2], now, ended=True)
            self._steady = steady_since(self.plan.steady_state, ended)
            if now >= self._began[2] + self.plan.recovery or self._may_end():
                self._enter(Phase.OVER, now)
        return self.phase

    def wait(self, now: float) -> float:
        """Seconds until `advance` may have something new to say."""
        if self.phase is Phase.OVER:
            return 0.0
        if self.phase is Phase.AFTER:
            return _LOOK
        length = self.plan.before if self.phase is Phase.BEFORE else self.plan.duration
        return max(self._began[self.phase] + length - now, 0.0)

    def stop(self, now: float) -> None:
        """End the run at once, wherever it is."""
        if self.phase is not Phase.OVER:
            self._stopped = True
            self._enter(Phase.OVER, now)

    @property
    def recovery_time(self) -> float | None:
        """
        Seconds from the end of the method until the steady state held again.

        That is until the first of as many calls as it needs, which were all made after the
        method. None when it has not held again.
        """
        return None if self._steady is None else self._steady.began - self._began[2]

    def window(self, phase: Phase) -> Window | None:
        """What the calls of *phase* were like; None when the run never came to it."""
        span = self._span(phase)
        return None if span is None else window(self.samples.between(*span), span[1] - span[0])

    def judge(
        self, fired: Mapping[str, int] | None, attempts: int | None, *, trust: bool = False
    ) -> tuple[Verdict, tuple[str, ...]]:
        """
        The verdict, and the reasons for it, when the run is over.

        *fired* is how often each fault was injected, *attempts* how many were made during
        the method; None when that is not known here, since others inject or call. With
        *trust* faults fired of which nothing is known.
        """
        if self._stopped:
            return Verdict.INCONCLUSIVE, ("the run was stopped",)
        lacks, fails = self._checked(Phase.BEFORE, self.plan.steady_state, None)
        if lacks or fails:
            found = [f"before the method: {one}" for one in [*lacks, *fails]]
            return Verdict.INCONCLUSIVE, tuple(found)
        doubts: list[str] = []
        if fired is None and not trust:
            doubts.append("nobody here saw whether a fault fired")
        elif fired is not None and not any(fired.values()):
            doubts.append("no fault fired")
        faults: list[str] = []
        self._judge_method(attempts, doubts, faults)
        self._judge_recovery(doubts, faults)
        if doubts:
            return Verdict.INCONCLUSIVE, (*doubts, *faults)
        return (Verdict.FAIL if faults else Verdict.PASS), tuple(faults)

    def _judge_method(self, attempts: int | None, doubts: list[str], faults: list[str]) -> None:
        state = self.plan.tolerated
        lacks, fails = self._checked(Phase.DURING, state, None)
        if state.amplification is not None and attempts is None:
            lacks.append("attempts are not seen from here")
        elif state.amplification is not None and attempts is not None and not lacks:
            calls = len(self.samples.between(*self._began[1:3]))
            if attempts > calls * state.amplification:
                fails.append(
                    f"there were {attempts / calls:.2f} attempts for each call, "
                    f"not {state.amplification:g}"
                )
        doubts += [f"during the method: {one}" for one in lacks]
        faults += [f"during the method: {one}" for one in fails]

    def _judge_recovery(self, doubts: list[str], faults: list[str]) -> None:
        if self._steady is not None:
            return
        lacks, fails = self._checked(Phase.AFTER, self.plan.steady_state, None)
        doubts += [f"after the method: {one}" for one in lacks]
        if not lacks:
            told = "; ".join(fails) or "not for enough calls in a row"
            faults.append(
                f"the steady state did not hold again within {self.plan.recovery:g} s: {told}"
            )

    def _may_end(self) -> bool:
        # What was broken may still be saved, by a retry after the method.
        during = self.samples.between(*self._began[1:3])
        return self._steady is not None and all(one.elapsed is not None for one in during)

    def _span(self, phase: Phase) -> tuple[float, float] | None:
        if len(self._began) <= phase:
            return None
        if len(self._began) > phase + 1:
            return self._began[phase], self._began[phase + 1]
        return None

    def _checked(
        self, phase: Phase, state: StateOptions, now: float | None
    ) -> tuple[list[str], list[str]]:
        """What is lacking for a judgement of *phase*, and what then speaks against it."""
        span = (self._began[phase], now) if now is not None else self._span(phase)
        assert span is not None
        # A call that is under way may still end well while the run goes on.
        found = self.samples.between(*span, ended=now is not None)
        if len(found) < state.min_samples:
            return [f"{len(found)} calls are too few; {state.min_samples} are needed"], []
        return [], failings(state, found)

    def _enter(self, phase: Phase, now: float) -> None:
        if phase is Phase.OVER and (self._steady is not None or self.phase is Phase.BEFORE):
            self.samples.drop_open(self._began[-1])
        self._began.append(now)
        self.phase = phase
