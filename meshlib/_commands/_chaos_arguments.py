"""
What `python -m meshlib chaos` takes.
"""

from __future__ import annotations

import argparse
from typing import Any

LOCATION = "a path, or etcd://HOST:PORT/KEY, etcds://, consul://HOST:PORT/KEY, consuls://"
"""Where a document may be."""


def add_parameters(parser: Any) -> None:
    """Let *parser* take what a scenario lets a run choose."""
    parser.add_argument(
        "-p", "--parameter", metavar="NAME=VALUE", action="append", default=[],
        help="what the scenario lets a run choose; may be given again",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, help="makes what is injected repeatable")


def add_target(parser: Any) -> None:
    """Let *parser* take what is called, through what, and for how long."""
    add = parser.add_argument
    add("--config", metavar="FILE", help="the document of the mesh that calls go through")
    add("--document", metavar="LOCATION", help=f"inject into all that follow it: {LOCATION}")
    add("--unchecked", action="store_true", help="do not check that document")
    add("--url", help="what is called; the host is a service of --config, or any host")
    add("-X", "--method", metavar="METHOD", default="GET", help="of the calls (%(default)s)")
    add("--rps", type=_positive, default=20.0, help="calls a second (%(default)g)")
    add("--concurrency", type=_count, default=4, help="calls at once (%(default)s)")
    add("--before", metavar="TIME", type=_time, help="how long the steady state is watched")
    add("--duration", metavar="TIME", type=_time, help="how long the method takes")
    add(
        "--recovery",
        metavar="TIME",
        type=_time,
        help="how long the steady state may take to hold again",
    )


def _time(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text  # with its unit


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number <= 100_000:
        raise ValueError
    return number


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise ValueError
    return number


def parameters_of(chosen: argparse.Namespace) -> dict[str, Any]:
    """The parameters that were given, of which the duration has an option of its own."""
    from .._exceptions import ConfigurationError

    found: dict[str, Any] = {}
    for said in chosen.parameter:
        name, equals, value = said.partition("=")
        if not equals:
            raise ConfigurationError(f"-p {said}: write NAME=VALUE")
        found[name] = value
    if getattr(chosen, "duration", None) is not None:
        found["duration"] = chosen.duration
    return found
