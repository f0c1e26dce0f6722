"""
What an overload that lasts some seconds does to a service, by what its clients do about it.

Servers that can bear the load lose 70 % of their capacity for five seconds. What is sent
meanwhile waits in line, is given up and, by most, sent again, while the servers still work on
what nobody waits for any more: after that a service can stay overloaded for good though its
capacity is back. Calls come independently of each other, as many independent callers would
make them. Server processes have exact capacities: their work is waiting.

    python benchmarks/storm.py [--quick] [--simulate] [--json PATH] [--check] [--only NAME ...]

Goodput is what was answered well before the caller's patience was over, by when the call
came. Recovery are the seconds from the end of the blip to the first second with 95 % of what
was offered, and no relapse after it. The peak of attempts per call is that of any second.
`--simulate` does without network and clock, with the library's own calls: seconds, and the
same figures each time. `--check` fails, with exit code 1, when the library's defaults recover
later, or make more attempts, than the limits below, or when naive retries recover.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, replace
from typing import Any

import _report
from _plots import Plot
from _report import Table
from _storm_figures import figures
from _storm_model import Blip, simulated
from _storm_real import real

LATEST = 2.0
"""Seconds in which the defaults recover."""
MOST = 1.2
"""Attempts per call that the defaults make in any second."""

BLIP = Blip(
    servers=2, workers=3, service_time=0.02, timeout=0.5, patience=3.0, calm=3.0, watched=18.0
)
QUICK = replace(BLIP, calm=1.0, lasts=3.0, watched=4.0, patience=1.5)

NONE, NAIVE, DEFAULTS = "no retries", "naive: 3 retries", "the library's defaults"
_OFF: dict[str, Any] = {
    "breaker": False,
    "outlier": False,
    "bulkhead": {"max_concurrency": None},
}
_BUDGET = {"max_attempts": 4, "guard": False, "budget": {"ratio": 0.2, "min_per_second": 0}}
_ENDLESS = {"max_attempts": 4, "guard": False, "budget": {"ratio": 1, "min_per_second": 1e6}}
_BREAKER = {"retry": _BUDGET, "bulkhead": {"max_concurrency": None}}
POLICIES: dict[str, dict[str, Any]] = {
    NONE: {**_OFF, "retry": False},
    NAIVE: {**_OFF, "retry": _ENDLESS},
    "budget of 20 %": {**_OFF, "retry": _BUDGET},
    "budget, guard": {**_OFF, "retry": {**_BUDGET, "guard": True}},
    "budget, breaker": _BREAKER,
    "budget, breaker, throttle": {**_BREAKER, "throttle": True},
    "budget, breaker, throttle, AIMD": {
        **_BREAKER, "throttle": True, "bulkhead": {"adaptive": "aimd"},
    },
    "budget, breaker, throttle, Gradient2": {
        **_BREAKER, "throttle": True, "bulkhead": {"adaptive": "gradient2"},
    },
    "budget, AIMD": {**_OFF, "retry": _BUDGET, "bulkhead": {"adaptive": "aimd"}},
    DEFAULTS: {},
}  # fmt: skip
SHOWN = (NONE, NAIVE, "budget of 20 %", "budget, breaker", "budget, AIMD", DEFAULTS)
"""Those in the plot."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--simulate", action="store_true", help="without network and clock")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these policies")


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """The figures of each policy."""
    blip = QUICK if given.quick else BLIP
    names = given.only or ([NAIVE, DEFAULTS] if given.quick else list(POLICIES))
    result: dict[str, Any] = {}
    for name in names:
        if given.simulate:
            result[name] = figures(blip, simulated(blip, POLICIES[name]))
        else:
            series, cpu = real(blip, POLICIES[name])
            result[name] = {**figures(blip, series), "cpu": cpu}
    return {"blip": {**asdict(blip), "rate": blip.rate}, "policies": result}


def tables(result: dict[str, Any]) -> list[Table]:
    """What came of each policy."""
    blip = result["blip"]
    title = (
        f"{blip['rate']:.0f} calls a second, {blip['load']:.0%} of the capacity, of which "
        f"{blip['shrunk']:.0%} is left for {blip['lasts']:g} s; "
        f"attempts are given up after {blip['timeout'] * 1000:.0f} ms"
    )
    head = ("", "recovers after", "attempts per call", "good before", "in the blip", "after", "CPU")
    rows = []
    for name, one in result["policies"].items():
        recovery = "never" if one["recovery"] is None else f"{one['recovery']:.2f} s"
        shares = [f"{one[part]:.1%}" for part in ("before", "blip", "after")]
        cpu = f"{one['cpu']:.0%}" if "cpu" in one else "-"
        rows.append((name, recovery, f"{one['amplification']:.2f}", *shares, cpu))
    return [(title, head, rows)]


def plots(result: dict[str, Any]) -> list[Plot]:
    """Goodput over time."""
    policies = result["policies"]
    shown = [name for name in SHOWN if name in policies]
    return [
        Plot(
            "storm",
            "Goodput through an overload blip",
            "seconds since the blip began",
            "good answers a second",
            {name: [tuple(point) for point in policies[name]["goodput"]] for name in shown},
        )
    ]


def broken(result: dict[str, Any]) -> list[str]:
    """The limits that do not hold."""
    policies, found = result["policies"], []
    if DEFAULTS in policies:
        ours = policies[DEFAULTS]
        if ours["recovery"] is None or ours["recovery"] > LATEST:
            found.append(f"the defaults recover after {ours['recovery']} s, not {LATEST}")
        if ours["amplification"] > MOST:
            found.append(f"the defaults make {ours['amplification']:.2f} attempts per call")
    if NAIVE in policies and policies[NAIVE]["recovery"] is not None:
        found.append("naive retries recover: this storm is none")
    return found


if __name__ == "__main__":
    sys.exit(_report.main(sys.modules[__name__]))
