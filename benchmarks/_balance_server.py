"""
All replicas of the comparison of balancers, as one real server: a port for each.

Their service times are timers, not work, so that one process can be twenty replicas of
four slots. Reads the world as JSON and the instant at which it begins from standard input,
and writes the ports to standard output. Ends when standard input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from time import monotonic

from _balance_world import FAIL_AFTER, SLOTS, World

from meshlib.inbound._load_meter import LoadMeter

_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-replica: %d\r\n%b\r\nok"
_FAILED = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\nx-replica: %d\r\n\r\nno"
_ASKS = b"\r\nx-mesh-load: 1"


class Replica:
    """SLOTS requests at once, and a queue."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.zero = monotonic() + 3600.0
        """The instant at which the world begins."""
        self.meter = LoadMeter()
        self._busy = 0
        self._queue: deque[tuple[Connection, float, bool, int, float]] = deque()
        self._loop = asyncio.get_running_loop()

    def serve(self, connection: Connection, demand: float, asks: bool) -> None:
        """Answer after the *demand*, which begins when a slot is free."""
        now = monotonic()
        if self.world.broken(self.number, now - self.zero):
            self._loop.call_later(FAIL_AFTER, connection.answer, _FAILED % self.number)
            return
        item = connection, demand, asks, self.meter.begin(), now
        if self._busy < SLOTS:
            self._busy += 1
            self._begin(item)
        else:
            self._queue.append(item)

    def _begin(self, item: tuple[Connection, float, bool, int, float]) -> None:
        pace = self.world.pace(self.number, monotonic() - self.zero)
        self._loop.call_later(item[1] / pace, self._end, item)

    def _end(self, item: tuple[Connection, float, bool, int, float]) -> None:
        connection, _, asks, met, came = item
        self.meter.end(met, monotonic() - came)
        report = b"x-mesh-load: %b\r\n" % self.meter.header() if asks else b""
        connection.answer(_OK % (self.number, report))
        if self._queue:
            self._begin(self._queue.popleft())
        else:
            self._busy -= 1


class Connection(asyncio.Protocol):
    """One connection: requests without a body, one at a time."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._head = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A request, or a part of one; its path is the demand in microseconds."""
        self._head += data
        while True:
            head, found, rest = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            self._head = rest
            demand = int(head.split(b" ", 2)[1].rpartition(b"/")[2]) / 1e6
            self._replica.serve(self, demand, _ASKS in head)

    def answer(self, response: bytes) -> None:
        """Send it."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(response)


async def main() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    world = World(**json.loads(sys.stdin.readline()))
    replicas = [Replica(world, number) for number in range(world.replicas)]
    servers = [
        await loop.create_server(lambda each=each: Connection(each), "127.0.0.1", 0, backlog=1024)
        for each in replicas
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    zero = float(await loop.run_in_executor(None, sys.stdin.readline))
    for each in replicas:
        each.zero = zero
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
