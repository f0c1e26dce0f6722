"""
`python -m meshlib`: the command line.

    meshlib chaos list|show|run|stop|export [...]
    meshlib demo [--fast] [--json] [--plain] [--seed N]
    meshlib document get|put|history|rollback LOCATION [...]
    meshlib explain FILE URL [-X METHOD] [-H NAME:VALUE] [--tenant NAME] [--env NAME]
    meshlib lint FILE... [--rate SERVICE=RPS] [--hops N] [--env NAME] [--json]
    meshlib registry [--host HOST] [--port PORT] [--database FILE] [--token-file FILE]
    meshlib schema
    meshlib validate FILE... [--env NAME] [--json]

Every command says its exit codes in its help; 0 is what it hopes for, and 2 says that the
arguments are wrong. Without a command the help is printed and the exit code is 0.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ._commands import (
    chaos,
    demo,
    document,
    explain,
    export,
    import_,
    lint,
    registry,
    schema,
    validate,
)

_COMMANDS = (
    chaos,
    demo,
    document,
    explain,
    export,
    import_,
    lint,
    registry,
    schema,
    validate,
)
"""In the order of the help; each adds its own parser."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="meshlib",
        description="A service's own service mesh, inside its process.",
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    for command in _COMMANDS:
        command.register(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.command is None:
        parser.print_help()
        return 0
    return int(chosen.run(chosen))


if __name__ == "__main__":
    sys.exit(main())
