"""
What a mesh adds to a call, in CPU time and in profile calls, beside retry libraries.

Everything of the mesh is on as by default, over a service of five endpoints, around a
transport that does nothing but return a fresh response with a streamed body, which is
closed each time. The others wrap the same transport: a retry decorator of tenacity,
stamina or pyresilience, pyresilience with its breaker, and pybreaker within tenacity.
They decide less: no endpoint, no deadline, no budget, no bulkhead, no report.

    python benchmarks/overhead.py [--rounds N] [--json PATH] [--check]
    python benchmarks/overhead.py --gate

`--check` fails, with exit code 1, when the mesh adds more than the limits below allow,
relative to tenacity's decorator. `--gate` only counts the calls of Python and of C
functions, which a profiler sees and which do not depend on the machine, and fails above
the limits below.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import importlib.util
import statistics
import sys
from collections.abc import Callable
from typing import Any

import httpx
import tenacity
from _slices import (
    CONTROL,
    Samples,
    Slice,
    added,
    cpu,
    least,
    ratio,
    table,
    take_turns,
    verdict,
    write_json,
)

from meshlib import AsyncMeshTransport, MeshTransport

MOST_CALLS = {"sync": (31, 29), "async": (33, 31)}
"""Profile calls that a mesh may add to a request: of Python functions, and of C functions."""

MOST_OF_TENACITY = {"sync": 0.75, "async": 0.4}
"""CPU time that a mesh may add, as a share of what tenacity's decorator adds."""

CALLS = 200
"""Calls in a slice: some milliseconds."""

ENDPOINTS = [f"http://10.0.0.{number}:8080" for number in range(1, 6)]
REQUEST = httpx.Client().build_request("GET", "http://users/api/users/1")


class Body(httpx.SyncByteStream):
    def __iter__(self) -> Any:
        yield b""

    def close(self) -> None:
        pass


class AsyncBody(httpx.AsyncByteStream):
    async def __aiter__(self) -> Any:
        yield b""

    async def aclose(self) -> None:
        pass


class Nothing(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Body())


class AsyncNothing(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=AsyncBody())


Send = Callable[[httpx.Request], Any]


@functools.cache
def installed(name: str) -> bool:
    if importlib.util.find_spec(name) is not None:
        return True
    print(f"{name} is not installed: left out")
    return False


def decorators() -> dict[str, Callable[[Any], Any]]:
    """By name, what wraps a function that sends; the same for both colours."""
    found: dict[str, Callable[[Any], Any]] = {
        "tenacity": tenacity.retry(
            stop=tenacity.stop_after_attempt(3),
            wait=tenacity.wait_random_exponential(0.025, max=1.0),
            retry=tenacity.retry_if_exception_type(httpx.TransportError),
        )
    }
    if installed("stamina"):
        import stamina

        found["stamina"] = stamina.retry(on=httpx.TransportError, attempts=3)
    if installed("pyresilience"):
        import pyresilience

        retry = pyresilience.RetryConfig(retry_on=(httpx.TransportError,))
        found["pyresilience"] = pyresilience.resilient(retry=retry)
        found["pyresilience, breaker"] = pyresilience.resilient(
            retry=retry, circuit_breaker=pyresilience.CircuitBreakerConfig()
        )
    return found


def ours() -> dict[str, Send]:
    """The bare transport and a mesh around it, blocking."""
    mesh = MeshTransport("checkout", services={"users": ENDPOINTS}, transport=Nothing())
    return {"bare": Nothing().handle_request, "meshlib": mesh.handle_request}


def ours_async() -> dict[str, Send]:
    """The same, asynchronous."""
    mesh = AsyncMeshTransport("checkout", services={"users": ENDPOINTS}, transport=AsyncNothing())
    return {"bare": AsyncNothing().handle_async_request, "meshlib": mesh.handle_async_request}


def blocking() -> dict[str, Send]:
    """Every blocking variant."""
    variants = ours()
    bare = variants[CONTROL] = variants["bare"]
    for name, decorate in decorators().items():

        @decorate
        def send(request: httpx.Request) -> Any:
            return bare(request)

        variants[name] = send
    if installed("pybreaker"):
        import pybreaker

        breaker = pybreaker.CircuitBreaker()

        @decorators()["tenacity"]
        def send_guarded(request: httpx.Request) -> Any:
            return breaker.call(bare, request)

        variants["pybreaker in tenacity"] = send_guarded
    return variants


def awaiting() -> dict[str, Send]:
    """Every asynchronous variant."""
    variants = ours_async()
    bare = variants[CONTROL] = variants["bare"]
    for name, decorate in decorators().items():

        @decorate
        async def send(request: httpx.Request) -> Any:
            return await bare(request)

        variants[name] = send
    if installed("pybreaker"):
        import pybreaker

        breaker = pybreaker.CircuitBreaker()

        @decorators()["tenacity"]
        async def send_guarded(request: httpx.Request) -> Any:
            with breaker.calling():
                return await bare(request)

        variants["pybreaker in tenacity"] = send_guarded
    return variants


def slices(loop: asyncio.AbstractEventLoop | None, calls: int) -> dict[str, Slice]:
    """A slice of each variant; the asynchronous ones run on *loop*."""

    def blocking_slice(send: Send) -> Slice:
        def run(calls: int) -> None:
            for _ in range(calls):
                send(REQUEST).close()

        return cpu(run, calls)

    def awaiting_slice(loop: asyncio.AbstractEventLoop, send: Send) -> Slice:
        async def run(calls: int) -> None:
            for _ in range(calls):
                await (await send(REQUEST)).aclose()

        return cpu(lambda calls: loop.run_until_complete(run(calls)), calls)

    if loop is None:
        return {name: blocking_slice(send) for name, send in blocking().items()}
    return {name: awaiting_slice(loop, send) for name, send in awaiting().items()}


class Counter:
    """Counts the calls that a profiler sees."""

    def __init__(self) -> None:
        self.python = self.c = 0

    def __call__(self, frame: object, event: str, argument: object) -> None:
        if event == "call":
            self.python += 1
        elif event == "c_call":
            self.c += 1

    def counts(self) -> tuple[int, int]:
        return self.python, self.c


def count(send: Send) -> tuple[int, int]:
    """Profile calls of one blocking request."""
    counter = Counter()
    sys.setprofile(counter)
    try:
        send(REQUEST).close()
    finally:
        sys.setprofile(None)
    return counter.counts()


async def count_async(send: Send) -> tuple[int, int]:
    """Profile calls of one asynchronous request."""
    counter = Counter()
    sys.setprofile(counter)
    try:
        await (await send(REQUEST)).aclose()
    finally:
        sys.setprofile(None)
    return counter.counts()


def usual(counts: list[tuple[int, int]]) -> tuple[int, int]:
    """What most requests need; one that begins a breaker's or a budget's next slot needs more."""
    return statistics.mode(counts[len(counts) // 2 :])


def profile_calls() -> dict[str, tuple[int, int]]:
    """Calls of Python and of C functions that a mesh adds to a request."""

    async def awaited(send: Send) -> tuple[int, int]:
        return usual([await count_async(send) for _ in range(100)])

    calls = {
        "sync": {name: usual([count(send) for _ in range(100)]) for name, send in ours().items()},
        "async": {name: asyncio.run(awaited(send)) for name, send in ours_async().items()},
    }
    return {
        colour: (of["meshlib"][0] - of["bare"][0], of["meshlib"][1] - of["bare"][1])
        for colour, of in calls.items()
    }


def gate(counts: dict[str, tuple[int, int]]) -> list[str]:
    """What is above its limit."""
    return [
        f"{colour}: {number} calls of {kind} functions added to a request, above {limit}"
        for colour, added_calls in counts.items()
        for kind, number, limit in zip(
            ("Python", "C"), added_calls, MOST_CALLS[colour], strict=True
        )
        if number > limit
    ]


def show(colour: str, samples: Samples) -> dict[str, Any]:
    """Print one colour; the figures for the JSON."""
    rows, result = [], {}
    for name in samples:
        more = added(samples, name, "bare")
        share = ratio(samples, name, "tenacity", floor="bare")
        result[name] = {"least": least(samples, name), "added": more, "of_tenacity": share}
        shown = "" if name == "bare" else f"{more:.2f}"
        shown_share = "" if name in ("bare", CONTROL) else f"{share:.2f}"
        rows.append((name, f"{least(samples, name):.2f}", shown, shown_share))
    turns = len(samples["bare"])
    control = ratio(samples, CONTROL, "bare")
    print(f"\n{colour}, CPU time of a call in microseconds; {turns} turns of 2 x {CALLS} calls")
    print(table(("", "least", "added", "of tenacity's"), rows))
    print(f"control: the bare transport against itself is {control:.3f}")
    return {"turns": turns, "control": control, "variants": result}


def main() -> int:
    """Measure and print; see the module."""
    parser = argparse.ArgumentParser(description="What a mesh adds to a call.")
    parser.add_argument("--rounds", type=int, default=100, help="turns (%(default)s)")
    parser.add_argument("--json", metavar="PATH", help="write the figures there too")
    parser.add_argument("--gate", action="store_true", help="count profile calls, nothing else")
    parser.add_argument("--check", action="store_true", help="fail above the limits")
    arguments = parser.parse_args()

    counts = profile_calls()
    result: dict[str, Any] = {"profile_calls": counts, "limits": MOST_CALLS}
    print("profile calls that the mesh adds to a request")
    print(
        table(
            ("", "Python", "C", "limits"),
            [
                (colour, str(python), str(c), "{} {}".format(*MOST_CALLS[colour]))
                for colour, (python, c) in counts.items()
            ],
        )
    )
    failures = gate(counts) if arguments.gate or arguments.check else []
    if not arguments.gate:
        gc.collect()
        gc.freeze()  # what was imported is not searched for garbage during a slice
        loop = asyncio.new_event_loop()
        for colour, where in {"sync": None, "async": loop}.items():
            samples = take_turns(slices(where, CALLS), rounds=arguments.rounds, seconds=60.0)
            result[colour] = show(colour, samples)
            share = result[colour]["variants"]["meshlib"]["of_tenacity"]
            limit = MOST_OF_TENACITY[colour]
            if arguments.check and share > limit:
                failures.append(f"{colour}: {share:.3f} of what tenacity adds, above {limit}")
        loop.close()
    write_json(arguments.json, result)
    return verdict(failures)


if __name__ == "__main__":
    sys.exit(main())
