"""
What an update of 10,000 endpoints costs, and what the calls of that moment feel of it.

One service of 10,000 endpoints, which are paths on one real server, is called from
threads without a pause while its source sends a whole new list now and then, of which 1 %
is new. Printed are the milliseconds from the list to its being in force, and the
latencies of calls that overlap an update beside those of the calls between updates.

    python benchmarks/updates.py [--endpoints 10000] [--updates 20] [--no-freeze]
                                 [--quick] [--json PATH] [--check]

A full collection of garbage visits every object of a process, 230,000 of which are these
endpoints, and holds up every thread for 50 to 100 ms. So the program calls `gc.freeze()`
once it has its endpoints, as `docs/how-to/production.md` advises; `--no-freeze` does not.

With `--check` the exit code is 1 when the median update takes 50 ms or longer, or when the
slowest call of the median update took 20 ms longer than the slowest of as many calls
before it.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import threading
from collections.abc import AsyncIterator
from time import perf_counter, thread_time
from typing import Any

import _report
import anyio
from _plots import Plot
from _report import Table
from _server import serving
from _slices import percentile

from meshlib import Endpoint, MeshClient
from meshlib.events import EndpointsChanged

MOST_FOR_AN_UPDATE = 0.050
MOST_FOR_A_CALL = 0.020
CALLERS = 2
SETTLE = 0.5
"""Seconds between two updates, in which the undisturbed calls are measured."""


class Source:
    """Sends the next list when it is told to."""

    def __init__(self, base: str, count: int) -> None:
        self._base, self._count, self._first = base, count, 0
        self.send: Any = None
        self.ready: list[Endpoint] = []
        self.began = self.worked = 0.0

    def next(self) -> list[Endpoint]:
        """A list of new objects, of which 1 % has not been there before."""
        numbers = range(self._first, self._first + self._count)
        self._first += self._count // 100
        return [Endpoint(f"{self._base}/{n}", metadata={"version": "v1"}) for n in numbers]

    async def watch(self, service: str) -> AsyncIterator[list[Endpoint]]:
        """One list at first, and one for each message."""
        yield self.next()
        self.send, heard = anyio.create_memory_object_stream[None](1)
        self.loop = anyio.lowlevel.current_token()
        async for _ in heard:
            self.began, self.worked = perf_counter(), thread_time()
            yield self.ready


def caller(client: MeshClient, over: threading.Event, log: list[tuple[float, float]]) -> None:
    """Call until *over*; note when each call began and ended."""
    while not over.is_set():
        began = perf_counter()
        client.get("http://users/").raise_for_status()
        log.append((began, perf_counter()))


def updated(base: str, count: int, updates: int, *, freeze: bool = True) -> dict[str, list[float]]:
    """Run it; all times in seconds."""
    source = Source(base, count)
    applied, over = threading.Event(), threading.Event()

    def listen(event: object) -> None:
        if isinstance(event, EndpointsChanged):
            marks.append((perf_counter(), thread_time() - source.worked))
            applied.set()

    marks: list[tuple[float, float]] = []
    spans: list[tuple[float, float]] = []
    logs: list[list[tuple[float, float]]] = [[] for _ in range(CALLERS)]
    settings = {"discovery": source, "discovery_timeout": 60.0, "timeout": 60.0}
    with MeshClient(services={"users": settings}, listeners=[listen]) as client:
        client.get("http://users/").raise_for_status()
        threads = [threading.Thread(target=caller, args=(client, over, log)) for log in logs]
        for thread in threads:
            thread.start()
        if freeze:
            gc.freeze()
        for _ in range(updates):
            source.ready = source.next()
            over.wait(SETTLE)
            applied.clear()
            anyio.from_thread.run_sync(source.send.send_nowait, None, token=source.loop)
            applied.wait()
            spans.append((source.began, marks[-1][0]))
        over.set()
        for thread in threads:
            thread.join()
    calls = sorted(call for log in logs for call in log)
    excess, during, between = [], [], []
    for began, ended in spans:
        hit = [end - start for start, end in calls if start < ended and end > began]
        before = [end - start for start, end in calls if end <= began][-max(len(hit), 20) :]
        during += hit
        between += before
        excess.append(max(hit, default=0.0) - max(before))
    return {
        "applied": [ended - began for began, ended in spans],
        "processor": [worked for _, worked in marks[1:]],
        "during": during,
        "between": between,
        "excess": excess,
    }


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoints", type=int, default=10_000)
    parser.add_argument("--updates", type=int, help="how many (20; quick: 5)")
    parser.add_argument("--no-freeze", action="store_true")


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Figures, and of the many calls only what they come to; all times in seconds."""
    count = given.updates or (5 if given.quick else 20)
    with serving() as (base, server):
        found = updated(base.rstrip("/"), given.endpoints, count, freeze=not given.no_freeze)
    result: dict[str, Any] = {"endpoints": given.endpoints, "updates": count, "server": server}
    for name, values in found.items():
        result[name] = {
            "median": statistics.median(values),
            "p99": percentile(values, 99),
            "max": max(values),
            "count": len(values),
        }
    return result


ROWS = {
    "applied": "an update, from the list to in force",
    "processor": "its processor time",
    "during": "calls during updates",
    "between": "as many calls before them",
    "excess": "slowest call during less before",
}


def tables(result: dict[str, Any]) -> list[Table]:
    title = "{endpoints} endpoints on {server}, {updates} updates of 1 %, ms".format(**result)
    rows = [
        (what, *(f"{result[name][key] * 1e3:.2f}" for key in ("median", "p99", "max")))
        for name, what in ROWS.items()
    ]
    return [(title, ("", "median", "p99", "max"), rows)]


def plots(result: dict[str, Any]) -> list[Plot]:
    series = {
        key: [(float(place), result[name][key] * 1e3) for place, name in enumerate(ROWS)]
        for key in ("median", "p99", "max")
    }
    ticks = {float(place): name for place, name in enumerate(ROWS)}
    return [Plot("updates", "Updates of many endpoints", "", "ms", series, kind="bar", ticks=ticks)]


def broken(result: dict[str, Any]) -> list[str]:
    limits = {"applied": MOST_FOR_AN_UPDATE, "excess": MOST_FOR_A_CALL}
    return [
        f"{ROWS[name]}: {result[name]['median'] * 1e3:.0f} ms, not below {limit * 1e3:.0f}"
        for name, limit in limits.items()
        if result[name]["median"] >= limit
    ]


if __name__ == "__main__":
    sys.exit(_report.main(sys.modules[__name__]))
