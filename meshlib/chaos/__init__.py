"""
Trouble that has a name: a scenario is run, and what it has shown is judged.

A *scenario* says what steady is, which faults come when, and what a run may choose. A run
has three parts: *before*, in which the steady state has to hold, *during*, in which faults
are injected, and *after*, in which they are out again and the steady state has to hold
again. Its verdict is pass, fail or inconclusive: it shows nothing when no fault fired, when
nothing was steady before, or when there were too few calls. Whatever happens, the faults
are taken out.
"""

from __future__ import annotations

from ._catalogue import load_scenario, scenario_names, scenario_text
from ._course import Phase, Verdict
from ._document import DocumentFaults, take_out
from ._hold import hold
from ._observer import is_good
from ._options import (
    LatencyOptions,
    ParameterOptions,
    PlanOptions,
    StateOptions,
    StepOptions,
)
from ._report import ChaosReport
from ._run import run
from ._run_in_tasks import run_async
from ._samples import Window
from ._scenario import Scenario
from ._timeline import rules_of

__all__ = [
    "ChaosReport",
    "DocumentFaults",
    "LatencyOptions",
    "ParameterOptions",
    "Phase",
    "PlanOptions",
    "Scenario",
    "StateOptions",
    "StepOptions",
    "Verdict",
    "Window",
    "hold",
    "is_good",
    "load_scenario",
    "rules_of",
    "run",
    "run_async",
    "scenario_names",
    "scenario_text",
    "take_out",
]
