"""
`python -m meshlib validate`: whether documents are valid, with every overlay.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from .._exceptions import ConfigurationError
from .._problems import Problem, path_of, problems_of
from ._files import INVALID, UNUSABLE, VALID, add_files, environ_of, place_of, usable

_EXIT_CODES = """\
exit codes:
  0    every document is valid, with each of its overlays
  1    one is not; what is wrong was written to stderr as file:line: place: message
  2    the arguments are wrong, or a file cannot be read
"""


def register(commands: Any) -> None:
    """Add the command to *commands*, the subparsers of the program."""
    parser = commands.add_parser(
        "validate",
        help="check documents and their overlays",
        description="Checks documents as a mesh would when it loads them, each with all of its"
        " overlays, or with that of --env alone. Variables that a document needs without a"
        " default have to be set.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_files(parser)
    parser.add_argument("--json", action="store_true", help="the result as JSON on stdout")
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    files = usable("validate", chosen)
    if files is None:
        return UNUSABLE
    found = {file: _problems(file, chosen.env) for file in files}
    if chosen.json:
        json.dump([_as_json(*item) for item in found.items()], sys.stdout, indent=1)
        sys.stdout.write("\n")
    for file, problems in found.items() if not chosen.json else ():
        for problem in problems:
            sys.stderr.write(f"{problem}\n")
        if not problems:
            overlays = len(files[file]) if chosen.env is None else 1
            plural = "" if overlays == 1 else "s"
            sys.stdout.write(f"{file}: valid, with {overlays} overlay{plural}\n")
    return INVALID if any(found.values()) else VALID


def _problems(file: str, environment: str | None) -> list[Problem]:
    from ..config import load_config

    try:
        load_config(file, environ=environ_of(environment))
    except ConfigurationError as exc:
        return list(problems_of(exc))
    return []


def _as_json(file: str, problems: list[Problem]) -> dict[str, Any]:
    return {
        "file": file,
        "valid": not problems,
        "problems": [
            {
                **place_of(problem.location),
                "path": path_of(problem.place),
                "message": problem.message,
                "hint": problem.hint,
            }
            for problem in problems
        ],
    }
