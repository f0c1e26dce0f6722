"""
What a probe of this process is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

Status = Literal["pass", "warn", "fail"]
Probe = Literal["live", "ready", "startup"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """
    One check, when it was last made.

    *status* is `pass` or `fail`, *time* seconds since the epoch, *elapsed* the seconds that
    it took, and *output* why it failed, without credentials as far as they can be told.
    """

    name: str
    status: Status
    critical: bool
    time: float
    elapsed: float
    output: str = ""

    def as_dict(self) -> dict[str, Any]:
        """One object of `checks` in the health+json format; `critical` is our addition."""
        told: dict[str, Any] = {
            "status": self.status,
            "time": datetime.fromtimestamp(self.time, UTC).isoformat(timespec="milliseconds"),
            "observedValue": round(self.elapsed, 6),
            "observedUnit": "s",
            "critical": self.critical,
        }
        return told | {"output": self.output} if self.output else told


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """
    The answer to one probe: `pass`, `warn` or `fail`.

    It fails when a critical check failed, and warns when only others did: such a process
    is degraded, and takes calls. *notes* says what else decided: `draining` or `starting`.
    The words are those of the IETF's draft-inadarei-api-health-check.
    """

    probe: Probe
    status: Status
    checks: Mapping[str, CheckResult] = field(default_factory=lambda: _NOTHING)
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the probe succeeds; degraded is good enough."""
        return self.status != "fail"

    @property
    def http_status(self) -> int:
        """What a probe over HTTP is answered: 200 or 503."""
        return 200 if self.ok else 503

    def as_dict(self) -> dict[str, Any]:
        """The body of an answer with the media type `application/health+json`."""
        told: dict[str, Any] = {"status": self.status}
        if self.notes:
            told["notes"] = list(self.notes)
        if self.checks:
            told["checks"] = {name: [one.as_dict()] for name, one in self.checks.items()}
        return told


def report_of(
    probe: Probe, results: list[CheckResult], notes: tuple[str, ...] = ()
) -> HealthReport:
    """The report that follows from *results*."""
    failed = [result for result in results if result.status != "pass"]
    status: Status = "warn" if failed else "pass"
    if any(result.critical for result in failed):
        status = "fail"
    checks = MappingProxyType({result.name: result for result in results})
    return HealthReport(probe=probe, status=status, checks=checks, notes=notes)
