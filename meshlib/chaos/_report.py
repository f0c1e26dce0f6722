"""
What a run has shown, for people and for programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ._course import Verdict
from ._samples import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosReport:
    """
    One run of a *scenario* with its *parameters*.

    *reasons* say why the *verdict* is not `pass`. *before*, *during* and *after* are what
    the calls were like; None for a part that the run never came to. *injected* is how
    often each fault fired, None when others injected and nobody saw it. *answers* is what
    the mesh did while faults were injected: retries, hedges, fallbacks. *absorbed* is what
    kept the injections from the callers, who `suffered` the others. *errors* are those that
    calls raised, by their type. *recovery_time* is in seconds, None when the steady state
    did not hold again. *run* is the name by which the rules were marked.
    """

    scenario: str
    run: str
    parameters: Mapping[str, Any]
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    before: Window | None = None
    during: Window | None = None
    after: Window | None = None
    injected: Mapping[str, int] | None = None
    answers: Mapping[str, int] = field(default_factory=dict)
    absorbed: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    recovery_time: float | None = None

    def as_json(self) -> dict[str, Any]:
        """All of it, of what JSON has."""
        return {
            "scenario": self.scenario,
            "run": self.run,
            "parameters": dict(self.parameters),
            "verdict": str(self.verdict),
            "reasons": list(self.reasons),
            **{
                name: None if part is None else part.as_json()
                for name, part in self._parts().items()
            },
            "injected": None if self.injected is None else dict(self.injected),
            "answers": dict(self.answers),
            "absorbed": dict(self.absorbed),
            "errors": dict(self.errors),
            "recovery_time": self.recovery_time,
        }

    def __str__(self) -> str:
        lines = [f"{self.scenario}: {self.verdict}"]
        lines += [f"  {reason}" for reason in self.reasons]
        for name, part in self._parts().items():
            if part is not None:
                took = "" if part.p95 is None else f", p95 {part.p95 * 1e3:.0f} ms"
                lines.append(
                    f"  {name:<7}{part.good} of {part.calls} calls good ({part.success_rate:.1%})"
                    f", {part.goodput:.1f} a second{took}"
                )
        if self.injected is not None:
            lines.append(f"  injected: {_counts(self.injected)}")
        if self.absorbed:
            lines.append(f"  absorbed: {_counts(self.absorbed)}")
        if self.answers:
            lines.append(f"  answered: {_counts(self.answers)}")
        if self.errors:
            lines.append(f"  raised: {_counts(self.errors)}")
        if self.recovery_time is not None:
            lines.append(f"  steady again after {self.recovery_time:.2f} s")
        return "\n".join(lines)

    def _parts(self) -> dict[str, Window | None]:
        return {"before": self.before, "during": self.during, "after": self.after}


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "nothing"
