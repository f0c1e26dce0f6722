"""
`python -m meshlib lint`: what is valid and yet will not do what was meant.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from ._files import INVALID, UNUSABLE, VALID, add_files, environ_of, place_of, usable

if TYPE_CHECKING:
    from ..config import Finding

_EXIT_CODES = """\
exit codes:
  0    nothing was found, or only what is told for information
  1    there are errors or warnings
  2    the arguments are wrong, or a file cannot be read
"""


def register(commands: Any) -> None:
    """Add the command to *commands*, the subparsers of the program."""
    parser = commands.add_parser(
        "lint",
        help="find settings that cannot do what was meant",
        description="Finds what is valid and yet will not do what was meant, in documents with"
        " and without each of their overlays, or with that of --env alone. A comment"
        " '# meshlib: ignore ML001' on the line, or alone on the line above, silences a rule.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_files(parser)
    parser.add_argument(
        "--rate",
        action="append",
        default=[],
        type=_rate,
        metavar="SERVICE=RPS",
        help="calls per second that a service was observed to get; may be given again",
    )
    parser.add_argument(
        "--hops",
        type=_hops,
        default=3,
        help="services that a call goes through one after the other (%(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="the findings as JSON on stdout")
    parser.set_defaults(run=_run)


def _rate(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        rate = float(number)
    except ValueError:
        rate = -1.0
    if not name or not 0 <= rate < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a service and a rate, as users=5")
    return name.lower(), rate


def _hops(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of hops, from 1 to 100")
    return int(text)


def _run(chosen: argparse.Namespace) -> int:
    files = usable("lint", chosen)
    if files is None:
        return UNUSABLE
    found = [each for file, names in files.items() for each in _findings(file, names, chosen)]
    if chosen.json:
        json.dump([_as_json(*each) for each in found], sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        for environment, finding in found:
            where = f" (in the environment {environment})" if environment else ""
            sys.stdout.write(f"{finding}{where}\n")
    return INVALID if any(finding.severity != "info" for _, finding in found) else VALID


def _findings(
    file: str, names: tuple[str, ...], chosen: argparse.Namespace
) -> list[tuple[str, Finding]]:
    """What is found in the document and, where that differs, in its overlays."""
    from ..config import lint

    found: dict[tuple[str, str], tuple[str, Finding]] = {}
    for name in (None, *names) if chosen.env is None else (chosen.env,):
        for finding in lint(
            file, rates=dict(chosen.rate), hops=chosen.hops, environ=environ_of(name)
        ):
            found.setdefault((finding.rule, finding.path), (name or "", finding))
    return list(found.values())


def _as_json(environment: str, finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        **place_of(finding.location),
        "path": finding.path,
        "environment": environment or None,
        "message": finding.message,
        "remedy": finding.remedy,
    }
