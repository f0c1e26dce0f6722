"""
A server that answers requests when so many are there, as `_scale_calls.py` starts it.

It prints its port. `GET /size` with the header `x-size` says how many; at once answered are
that one, and what still waits after two seconds.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from typing import ClassVar

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
MOST_WAITING = 2.0


class Hall(asyncio.Protocol):
    """One connection; the class knows who waits."""

    size = 1
    waiting: ClassVar[list[asyncio.Transport]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """A whole request: none of them has a body, and none is longer than a packet."""
        if data.startswith(b"GET /size"):
            Hall.size = int(data.lower().partition(b"x-size: ")[2].partition(b"\r\n")[0])
            self.transport.write(ANSWER)
            return
        if not Hall.waiting:
            asyncio.get_running_loop().call_later(MOST_WAITING, release)
        Hall.waiting.append(self.transport)
        if len(Hall.waiting) >= Hall.size:
            release()


def release() -> None:
    """Answer everybody who waits."""
    waiting, Hall.waiting = Hall.waiting, []
    for transport in waiting:
        transport.write(ANSWER)


async def main(backlog: int) -> None:
    """Serve until the end."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Hall, "127.0.0.1", 0, backlog=backlog)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
