"""
From a scenario to an experiment of Chaos Toolkit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._options import StateOptions
from .._scenario import Scenario

_MODULE = "meshlib.chaos.chaostoolkit"


def export_experiment(
    scenario: Scenario,
    *,
    url: str,
    method: str = "GET",
    config: str | None = None,
    document: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    rate: float = 20.0,
    concurrency: int = 4,
    seed: int | None = None,
) -> dict[str, Any]:
    """
    *scenario* as an experiment that `chaos run` of Chaos Toolkit runs.

    Its hypothesis and the probes of its method call *url* through the mesh of *config*;
    the faults act there, or with a *document* in all who follow that. What calls may be
    like during the method stands as the tolerance of its probes, which Chaos Toolkit only
    keeps in its journal: `verdict_of` reads it there.
    """
    plan = scenario.plan(parameters)
    values = scenario.values(parameters)
    calls: dict[str, Any] = {"url": url, "method": method, "config": config}
    calls |= {"rate": rate, "concurrency": concurrency}
    where = {"config": config} if document is None else {"document": document}
    chosen = {name: value for name, value in values.items() if value is not None}
    inject = {"scenario": _source(scenario), "parameters": chosen, "seed": seed, **where}
    method_steps = [
        _activity("action", "inject the faults", "inject", inject),
        *_probes(plan.tolerated, "during the method", calls, plan.duration),
    ]
    if document is None:
        method_steps.append(
            _activity("probe", "faults have fired", "faults_fired", {"config": config})
            | {"tolerance": {"type": "range", "range": [1, 10**9]}}
        )
    method_steps.append(_activity("action", "take the faults out", "remove", where))
    return {
        "title": f"meshlib: {scenario.name}",
        "description": scenario.description,
        "tags": ["meshlib", scenario.name],
        "steady-state-hypothesis": {
            "title": "Calls are good and quick enough",
            "probes": _probes(plan.steady_state, "in a steady state", calls, plan.before),
        },
        "method": method_steps,
        "rollbacks": [
            _activity("action", "take out what is left of the faults", "remove", where),
            _activity("action", "close the clients", "close", {}),
        ],
    }


def _probes(
    state: StateOptions, when: str, calls: Mapping[str, Any], seconds: float
) -> list[dict[str, Any]]:
    # One after the other they take as long as they may.
    calls = {**calls, "seconds": seconds / (1 if state.latency is None else 2)}
    rate = {"type": "range", "range": [state.success_rate, 1.0]}
    probes = [_activity("probe", f"good calls {when}", "success_rate", calls) | {"tolerance": rate}]
    if state.latency is not None:
        quick = {"type": "range", "range": [0.0, state.latency.max]}
        arguments = {**calls, "share": state.latency.quantile}
        probes.append(
            _activity("probe", f"quick calls {when}", "latency", arguments) | {"tolerance": quick}
        )
    if state.amplification is not None:
        few = {"type": "range", "range": [0.0, state.amplification]}
        probes.append(
            _activity("probe", f"attempts {when}", "attempts_per_call", {"config": calls["config"]})
            | {"tolerance": few}
        )
    return probes


def _source(scenario: Scenario) -> str:
    return scenario.file or scenario.name


def _activity(kind: str, name: str, function: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": kind,
        "name": name,
        "provider": {
            "type": "python",
            "module": _MODULE,
            "func": function,
            "arguments": {key: part for key, part in arguments.items() if part is not None},
        },
    }
