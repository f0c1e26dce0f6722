"""
What a mesh adds to a call, in CPU time and in profile calls, beside retry libraries.

Everything of the mesh is on as by default, over a service of five endpoints, around a
transport that does nothing but return a fresh response with a streamed body, which is
closed each time. The others wrap the same transport: a retry decorator of tenacity,
stamina or pyresilience, pyresilience with its breaker, and pybreaker within tenacity.
They decide less: no endpoint, no deadline, no budget, no bulkhead, no report.

Then the decisions of a call alone, without any transport, and each step of a call by itself.

    python benchmarks/overhead.py [--rounds N] [--quick] [--json PATH] [--check]
    python benchmarks/overhead.py --gate

`--check` fails, with exit code 1, when the mesh adds more than the limits below allow:
relative to tenacity's decorator, or in microseconds for the decisions. `--gate` only counts
the calls of Python and of C functions, which a profiler sees and which do not depend on the
machine, and fails above the limits below.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import sys
from typing import Any

import _report
from _overhead_variants import REQUEST, Send, ours, ours_async, slices
from _slices import CONTROL, Samples, added, least, ratio, table, take_turns, verdict
from _steps import decisions, steps

MOST_CALLS = {"sync": (28, 23), "async": (28, 24)}
"""Profile calls that a mesh may add to a request: of Python functions, and of C functions."""

MOST_OF_TENACITY = {"sync": 0.55, "async": 0.35}
"""CPU time that a mesh may add, as a share of what tenacity's decorator adds."""

MOST_OF_DECISIONS = {"sync": 5.0, "async": 6.0}
"""Microseconds for the decisions of a call, on a machine that may have neighbours."""

CALLS = 200
"""Calls in a slice: some milliseconds."""


class Counter:
    """Counts the calls that a profiler sees."""

    def __init__(self) -> None:
        self.python = self.c = 0

    def __call__(self, frame: object, event: str, argument: object) -> None:
        if event == "call":
            self.python += 1
        elif event == "c_call":
            self.c += 1

    def counts(self) -> tuple[int, int]:
        return self.python, self.c


def count(send: Send) -> tuple[int, int]:
    """Profile calls of one blocking request."""
    counter = Counter()
    sys.setprofile(counter)
    try:
        send(REQUEST).close()
    finally:
        sys.setprofile(None)
    return counter.counts()


async def count_async(send: Send) -> tuple[int, int]:
    """Profile calls of one asynchronous request."""
    counter = Counter()
    sys.setprofile(counter)
    try:
        await (await send(REQUEST)).aclose()
    finally:
        sys.setprofile(None)
    return counter.counts()


def usual(counts: list[tuple[int, int]]) -> tuple[int, int]:
    """What most requests need; one that begins a breaker's or a budget's next slot needs more."""
    return statistics.mode(counts[len(counts) // 2 :])


def profile_calls() -> dict[str, tuple[int, int]]:
    """Calls of Python and of C functions that a mesh adds to a request."""

    async def awaited(send: Send) -> tuple[int, int]:
        return usual([await count_async(send) for _ in range(100)])

    calls = {
        "sync": {name: usual([count(send) for _ in range(100)]) for name, send in ours().items()},
        "async": {name: asyncio.run(awaited(send)) for name, send in ours_async().items()},
    }
    return {
        colour: (of["meshlib"][0] - of["bare"][0], of["meshlib"][1] - of["bare"][1])
        for colour, of in calls.items()
    }


def gate(counts: dict[str, tuple[int, int]]) -> list[str]:
    """What is above its limit."""
    return [
        f"{colour}: {number} calls of {kind} functions added to a request, above {limit}"
        for colour, added_calls in counts.items()
        for kind, number, limit in zip(
            ("Python", "C"), added_calls, MOST_CALLS[colour], strict=True
        )
        if number > limit
    ]


def figures(samples: Samples) -> dict[str, Any]:
    """One colour's figures: microseconds, and shares of what tenacity's decorator adds."""
    variants = {
        name: {
            "least": least(samples, name),
            "added": added(samples, name, "bare"),
            "of_tenacity": ratio(samples, name, "tenacity", floor="bare"),
        }
        for name in samples
    }
    control = ratio(samples, CONTROL, "bare")
    return {"turns": len(samples["bare"]), "control": control, "variants": variants}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of its own."""
    parser.add_argument("--rounds", type=int, default=100, help="turns (%(default)s)")
    parser.add_argument("--gate", action="store_true", help="count profile calls, nothing else")


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Count, and measure both colours; the decisions and steps, too."""
    result: dict[str, Any] = {"profile_calls": profile_calls(), "limits": MOST_CALLS}
    rounds = min(given.rounds, 10) if given.quick else given.rounds
    gc.collect()
    gc.freeze()  # what was imported is not searched for garbage during a slice
    loop = asyncio.new_event_loop()
    for colour, where in {"sync": None, "async": loop}.items():
        samples = take_turns(slices(where, CALLS), rounds=rounds, seconds=60.0)
        result[colour] = figures(samples)
    loop.close()
    result["decisions"] = decisions(rounds, CALLS)
    result["steps"] = steps(rounds, CALLS)
    return result


def tables(result: dict[str, Any]) -> list[_report.Table]:
    """What is added in both colours, then the parts of it."""
    found = [calls_table(result["profile_calls"])]
    for colour in ("sync", "async"):
        of = result[colour]
        rows = []
        for name, one in of["variants"].items():
            more = "" if name == "bare" else f"{one['added']:.2f}"
            share = "" if name in ("bare", CONTROL) else f"{one['of_tenacity']:.2f}"
            rows.append((name, f"{one['least']:.2f}", more, share))
        title = (
            f"{colour}, CPU time of a call in microseconds; {of['turns']} turns of 2 x {CALLS}"
            f" calls; control {of['control']:.3f}"
        )
        found.append((title, ("", "least", "added", "of tenacity's"), rows))
    rows = [
        (colour, f"{one['least']:.2f}", f"{one['median']:.2f}")
        for colour, one in result["decisions"].items()
    ]
    head = ("", "least", "median")
    found.append(("the decisions of a call alone, in microseconds", head, rows))
    rows = [(name, f"{one:.0f}") for name, one in result["steps"].items()]
    found.append(("its steps one by one, in nanoseconds at best", ("", "ns"), rows))
    return found


def calls_table(counts: dict[str, Any]) -> _report.Table:
    """The profile calls beside their limits."""
    rows = [
        (colour, str(python), str(c), "{} {}".format(*MOST_CALLS[colour]))
        for colour, (python, c) in counts.items()
    ]
    title = "profile calls that the mesh adds to a request"
    return title, ("", "Python", "C", "limits"), rows


def broken(result: dict[str, Any]) -> list[str]:
    """The limits that do not hold."""
    failures = gate(result["profile_calls"])
    for colour, limit in MOST_OF_TENACITY.items():
        share = result[colour]["variants"]["meshlib"]["of_tenacity"]
        if share > limit:
            failures.append(f"{colour}: {share:.3f} of what tenacity adds, above {limit}")
    for colour, limit in MOST_OF_DECISIONS.items():
        one = result["decisions"][colour]["least"]
        if one > limit:
            failures.append(f"{colour}: decisions of {one:.2f} microseconds, above {limit}")
    return failures


def main() -> int:
    """Measure and print; see the module."""
    if "--gate" not in sys.argv:
        return _report.main(sys.modules[__name__])
    counts = profile_calls()
    title, head, rows = calls_table(counts)
    print(f"{title}\n{table(head, rows)}")
    return verdict(gate(counts))


if __name__ == "__main__":
    sys.exit(main())
