"""
What `python benchmarks` does: see __main__.py, which is its manual.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _machine import facts, lines_of
from _page import fill, part, printed
from _plots import draw_all
from _report import text
from _running import Outcome, checked, run
from _slices import write_json

NAMES = (
    "overhead", "threads", "wire", "streaming", "sidecar", "balance", "storm", "lag", "scale",
    "soak", "picks", "updates", "mirroring", "overload", "middleware",
)  # fmt: skip


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python benchmarks", description="The whole report.")
    parser.add_argument("--quick", action="store_true", help="the smaller form of each")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=NAMES, help="not all of them")
    parser.add_argument("--soak", action="store_true", help="the soak too: 20 minutes")
    parser.add_argument("--json", metavar="PATH", help="write the report there")
    parser.add_argument("--plots", metavar="FOLDER", type=Path, help="draw plots, as SVG")
    parser.add_argument("--load", metavar="PATH", help="an earlier report, instead of measuring")
    parser.add_argument("--markdown", metavar="PAGE", type=Path, help="fill a page's tables")
    parser.add_argument("--check", action="store_true", help="fail for a limit that does not hold")
    given = parser.parse_args(argv)
    if given.json:
        Path(given.json).parent.mkdir(parents=True, exist_ok=True)  # rather now than at the end
    return given


def chosen(given: argparse.Namespace) -> list[str]:
    """What is to be measured, in the order of the report."""
    if given.only:
        return [name for name in NAMES if name in given.only]
    if given.load:
        return []
    return [name for name in NAMES if name != "soak" or given.soak or given.quick]


def main(argv: Sequence[str] | None = None) -> int:
    given = parsed(argv)
    machine, outcomes = facts(), dict[str, Outcome]()
    if given.load:
        earlier: dict[str, Any] = json.loads(Path(given.load).read_text("utf-8"))
        machine = earlier["machine"]
        outcomes = {
            name: checked(Outcome(name, **it)) for name, it in earlier["benchmarks"].items()
        }
    for name in chosen(given):
        print(f"{name} ...", file=sys.stderr, flush=True)
        outcomes[name] = run(name, quick=given.quick)
        print(shown(outcomes[name]), flush=True)
        write_json(given.json, report(machine, outcomes))  # a later one may be interrupted
    if given.load:
        print("\n".join(shown(outcome) for outcome in in_order(outcomes)))
        write_json(given.json, report(machine, outcomes))
    print("\n" + "\n".join(f"{name}: {what}" for name, what in lines_of(machine)))
    if given.plots or given.markdown:
        drawn(given, machine, outcomes)
    return told(given, outcomes)


def in_order(outcomes: dict[str, Outcome]) -> list[Outcome]:
    return [outcomes[name] for name in NAMES if name in outcomes]


def report(machine: dict[str, Any], outcomes: dict[str, Outcome]) -> dict[str, Any]:
    """As JSON has it."""
    found = {outcome.name: outcome.as_json() for outcome in in_order(outcomes)}
    return {"machine": machine, "benchmarks": found}


def shown(outcome: Outcome) -> str:
    """One benchmark, for a terminal."""
    title = f"\n== {outcome.name}: {outcome.state} in {outcome.seconds:.0f} s"
    if outcome.state == "left out":
        return f"{title}\n{outcome.why}"
    return f"{title}\n{text(outcome.tables()) or outcome.said.strip()}"


def drawn(given: argparse.Namespace, machine: dict[str, Any], outcomes: dict[str, Outcome]) -> None:
    """Write the plots, and the page's parts."""
    folder: Path = given.plots or given.markdown.with_suffix("")
    parts = {"machine": "\n".join(f"* {name}: {what}" for name, what in lines_of(machine))}
    for outcome in in_order(outcomes):
        plots = outcome.plots()
        try:
            draw_all(plots, folder)
        except ImportError as exc:
            print(f"no plots: {exc}")
            plots = []
        if given.markdown and outcome.state == "ran":
            tables = outcome.tables()
            if not tables:
                parts[outcome.name] = printed(outcome.said)
            else:
                parts[outcome.name] = part(tables, plots, folder, given.markdown)
    if given.markdown:
        for name in fill(given.markdown, parts):
            print(f"{given.markdown}: the figures of {name} are as they were")


def told(given: argparse.Namespace, outcomes: dict[str, Outcome]) -> int:
    """Say what is wrong, at the end; the exit code."""
    lines = []
    for outcome in in_order(outcomes):
        if outcome.state != "ran":
            lines.append(f"{outcome.name}: {outcome.state}: {outcome.why}")
        lines += [f"{outcome.name}: a limit does not hold: {what}" for what in outcome.broken]
    if "soak" not in outcomes and not given.only and not given.load:
        lines.append("soak: left out: it takes 20 minutes, and --soak")
    print("\n" + ("\n".join(lines) or "every benchmark ran, and every limit holds"))
    failed = any(outcome.state == "failed" for outcome in outcomes.values())
    limits = given.check and any(outcome.broken for outcome in outcomes.values())
    return int(failed or limits)
