"""
The mesh inside the client against a proxy beside it: latency, processor time and memory.

The same requests go to the same three servers in four ways: with plain httpx through Envoy,
with plain httpx through HAProxy, with the mesh, and, as the base of all of them, with plain
httpx straight to one of the servers. Proxies and mesh balance, retry and leave out bad
servers by equal settings, which a run against a server that fails shows first. Then the ways
take turns of a few milliseconds; once more with httpx2 in the place of httpx.

    python benchmarks/sidecar.py [--seconds N] [--rounds N] [--quick] [--json PATH] [--check]

The client has one processor, servers and proxies have the others. Processor time is that of
this process and of the proxy; that of the servers is nobody's. `--check` fails, with exit
code 1, when a limit below is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import importlib
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from types import ModuleType
from typing import Any

import _report
import _sidecar_faults as faults
from _plots import Plot
from _processes import back_anywhere, memory_of, others_elsewhere
from _report import Table
from _server import serving
from _sidecar_clients import (
    AS_TRANSPORT,
    DIRECT,
    ENVOY,
    HAPROXY,
    INSIDE,
    async_gets,
    async_slices,
    blocking_slices,
    more_async,
    service,
    ways,
)
from _sidecar_figures import figures, rows_of
from _sidecar_memory import growth
from _sidecar_proxies import Proxy, envoy, envoy_binary, haproxy, haproxy_binary
from _slices import take_turns

MOST_OF_ADDED = 0.1
"""Latency that the mesh adds at p50, as a share of what Envoy adds, one request at once."""
MOST_OF_DIRECT = 1.0
"""Processor time of client and mesh, as a share of a plain client without any proxy."""
MOST_OF_ENVOY = 0.5
"""Processor time of client and mesh, as a share of a plain client and Envoy."""

CONCURRENCY = (1, 16, 64)
UPSTREAMS = 3


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=150, help="turns at most (%(default)s)")
    parser.add_argument("--seconds", type=float, help="of each table, or 2 turns (30; quick: 1)")
    parser.add_argument("--concurrency", type=int, nargs="+", help="requests at once")


def libraries() -> dict[str, tuple[ModuleType, ModuleType]]:
    """Each client library, and the mesh's own clients of its kind."""
    found = {}
    for name, mesh in {"httpx": "meshlib", "httpx2": "meshlib.httpx2"}.items():
        try:
            found[name] = importlib.import_module(name), importlib.import_module(mesh)
        except ImportError as exc:
            print(f"{name} is left out: {exc}")
    return found


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """All of it, or why not."""
    binaries = {ENVOY: envoy_binary(), HAPROXY: haproxy_binary()}
    starts = {ENVOY: envoy, HAPROXY: haproxy}
    runners = {
        name: functools.partial(starts[name], binary)
        for name, binary in binaries.items()
        if binary is not None
    }
    missing = [name.removeprefix("through ") for name in starts if name not in runners]
    if not runners:
        return {_report.LEFT_OUT: "neither Envoy nor HAProxy is installed"}
    result: dict[str, Any] = {"missing": missing, "runs": {}}
    with back_anywhere(), ExitStack() as stack:
        with others_elsewhere() as pinned:
            started = [stack.enter_context(serving()) for _ in range(UPSTREAMS)]
            upstreams = [url for url, _ in started]
            proxies = {name: stack.enter_context(run(upstreams)) for name, run in runners.items()}
        idle = {name: memory_of(proxy.pid) for name, proxy in proxies.items()}
        result["upstreams"] = started[0][1]
        result["pinned"] = pinned
        result["versions"] = {name: proxy.version for name, proxy in proxies.items()}
        result["faults"] = _faults(runners, upstreams)
        result["memory"] = {"client": growth(upstreams)}
        comparing = Comparing(given, upstreams, proxies)
        for library, (plain, mesh) in libraries().items():
            result["runs"][library] = comparing.all(plain, mesh)
        result["memory"]["proxies"] = {
            name: {"idle": idle[name], "after": memory_of(proxy.pid)}
            for name, proxy in proxies.items()
        }
    return result


def _faults(runners: Mapping[str, Any], upstreams: list[str]) -> dict[str, Any]:
    with faults.failing() as bad:
        places = [*upstreams[:2], bad]
        found = {INSIDE: faults.seen_inside(service(places))}
        for name, run in runners.items():
            with run(places) as proxy:
                found[name] = faults.seen_through(proxy.url)
        return found


class Comparing:
    """The ways in turns, for one library and number of requests at once after another."""

    def __init__(
        self, given: argparse.Namespace, upstreams: list[str], proxies: Mapping[str, Proxy]
    ) -> None:
        self._rounds = given.rounds
        self._seconds = given.seconds or (1.0 if given.quick else 30.0)
        self._concurrency = given.concurrency or CONCURRENCY[: 2 if given.quick else None]
        self._upstreams = upstreams
        self._proxies = proxies

    def all(self, library: ModuleType, mesh: ModuleType) -> dict[str, Any]:
        """Blocking, then awaited at each concurrency."""
        result = {"sync, 1 at once": self._blocking(library, mesh)}
        for concurrency in self._concurrency:
            title = f"async, {concurrency} at once"
            result[title] = self._awaiting(library, mesh, concurrency)
        return result

    def _blocking(self, library: ModuleType, mesh: ModuleType) -> dict[str, Any]:
        found = ways(self._proxies, *([AS_TRANSPORT] if library.__name__ == "httpx" else []))
        with ExitStack() as stack:
            slices = blocking_slices(
                stack, library, mesh, self._upstreams, self._proxies, found, calls=50
            )
            samples = take_turns(slices, rounds=self._rounds, seconds=self._seconds)
        return figures(found, samples)

    def _awaiting(self, library: ModuleType, mesh: ModuleType, concurrency: int) -> dict[str, Any]:
        found = ways(self._proxies, *more_async(library))
        calls = max(50 // concurrency, 1) * concurrency
        loop = asyncio.new_event_loop()
        stack = AsyncExitStack()
        try:
            gets = loop.run_until_complete(
                async_gets(stack, library, mesh, self._upstreams, self._proxies, found, concurrency)
            )
            slices = async_slices(loop, gets, found, concurrency, calls)
            samples = take_turns(slices, rounds=self._rounds, seconds=self._seconds)
        finally:
            loop.run_until_complete(stack.aclose())
            loop.close()
        return figures(found, samples)


def tables(result: dict[str, Any]) -> list[Table]:
    found: list[Table] = []
    if result["missing"]:
        found.append((f"{' and '.join(result['missing'])}: not installed, left out", (), []))
    for library, runs in result["runs"].items():
        for title, run in runs.items():
            turns, control = run["turns"], run["control"]
            about = f"{turns} turns; the mesh against itself is {control:.3f}"
            head = ("", "p50", "added", "p99", "added", "CPU of the client", "of the proxy",
                    "of direct", "of Envoy's")  # fmt: skip
            found.append((f"{library}, {title}, µs; {about}", head, rows_of(run)))
    memory = result["memory"]
    rows = [
        (f"{name[8:]}, idle, then after the runs", f"{it['idle']:.1f} → {it['after']:.1f}")
        for name, it in memory["proxies"].items()
    ]
    more = memory["client"]["meshlib"] - memory["client"]["httpx"]
    rows.append(("the mesh: a process with it, less one with httpx", f"{more:.1f}"))
    found.append(("Memory, MiB", ("", "resident"), rows))
    bad = [
        (name, str(it["calls"]), str(it["failed"]), str(it["reached the bad one"]))
        for name, it in result["faults"].items()
    ]
    head = ("", "requests", "failed", "reached the bad one")
    found.append(("One of the three servers answers 503", head, bad))
    return found


def plots(result: dict[str, Any]) -> list[Plot]:
    found = []
    for library, runs in result["runs"].items():
        places = {float(place): title for place, title in enumerate(runs)}
        for key, what in {"cpu": "Processor time, client and proxy", "p50": "Latency"}.items():
            series = {
                name: [(x, runs[title]["ways"][name][key]) for x, title in places.items()]
                for name in (INSIDE, DIRECT, *result["versions"])
            }
            title = f"{what}: a request with {library}"
            plot = Plot(f"sidecar-{library}-{key}", title, "", "µs", series)
            found.append(replace(plot, log=True, kind="bar", ticks=places))
    return found


def broken(result: dict[str, Any]) -> list[str]:
    found = []
    for library, runs in result["runs"].items():
        for title, run in runs.items():
            mesh, rest = run["ways"][INSIDE], run["ways"]
            checks = [("CPU of plain without a proxy", mesh["of_direct"], MOST_OF_DIRECT)]
            if ENVOY in rest:
                checks.append(("CPU of plain with Envoy", mesh["of_envoy"], MOST_OF_ENVOY))
                if title.endswith(", 1 at once"):
                    share = mesh["added_p50"] / rest[ENVOY]["added_p50"]
                    checks.append(("p50 added, of what Envoy adds", share, MOST_OF_ADDED))
            found += [
                f"{library}, {title}: {what}: {share:.3f}, above {most}"
                for what, share, most in checks
                if share > most
            ]
    return found


if __name__ == "__main__":
    sys.exit(_report.main(sys.modules[__name__]))
