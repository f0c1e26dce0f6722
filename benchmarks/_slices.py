"""
The method that the benchmarks share: short slices that take turns, in one process.

A neighbour of the machine, a warm cache or a clock of the processor that changes hits all
variants alike when they take turns of a few milliseconds, in the order A B C, C B A. What
is compared is the ratio within each such turn, and its median over all turns; the same
variant measured twice, under two names, says how far such a ratio can be trusted.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter, process_time
from typing import Any

Slice = Callable[[], float]
"""Runs a slice and returns what one call of it cost, in seconds."""

Samples = dict[str, list[float]]
"""By variant: the cost of one call in each turn."""

CONTROL = "control"
"""The name under which the first variant is measured a second time."""


def take_turns(slices: Mapping[str, Slice], *, rounds: int, seconds: float) -> Samples:
    """
    Run the slices in turns: *rounds* of them, but no more after *seconds*, and 2 at least.

    Each turn goes through all of them forwards and backwards, from another one each time,
    so that none always follows the same one.
    """
    names = list(slices)
    for run in slices.values():
        run()  # what is made on the first call is no part of the others' cost
    samples: Samples = {name: [] for name in names}
    until = perf_counter() + seconds
    for turn in range(rounds):
        first = turn % len(names)
        order = names[first:] + names[:first]
        there = {name: slices[name]() for name in order}
        back = {name: slices[name]() for name in reversed(order)}
        for name in names:
            samples[name].append((there[name] + back[name]) / 2)
        if turn > 0 and perf_counter() > until:
            break
    return samples


def cpu(run: Callable[[int], object], calls: int) -> Slice:
    """A slice of *calls* calls, measured in CPU time of this process."""

    def slice_of_calls() -> float:
        began = process_time()
        run(calls)
        return (process_time() - began) / calls

    return slice_of_calls


def ratio(samples: Samples, name: str, base: str, *, floor: str | None = None) -> float:
    """
    The median over the turns of what *name* costs for each unit of *base*.

    *floor* is a variant that is part of both, and is taken off them.
    """
    under = samples[floor] if floor is not None else [0.0] * len(samples[base])
    pairs = zip(samples[name], samples[base], under, strict=True)
    return statistics.median((one - less) / (other - less) for one, other, less in pairs)


def added(samples: Samples, name: str, floor: str) -> float:
    """The median over the turns of what *name* costs more than *floor*, in microseconds."""
    pairs = zip(samples[name], samples[floor], strict=True)
    return statistics.median(one - less for one, less in pairs) * 1e6


def least(samples: Samples, name: str) -> float:
    """What a call costs on a quiet machine: the cheapest turn, in microseconds."""
    return min(samples[name]) * 1e6


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest rank: the least of *values* that *share* percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * share / 100) - 1, 0)]


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as what stands in them, the first one to the left."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in (head, tuple("-" * width for width in widths), *rows):
        first, *rest = (
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *rest]))
    return "\n".join(lines)


def write_json(path: str | None, result: Any) -> None:
    """Keep *result* for a comparison with another day."""
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)


def verdict(failures: list[str]) -> int:
    """Print what broke a limit; the exit code."""
    for failure in failures:
        print(f"FAILED: {failure}")
    return int(bool(failures))
