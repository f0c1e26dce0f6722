"""
Documents that are named on the command line, and what is wrong with them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from typing import Any

from .._exceptions import ConfigurationError

VARIABLE = "MESHLIB_ENV"

VALID, INVALID, UNUSABLE = 0, 1, 2


def add_files(parser: argparse.ArgumentParser) -> None:
    """Let *parser* take files and an environment."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="YAML, JSON or TOML")
    parser.add_argument(
        "--env", metavar="NAME", help=f"the environment to look at; {VARIABLE} does not count here"
    )


def environ_of(environment: str | None) -> dict[str, str]:
    """The variables of this process, with *environment* as the one in force."""
    variables = {name: value for name, value in os.environ.items() if name != VARIABLE}
    return variables if environment is None else {**variables, VARIABLE: environment}


def environments_in(file: str) -> tuple[str, ...]:
    """
    The environments that the document in *file* has overlays for; none of what is no document.

    Raises ConfigurationError when the file cannot be read.
    """
    from ..discovery import parse_document, read_content

    content = read_content(file)
    try:
        known = parse_document(content, file).get("environments")
    except ConfigurationError:
        return ()
    return tuple(map(str, known)) if isinstance(known, Mapping) else ()


def usable(command: str, chosen: argparse.Namespace) -> dict[str, tuple[str, ...]] | None:
    """The environments of each file; None, and why on stderr, when one cannot be used."""
    found: dict[str, tuple[str, ...]] = {}
    for file in chosen.files:
        try:
            found[file] = environments_in(file)
        except ConfigurationError as exc:
            complain(command, exc)
            return None
    named = chosen.env
    if named is not None and not any(named in names for names in found.values()):
        known = sorted({name for names in found.values() for name in names})
        complain(command, f"no environment {named!r}; there are: {', '.join(known) or 'none'}")
        return None
    return found


def complain(command: str, what: object) -> None:
    """Tell on stderr why *command* could not do what it was asked to."""
    sys.stderr.write(f"meshlib {command}: {what}\n")


def place_of(location: Any) -> dict[str, Any]:
    """A location as members of an object of JSON."""
    if location is None:
        return {"file": None, "line": None, "column": None}
    return {"file": location.file, "line": location.line, "column": location.column}
