"""
Calls of several threads at once: how much more they do together than one alone.

Each thread makes calls through one mesh, to one service of five endpoints, over a
transport that does nothing but return a fresh response, which is closed each time; so
everything that threads share is asked for as often as can be. One thread and two take
turns; what is compared is calls per second of wall clock. Beside the mesh stands the
transport alone, which shares nothing: it says what the machine and the interpreter give.

    python benchmarks/threads.py [--rounds N] [--threads N] [--quick] [--json PATH] [--check]

With the GIL two threads do no more than one, and `--check` asks for nothing. On a
free-threaded interpreter it fails, with exit code 1, when two threads do less than the
limit below as often as one.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import sysconfig
import threading
from collections.abc import Callable
from time import perf_counter, thread_time
from typing import Any

import _report
from _overhead_variants import ENDPOINTS, REQUEST, Nothing

from meshlib import MeshTransport

LEAST_SCALING = 1.6
"""How many times as many calls two free threads make as one."""

CALLS = 2000
"""Calls of each thread in a slice."""

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

Send = Callable[[Any], Any]


def rate(send: Send, threads: int) -> tuple[float, float]:
    """Calls per second of *threads* threads together: of wall clock, and of one thread's CPU."""
    ready = threading.Barrier(threads + 1)
    spent: list[float] = []

    def work() -> None:
        ready.wait()
        began = thread_time()
        for _ in range(CALLS):
            send(REQUEST).close()
        spent.append(thread_time() - began)
        ready.wait()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    began = perf_counter()
    ready.wait()
    seconds = perf_counter() - began
    for worker in workers:
        worker.join()
    return threads * CALLS / seconds, threads * CALLS / sum(spent)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of its own."""
    parser.add_argument("--rounds", type=int, default=40, help="turns (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads (%(default)s)")


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Take turns; afterwards look whether every permit came back."""
    rounds = min(given.rounds, 6) if given.quick else given.rounds
    mesh = MeshTransport("checkout", services={"users": ENDPOINTS}, transport=Nothing())
    sends: dict[str, Send] = {
        "the transport alone": Nothing().handle_request,
        "meshlib": mesh.handle_request,
    }
    result: dict[str, Any] = {
        "free_threaded": FREE_THREADED,
        "python": sys.version.split()[0],
        "threads": given.threads,
    }
    for name, send in sends.items():
        rate(send, given.threads)  # what is made on the first calls is no part of the others
        pairs = [(rate(send, 1), rate(send, given.threads)) for _ in range(rounds)]
        result[name] = {
            "one": statistics.median(one for (one, _), _ in pairs),
            "all": statistics.median(many for _, (many, _) in pairs),
            "scaling": statistics.median(many / one for (one, _), (many, _) in pairs),
            "by_cpu": statistics.median(
                given.threads * many / one for (_, one), (_, many) in pairs
            ),
        }
    service = mesh.mesh.service("users")
    made = CALLS * (given.threads * (rounds + 1) + rounds)
    result["lost"] = {
        "permits": service.bulkhead.in_flight,
        "in flight": sum(target.load.in_flight for target in service.targets),
        "attempts": made - sum(target.attempts for target in service.targets),
        "outcomes": made - sum(target.outlier.total for target in service.targets),
    }
    return result


def tables(result: dict[str, Any]) -> list[_report.Table]:
    """Rates, and what got lost between threads: nothing may."""
    kind = "free-threaded" if result["free_threaded"] else "with the GIL"
    names = ("the transport alone", "meshlib")
    rows = [
        (name, *(f"{result[name][key]:,.0f}" for key in ("one", "all")),
         f"{result[name]['scaling']:.2f}", f"{result[name]['by_cpu']:.2f}")
        for name in names
    ]  # fmt: skip
    head = (
        "calls per second",
        "one thread",
        f"{result['threads']} threads",
        "times as many",
        "by CPU time",
    )
    lost = [(what, str(number)) for what, number in result["lost"].items()]
    return [
        (f"threads on Python {result['python']}, {kind}", head, rows),
        ("what got lost between threads", ("", "number"), lost),
    ]


def broken(result: dict[str, Any]) -> list[str]:
    """The limits that do not hold."""
    failures = [f"{what}: {n} got lost" for what, n in result["lost"].items() if n]
    scaling = result["meshlib"]["scaling"]
    if result["free_threaded"] and scaling < LEAST_SCALING:
        failures.append(f"{result['threads']} threads do {scaling:.2f} times as much as one")
    return failures


if __name__ == "__main__":
    sys.exit(_report.main(sys.modules[__name__]))
