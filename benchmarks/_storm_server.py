"""
A server that works on so many requests at once, each for the same time, in the order they came.

It goes on with requests that whoever sent them has given up, as most servers of HTTP/1.1 do.
Working is waiting for an instant that is known when a request comes, so its capacity is exact
and costs hardly any of the machine's. `/blip/SECONDS/SHARE` leaves that share of it for so
long; the request is answered when that begins.

    python _storm_server.py PORT WORKERS SERVICE_TIME
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import sys

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"


class Work:
    """When each of the workers is free, and what time a piece of work takes."""

    def __init__(self, workers: int, service_time: float) -> None:
        self._free = [0.0] * workers
        self._service_time = service_time
        self._until, self._share = 0.0, 1.0

    def shrink(self, now: float, seconds: float, share: float) -> None:
        """Work on for *seconds* with this *share* of the capacity."""
        self._until, self._share = now + seconds, share

    def done(self, now: float) -> float:
        """When a request that comes *now* has been worked on."""
        begun = max(now, heapq.heappop(self._free))
        shrunk = begun < self._until
        ended = begun + self._service_time / (self._share if shrunk else 1.0)
        heapq.heappush(self._free, ended)
        return ended


class Connection(asyncio.Protocol):
    """Answers each request when its work is done; what is gone then is not answered."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while b"\r\n\r\n" in self._data:
            head, _, self._data = self._data.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode("ascii")
            now = self._loop.time()
            if path.startswith("/blip/"):
                seconds, share = map(float, path.split("/")[2:])
                self._work.shrink(now, seconds, share)
                self._answer()
            else:
                self._loop.call_at(self._work.done(now), self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)


async def serve(port: int, work: Work) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(work), "127.0.0.1", port, backlog=4096)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    _, port, workers, service_time = sys.argv
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(int(port), Work(int(workers), float(service_time))))
