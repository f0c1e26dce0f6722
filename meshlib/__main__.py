"""
`python -m meshlib`: the command line.

    meshlib demo [--fast] [--json] [--plain] [--seed N]
    meshlib registry [--host HOST] [--port PORT] [--database FILE] [--token-file FILE]

Exit codes of the demo: 0, the mesh saved every request that it should have saved; 1, it
lost one; 2, the arguments are wrong; 3, a server process could not be started; 130,
interrupted by Ctrl-C. Those of the registry: 0, ended by a signal; 2, the arguments are
wrong, or the database or the address cannot be used. Without a command the help is
printed and the exit code is 0.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ._demo import run
from .discovery.registry import registry_command

_EXIT_CODES = """\
exit codes:
  0    the mesh saved every request that it should have saved
  1    it lost one that could be sent again, while a replica of its service was healthy
       and the retry budget allowed it
  2    the arguments are wrong
  3    a server process could not be started
  130  interrupted
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="meshlib",
        description="A service's own service mesh, inside its process.",
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    demo = commands.add_parser(
        "demo",
        help="watch a mesh absorb failures, on this machine alone",
        description="Starts five server processes on the loopback address, sends them a few "
        "thousand requests through a mesh and through plain httpx, and breaks them meanwhile.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    demo.add_argument("--fast", action="store_true", help="a story of seconds, fewer requests")
    demo.add_argument("--json", action="store_true", help="figures on stdout, lines on stderr")
    demo.add_argument("--plain", action="store_true", help="lines of text, also on a terminal")
    demo.add_argument("--seed", type=int, default=1, help="of the requests (%(default)s)")
    demo.add_argument(
        "--no-retries", action="store_true", help="sabotage the mesh: the exit code must be 1"
    )
    registry_command(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.command is None:
        parser.print_help()
        return 0
    if chosen.command == "registry":
        return int(chosen.run(chosen))
    return run(
        fast=chosen.fast,
        retries=not chosen.no_retries,
        seed=chosen.seed,
        as_json=chosen.json,
        plain=chosen.plain,
    )


if __name__ == "__main__":
    sys.exit(main())
