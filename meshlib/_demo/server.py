"""
One replica: a small HTTP/1.1 server that misbehaves when it is told to.

    python -m meshlib._demo.server NAME [PORT]

It listens on the loopback address, prints `NAME PORT` when it is ready, and then reads
orders from its standard input, one JSON object a line, each of which replaces the one
before and is answered by a line `ok`:

    {"latency": 0.25}              take so many seconds for an answer
    {"flap": 0.3}                  by turns, so many seconds well and so many sick: answer
                                   503, or hang up without an answer
    {"limit": [30, 0.5]}           take 30 requests in each 0.5 s, and answer the others 429
                                   or 503 with the time at which to come back
    {"reset": 0.3, "delay": [0.2, 0.3]}   hang up on 30 % of the requests, and hold back
                                   20 % of them for 0.3 s

It ends when its standard input does, so it never outlives whoever started it. It imports
nothing but the standard library, and so starts at once.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import signal
import sys
from collections.abc import Mapping
from typing import Any

LATENCY = 0.004
"""Seconds that a healthy replica takes for an answer."""

_REASONS = {200: "OK", 429: "Too Many Requests", 503: "Service Unavailable"}


class Behaviour:
    """How a replica answers; *orders* as in the module's table, *began* when they came."""

    def __init__(self, orders: Mapping[str, Any], began: float, rng: random.Random) -> None:
        self.latency: float = orders.get("latency", LATENCY)
        self._flap: float = orders.get("flap", 0.0)
        self._limit: tuple[int, float] | None = orders.get("limit")
        self._reset: float = orders.get("reset", 0.0)
        self._delay: tuple[float, float] = orders.get("delay", (0.0, 0.0))
        self._began = began
        self._rng = rng
        self._window = 0
        self._taken = 0
        self._refused = 0

    def pause(self) -> float:
        """Seconds until the answer; a little different each time, as in life."""
        share, more = self._delay
        held_back = more if self._rng.random() < share else 0.0
        return held_back + self.latency * self._rng.uniform(0.7, 1.3)

    def answer(self, now: float) -> tuple[int | None, float]:
        """The status, or None to hang up; and the seconds after which to come back, or 0."""
        if self._limit is not None:
            return self._within_limit(*self._limit, now)
        if self._rng.random() < self._reset:
            return None, 0.0
        if self._flap and int((now - self._began) / self._flap) % 2 == 0:
            self._refused += 1
            return (503 if self._refused % 2 else None), 0.0
        return 200, 0.0

    def _within_limit(self, most: int, width: float, now: float) -> tuple[int | None, float]:
        window = int((now - self._began) / width)
        if window != self._window:
            self._window, self._taken = window, 0
        self._taken += 1
        if self._taken <= most:
            return 200, 0.0
        self._refused += 1
        return (429 if self._refused % 2 else 503), self._began + (window + 1) * width - now


class Replica:
    """Serves connections, each in a task, by the behaviour of the moment."""

    def __init__(self, name: str, *, rng: random.Random) -> None:
        self.name = name
        self._rng = rng
        self._behaviour = Behaviour({}, 0.0, rng)

    def obey(self, orders: Mapping[str, Any]) -> None:
        """Behave as *orders* say from now on."""
        self._behaviour = Behaviour(orders, asyncio.get_running_loop().time(), self._rng)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until its client or a fault ends it."""
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                await reader.readexactly(int(value))
        status, come_back = self._behaviour.answer(asyncio.get_running_loop().time())
        if status is None:
            return False
        if status == 200:
            await asyncio.sleep(self._behaviour.pause())
        writer.write(self._response(status, come_back))
        await writer.drain()
        return True

    def _response(self, status: int, come_back: float) -> bytes:
        body = json.dumps({"replica": self.name}).encode()
        lines = [
            f"HTTP/1.1 {status} {_REASONS[status]}",
            "content-type: application/json",
            f"content-length: {len(body)}",
        ]
        if come_back:
            lines.append(f"retry-after: {math.ceil(come_back)}")
            lines.append(f"retry-after-ms: {math.ceil(come_back * 1000.0)}")
        return "\r\n".join([*lines, "", ""]).encode() + body


async def run(name: str, port: int) -> None:
    """Serve until the standard input ends."""
    replica = Replica(name, rng=random.Random(name))
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(replica.serve, "127.0.0.1", port, backlog=1024)
    _say(f"{name} {server.sockets[0].getsockname()[1]}")
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        replica.obey(json.loads(line))
        _say("ok")
    # `wait_closed` would wait for connections that their clients keep.
    server.close()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # Ctrl-C reaches the whole group of processes; whoever started this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(run(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0))
