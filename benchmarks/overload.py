"""
What a server under three times its load still answers in time, with and without shedding.

uvicorn in a process of its own serves an application that works on so many requests at
once, each for the same time, and keeps the others in line. What it can do is measured
first, by callers who wait for their answers. Then three times as many requests are offered
as that, whether or not earlier ones were answered, as many independent callers would; each
gives up after its deadline, and tells the server so in a header.

    python benchmarks/overload.py [--seconds N] [--quick] [--json PATH] [--check]

Goodput is the number of answers within the deadline, as a share of what the server can do.
`--check` fails, with exit code 1, when it is below 85 % with shedding, by a limit that is
known or by one that is found.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import _report
from _plots import Plot
from _report import Table
from _server import free_port, wait_until_it_answers

SLOTS = 10
SERVICE_TIME = 0.1
DEADLINE = 0.5
OVERLOAD = 3.0
WARM_UP = 2.0
"""Seconds before anything is counted, in which the line of a server without shedding grows."""
LEAST = 0.85

BARE, TIMED, FIXED, FOUND = "no shedding", "deadline only", "fixed: 40", "gradient2"
INBOUND: dict[str, Any] = {
    BARE: None,
    TIMED: {},
    FIXED: {"concurrency": 40},
    FOUND: {"concurrency": "gradient2"},
}
HEAD = (
    "GET / HTTP/1.1\r\nhost: localhost\r\n"
    f"x-envoy-expected-rq-timeout-ms: {DEADLINE * 1000:.0f}\r\n\r\n"
).encode()


class Caller:
    """Makes requests on connections that it keeps, the last used first."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def call(self) -> int:
        """The status of the answer to one request."""
        reader, writer = (
            self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
        )
        try:
            writer.write(HEAD)
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:-2])
            await reader.readexactly(int(fields[b"content-length"]))
        except BaseException:
            writer.transport.abort()  # whoever gives up hangs up
            raise
        self.idle.append((reader, writer))
        return int(head.split(b" ", 2)[1])

    async def patient(self) -> str:
        """What becomes of a request that is given up after the deadline."""
        try:
            async with asyncio.timeout(DEADLINE):
                status = await self.call()
        except TimeoutError:
            return "late"
        except (OSError, asyncio.IncompleteReadError):
            return "broken"
        return {200: "good", 503: "shed", 504: "late"}.get(status, "broken")

    def close(self) -> None:
        """Hang up everywhere."""
        for _, writer in self.idle:
            writer.transport.abort()


async def capacity(caller: Caller, seconds: float) -> float:
    """Answers a second while every slot always has work, and hardly anybody waits."""
    clock = asyncio.get_running_loop().time
    begin = clock() + 2 * SERVICE_TIME
    end = begin + seconds
    done = 0

    async def work() -> None:
        nonlocal done
        while clock() < end:
            status = await caller.call()
            done += status == 200 and begin <= clock() < end

    await asyncio.gather(*(work() for _ in range(SLOTS + 2)))
    return done / seconds


async def offered(caller: Caller, rate: float, seconds: float) -> Counter[str]:
    """What becomes of requests that come at *rate*, independently of each other."""
    rng = random.Random(1)
    loop = asyncio.get_running_loop()
    ended: Counter[str] = Counter()
    tasks: set[asyncio.Task[None]] = set()
    begin = loop.time() + min(WARM_UP, seconds)

    async def one(counts: bool) -> None:
        outcome = await caller.patient()
        if counts:
            ended[outcome] += 1

    due = loop.time()
    while due < begin + seconds:
        await asyncio.sleep(max(0.0, due - loop.time()))
        task = loop.create_task(one(due >= begin))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        due += rng.expovariate(rate)
    await asyncio.gather(*tasks)
    return ended


async def measured(port: int, seconds: float) -> tuple[float, Counter[str]]:
    """What the server can do, and what becomes of three times as much."""
    caller = Caller(port)
    able = await capacity(caller, min(seconds, 2.0))
    counts = await offered(caller, OVERLOAD * able, seconds)
    caller.close()
    return able, counts


@contextlib.contextmanager
def serving(variant: str) -> Iterator[int]:
    """The port of a server with this protection."""
    port = free_port()
    process = subprocess.Popen([sys.executable, __file__, "--serve", variant, str(port)])
    try:
        wait_until_it_answers(port, process)
        yield port
    finally:
        process.kill()  # a server without shedding still has its line to work off
        process.wait(10)


def application(variant: str) -> Any:
    """What is served: so many at once, each for the same time."""
    from meshlib import Mesh
    from meshlib.integrations import MeshMiddleware

    slots = asyncio.Semaphore(SLOTS)
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-length", b"2")],
    }

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        async with slots:
            await asyncio.sleep(SERVICE_TIME)
        await send(start)
        await send({"type": "http.response.body", "body": b"ok"})

    inbound = INBOUND[variant]
    if inbound is None:
        return app
    return MeshMiddleware(app, Mesh("overloaded", config={"inbound": inbound}))


def serve(variant: str, port: int) -> None:
    """Serve until killed."""
    import uvicorn

    app = application(variant)
    said = {"lifespan": "off", "log_level": "error", "access_log": False}
    uvicorn.run(app, port=port, timeout_keep_alive=600, **said)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, help="for each variant (10; quick: 1)")


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Each protection in turn, on a server of its own."""
    seconds = given.seconds or (1.0 if given.quick else 10.0)
    result: dict[str, Any] = {"seconds": seconds}
    for variant in INBOUND:
        with serving(variant) as port:
            able, counts = asyncio.run(measured(port, seconds))
        goodput = counts["good"] / seconds / able
        result[variant] = {"capacity": able, "goodput": goodput, **counts}
    return result


def tables(result: dict[str, Any]) -> list[Table]:
    rows = []
    for variant in INBOUND:
        it = result[variant]
        rest = [str(it.get(outcome, 0)) for outcome in ("good", "late", "shed", "broken")]
        able = it["capacity"]
        rows.append(
            (variant, f"{able:.0f}", f"{OVERLOAD * able:.0f}", *rest, f"{it['goodput']:.0%}")
        )
    title = f"Answers within {DEADLINE * 1000:.0f} ms, in {result['seconds']:g} s, under overload"
    head = ("", "capacity/s", "offered/s", "good", "late", "shed", "broken", "goodput")
    return [(title, head, rows)]


def plots(result: dict[str, Any]) -> list[Plot]:
    places = {float(place): name for place, name in enumerate(INBOUND)}
    points = [(place, result[name]["goodput"] * 100) for place, name in places.items()]
    title = "Answers in time under three times the load"
    return [Plot("overload", title, "", "% of capacity", {"goodput": points},
                 kind="bar", ticks=places)]  # fmt: skip


def broken(result: dict[str, Any]) -> list[str]:
    low = [name for name in (FIXED, FOUND) if result[name]["goodput"] < LEAST]
    return [f"goodput of {name} is below {LEAST:.0%}" for name in low]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(_report.main(sys.modules[__name__]))
