"""
The common shape of the benchmarks, which `python benchmarks` runs one after another.

A benchmark is a module with

    def arguments(parser): ...    # optional: options of its own; --json, --quick and --check
                                  # are there already
    def measure(arguments) -> dict[str, Any]      # figures, as JSON has them; {"left out": why}
                                                  # where a program or a library is missing
    def tables(result) -> list[Table]             # (title, head, rows), all of them strings
    def plots(result) -> list[Plot]               # optional; see _plots.py
    def broken(result) -> list[str]               # optional: limits that do not hold

    if __name__ == "__main__":
        sys.exit(_report.main(sys.modules[__name__]))

`tables`, `plots` and `broken` get what `measure` returned, or the same read back from JSON:
keys are strings. Importing a benchmark starts nothing and needs nothing that may be missing.
A benchmark with a `main` of its own is fine: it writes its figures to the path of `--json`,
and a `FAILED: ...` line for each limit that does not hold with `--check`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from _plots import Plot
from _slices import table, verdict, write_json

Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""A title, the heads of the columns, and the rows."""

LEFT_OUT = "left out"
"""The key under which a result says why there are no figures."""


def main(benchmark: ModuleType, argv: Sequence[str] | None = None) -> int:
    """Run one benchmark as a program: measure, print, keep, and judge if asked to."""
    parser = argparse.ArgumentParser(description=(benchmark.__doc__ or "").strip().split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smaller form, under 20 s")
    parser.add_argument("--json", metavar="PATH", help="write the figures there too")
    parser.add_argument("--check", action="store_true", help="fail above the limits")
    if hasattr(benchmark, "arguments"):
        benchmark.arguments(parser)
    arguments = parser.parse_args(argv)
    result = benchmark.measure(arguments)
    print(text(tables_of(benchmark, result)))
    write_json(arguments.json, result)
    return verdict(broken_of(benchmark, result) if arguments.check else [])


def tables_of(benchmark: ModuleType, result: Any) -> list[Table]:
    """The tables of *result*; none where it was left out."""
    if LEFT_OUT in result:
        return [(f"left out: {result[LEFT_OUT]}", (), [])]
    found: list[Table] = benchmark.tables(result)
    return found


def plots_of(benchmark: ModuleType, result: Any) -> list[Plot]:
    """The plots of *result*, if it has any."""
    if LEFT_OUT in result or not hasattr(benchmark, "plots"):
        return []
    found: list[Plot] = benchmark.plots(result)
    return found


def broken_of(benchmark: ModuleType, result: Any) -> list[str]:
    """The limits that *result* breaks."""
    if LEFT_OUT in result or not hasattr(benchmark, "broken"):
        return []
    found: list[str] = benchmark.broken(result)
    return found


def read_back(result: Any) -> Any:
    """*result* as it is once it was written as JSON, and read."""
    return json.loads(json.dumps(result))


def text(tables: Sequence[Table]) -> str:
    """Tables for a terminal."""
    parts = []
    for title, head, rows in tables:
        lines = f"{title}\n{table(head, rows)}" if head else title
        parts.append(lines)
    return "\n\n".join(parts)


def markdown(tables: Sequence[Table]) -> str:
    """Tables for a page."""
    return "\n\n".join(_markdown(*each) for each in tables)


def _markdown(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not head:
        return f"{title}."
    rule = ["---", *("--:" for _ in head[1:])]
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in (head, rule, *rows)]
    return f"{title}:\n\n" + "\n".join(f"| {line} |" for line in lines)
