"""
What several processes share about one canary, and how it is written down.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from ._parsing import Fields, parse_object
from ._report import NO_REPORT, Counts, Report
from ._sequential import ODDS
from ._state import NO_CANARY, CanaryState, Progress

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryRecord:
    """
    The state of a canary in a store, which changes only under compare-and-set.

    *generation* grows with every change. *holder* is the process that advances it, until
    *expires_at* on the wall clock. *check* is what was reported since the last conclusive
    check, *rollout* since the rollout began. *former* are the revisions before this one,
    the last of them: a process that has an older document does not bring them back.
    """

    generation: int = 0
    progress: Progress = NO_CANARY
    holder: str = ""
    expires_at: float = 0.0
    check: Report = NO_REPORT
    rollout: Report = NO_REPORT
    former: tuple[str, ...] = ()

    def share_of(self, revision: str) -> float:
        """The share of the calls that *revision* gets now: 0 unless it is the one meant here."""
        return self.progress.share if revision == self.progress.revision else 0.0


def format_record(record: CanaryRecord) -> bytes:
    """Write a record as JSON; the same record always as the same bytes."""
    progress = record.progress
    document = {
        "format": FORMAT,
        "generation": record.generation,
        "state": progress.state.value,
        "revision": progress.revision,
        "weight": progress.weight,
        "checked_at": progress.checked_at,
        "failed": progress.failed,
        "inconclusive": progress.inconclusive,
        "paused_in": progress.paused_in.value,
        "suspended": progress.suspended,
        "reason": progress.reason,
        "holder": record.holder,
        "expires_at": record.expires_at,
        "check": _report_document(record.check),
        "rollout": _report_document(record.rollout),
        "former": list(record.former),
    }
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def parse_record(content: bytes) -> CanaryRecord:
    """
    Read a record; raises ConfigurationError, and nothing else, for what is none.

    Keys that it does not know are left out, so that a later version may add some; a format
    that it does not know is an error.
    """
    fields = parse_object(content)
    found = fields.count("format")
    if found != FORMAT:
        raise fields.error("format", f"{found} is not known, only {FORMAT}")
    return CanaryRecord(
        generation=fields.count("generation"),
        progress=Progress(
            state=fields.choice("state", CanaryState),
            revision=fields.text("revision"),
            weight=fields.ratio("weight"),
            checked_at=fields.number("checked_at"),
            failed=fields.count("failed"),
            inconclusive=fields.count("inconclusive"),
            paused_in=fields.choice("paused_in", CanaryState),
            suspended=fields.flag("suspended"),
            reason=fields.text("reason"),
        ),
        holder=fields.text("holder"),
        expires_at=fields.number("expires_at"),
        check=_report_of(fields.within("check")),
        rollout=_report_of(fields.within("rollout")),
        former=fields.texts("former"),
    )


def _report_document(report: Report) -> dict[str, object]:
    return {
        "canary": _counts_document(report.canary),
        "stable": _counts_document(report.stable),
        "failures": list(report.failures),
        "slowness": list(report.slowness),
    }


def _counts_document(counts: Counts) -> dict[str, int]:
    return {"calls": counts.calls, "failed": counts.failed, "slow": counts.slow}


def _report_of(fields: Fields) -> Report:
    return Report(
        canary=_counts_of(fields.within("canary")),
        stable=_counts_of(fields.within("stable")),
        failures=fields.numbers("failures", len(ODDS)),
        slowness=fields.numbers("slowness", len(ODDS)),
    )


def _counts_of(fields: Fields) -> Counts:
    return Counts(fields.count("calls"), fields.count("failed"), fields.count("slow"))
