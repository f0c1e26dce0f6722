"""
A new version that gets its share of the calls step by step, while it proves to be fit.

A *rollout* begins with a *revision* and its first share. Every interval a *check* judges
the calls of the canary, by themselves and beside the stable version, and says pass, fail or
inconclusive: a pass gives it the next share, failures roll it back, and too few calls
change nothing. What several processes count adds up in one *record*, which they change
under compare-and-set; whoever holds its *lease* advances it.

`Samples` counts, `Tally` says when to tell, `judge` what it means, the functions of the
machine move `Progress`, `advance` does all of it for a `CanaryRecord`, and `exchange`
writes that to a `CanaryStore`. Nothing here waits or knows the time but the store.
"""

from __future__ import annotations

from ._agreement import advance, analysis_of, command, contribute, may_lead
from ._analysis import Analysis, CheckVerdict, judge
from ._machine import pause, promote, resume, rollback, start, suspend, tick
from ._options import PROCESS, AnalysisOptions, CanaryOptions
from ._record import CanaryRecord, format_record, parse_record
from ._report import Counts, Report
from ._samples import Samples
from ._sequential import evidence_of, is_proven, weigh
from ._state import RUNNING, CanaryState, Progress
from ._store import CanaryStore, Exchanged, Stored, Version, exchange
from ._tally import Tally

__all__ = [
    "PROCESS",
    "RUNNING",
    "Analysis",
    "AnalysisOptions",
    "CanaryOptions",
    "CanaryRecord",
    "CanaryState",
    "CanaryStore",
    "CheckVerdict",
    "Counts",
    "Exchanged",
    "Progress",
    "Report",
    "Samples",
    "Stored",
    "Tally",
    "Version",
    "advance",
    "analysis_of",
    "command",
    "contribute",
    "evidence_of",
    "exchange",
    "format_record",
    "is_proven",
    "judge",
    "may_lead",
    "parse_record",
    "pause",
    "promote",
    "resume",
    "rollback",
    "start",
    "suspend",
    "tick",
    "weigh",
]
