"""
What a process tells the one that advances the canary: a few sums.
"""

from __future__ import annotations

from dataclasses import dataclass

from ._sequential import NO_EVIDENCE, Evidence, add_evidence


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls of one version; *slow* ones took longer than the `p99` of the options."""

    calls: int = 0
    failed: int = 0
    slow: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.calls + other.calls, self.failed + other.failed, self.slow + other.slow)


NO_CALLS = Counts()


@dataclass(frozen=True, slots=True)
class Report:
    """
    Calls of both versions, and the evidence against the canary.

    Reports add up, in any order, be they of one process or of several. *failures* and
    *slowness* are the evidence that the canary fails more often, and is slower, than the
    stable version and what is allowed beyond it.
    """

    canary: Counts = NO_CALLS
    stable: Counts = NO_CALLS
    failures: Evidence = NO_EVIDENCE
    slowness: Evidence = NO_EVIDENCE

    def __add__(self, other: Report) -> Report:
        return Report(
            self.canary + other.canary,
            self.stable + other.stable,
            add_evidence(self.failures, other.failures),
            add_evidence(self.slowness, other.slowness),
        )


NO_REPORT = Report()
