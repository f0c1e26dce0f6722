"""
`python -m meshlib demo`: a mesh that absorbs failures, on this machine alone.
"""

from __future__ import annotations

import argparse
from typing import Any

_EXIT_CODES = """\
exit codes:
  0    the mesh saved every request that it should have saved
  1    it lost one that could be sent again, while a replica of its service was healthy
       and the retry budget allowed it
  2    the arguments are wrong
  3    a server process could not be started
  130  interrupted
"""


def register(commands: Any) -> None:
    """Add the command to *commands*, the subparsers of the program."""
    parser = commands.add_parser(
        "demo",
        help="watch a mesh absorb failures, on this machine alone",
        description="Starts five server processes on the loopback address, sends them a few "
        "thousand requests through a mesh and through plain httpx, and breaks them meanwhile.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--fast", action="store_true", help="a story of seconds, fewer requests")
    parser.add_argument("--json", action="store_true", help="figures on stdout, lines on stderr")
    parser.add_argument("--plain", action="store_true", help="lines of text, also on a terminal")
    parser.add_argument("--seed", type=int, default=1, help="of the requests (%(default)s)")
    parser.add_argument(
        "--no-retries", action="store_true", help="sabotage the mesh: the exit code must be 1"
    )
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    from .._demo import run

    return run(
        fast=chosen.fast,
        retries=not chosen.no_retries,
        seed=chosen.seed,
        as_json=chosen.json,
        plain=chosen.plain,
    )
