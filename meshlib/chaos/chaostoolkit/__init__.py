"""
Scenarios as experiments of Chaos Toolkit, and its experiments without it.

What an experiment names are the *actions* `inject`, `remove` and `close` and the *probes*
`success_rate`, `latency`, `faults_fired` and `attempts_per_call`: plain functions, so that
nothing of Chaos Toolkit is needed to import them. `export_experiment` writes a scenario
as an experiment, `run_experiment` runs one of any origin, as far as it is understood, and
`verdict_of` judges a journal.
"""

from __future__ import annotations

from ._activities import (
    attempts_per_call,
    close,
    faults_fired,
    inject,
    latency,
    remove,
    success_rate,
)
from ._experiment import ExperimentReport, is_experiment, load_experiment, run_experiment
from ._export import export_experiment
from ._journal import verdict_of
from ._options import Experiment

__all__ = [
    "Experiment",
    "ExperimentReport",
    "attempts_per_call",
    "close",
    "export_experiment",
    "faults_fired",
    "inject",
    "is_experiment",
    "latency",
    "load_experiment",
    "remove",
    "run_experiment",
    "success_rate",
    "verdict_of",
]
