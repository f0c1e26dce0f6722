"""
The decisions of a call without any transport, and its steps one by one.

The budget beside which the steps are read: a function call of Python takes 25 ns, reading a
clock 45, `with lock:` 110, and all that a call must decide, written as one function, 760.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable
from typing import Any

from _overhead_variants import ENDPOINTS, REQUEST, AsyncNothing, Body, Nothing
from _slices import Slice, cpu, least, take_turns

from meshlib import AsyncMeshTransport, MeshTransport
from meshlib.telemetry import CallReport
from meshlib.transport import Call
from meshlib.transport._aim import aimed_request, wire_headers
from meshlib.transport._attempt import Attempt


class Answer:
    """As much of a response as decisions read."""

    status_code = 200
    headers: dict[str, str] = {}


def one_call(begin: Callable[[Any], Call], answer: Any) -> None:
    """Everything that is decided about a call, from its beginning to its end."""
    call = begin(REQUEST)
    call.admit()
    attempt = call.start_attempt()
    call.finish_attempt(attempt, answer)
    CallReport(call)
    call.close()


def transports() -> tuple[Any, Any]:
    """A mesh around nothing, in both colours."""
    options: dict[str, Any] = {"services": {"users": ENDPOINTS}}
    blocking = MeshTransport("checkout", transport=Nothing(), **options)
    return blocking, AsyncMeshTransport("checkout", transport=AsyncNothing(), **options)


def decisions(rounds: int, calls: int) -> dict[str, dict[str, float]]:
    """Microseconds for the decisions of a call, in a thread and in an event loop."""
    blocking, awaiting = transports()
    loop = asyncio.new_event_loop()
    answer = Answer()

    def run(begin: Callable[[Any], Call], calls: int) -> None:
        for _ in range(calls):
            one_call(begin, answer)

    async def run_there(calls: int) -> None:
        run(awaiting.mesh.begin, calls)

    slices: dict[str, Slice] = {
        "sync": cpu(lambda calls: run(blocking.mesh.begin, calls), calls),
        "async": cpu(lambda calls: loop.run_until_complete(run_there(calls)), calls),
    }
    samples = take_turns(slices, rounds=rounds, seconds=20.0)
    loop.close()
    return {
        colour: {"least": least(samples, colour), "median": statistics.median(costs) * 1e6}
        for colour, costs in samples.items()
    }


def steps(rounds: int, calls: int) -> dict[str, float]:
    """Nanoseconds for each step of a call, less those of the loop around it."""
    mesh, _ = transports()
    call = mesh.mesh.begin(REQUEST)
    call.admit()
    attempt = call.start_attempt()
    service, target, breaker = call.service, attempt.target, attempt.breaker
    pickable, epoch, now, sdk = service.pickable, attempt.epoch, call.now, mesh._sdk
    left = attempt.limit - attempt.started
    bulkhead, good = service.bulkhead, call.policies.classes[200].verdict
    clock, later = call.clock, iter(range(1 << 60))

    def permit() -> None:
        bulkhead.try_acquire()
        bulkhead.release()

    def in_flight() -> None:
        target.begin(1)
        target.release()

    parts: dict[str, Callable[[], object]] = {
        "nothing": lambda: None,
        "clock": clock,
        "resolve and begin a call": lambda: mesh.mesh.begin(REQUEST),
        "of it: the call itself": lambda: Call(service, REQUEST, None, None, True),
        "bulkhead: permit and back": permit,
        "retry budget: deposit": lambda: service.budget.deposit(now),
        "pick among five": lambda: pickable.pick(call),
        "attempt": lambda: Attempt(call, target, breaker, epoch, pickable),
        "in flight and back": in_flight,
        "load, outliers, histogram": lambda: target.succeed(now + next(later) * 1e-6, 0.001),
        "breaker: record": lambda: breaker.record(epoch, good, now, 0.001, 200),
        "report": lambda: CallReport(call),
        "request aimed": lambda: aimed_request(attempt, sdk, left),
        "of it: headers": lambda: wire_headers(attempt, left),
        "body bound, closed": lambda: mesh._stream_kind(Body(), _Closed, None, None).close(),
    }

    def slice_of(part: Callable[[], object]) -> Slice:
        def run(calls: int) -> None:
            for _ in range(calls):
                part()

        return cpu(run, calls)

    samples = take_turns(
        {name: slice_of(part) for name, part in parts.items()}, rounds=rounds, seconds=20.0
    )
    call.close()
    floor = least(samples, "nothing")
    return {name: (least(samples, name) - floor) * 1e3 for name in parts if name != "nothing"}


class _Closed:
    """A call that has nothing to give back."""

    @staticmethod
    def close() -> None:
        """Nothing."""
