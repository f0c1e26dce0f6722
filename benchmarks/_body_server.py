"""
A server of long bodies on the loopback address, in a process of its own.

`GET /<bytes>` sends so many; a POST is read to its end, in either coding, and answered
with the number of bytes that came with it. The process ends with its `with` block.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator

from _server import free_port, wait_until_it_answers

PIECE = b"x" * (256 * 1024)


class Bodies(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.head = b""
        self.left: int | None = 0
        """Bytes of a body still to come; None in the chunked coding."""
        self.came = 0
        self.tail = b""
        self.owed = 0
        self.writing = True

    def data_received(self, data: bytes) -> None:
        if self.left == 0 and not self.owed:
            self.head += data
            head, end, data = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            self.begin(head.lower())
            if not data:
                return
        self.body(data)

    def begin(self, head: bytes) -> None:
        self.head, self.came, self.tail = b"", 0, b""
        method, target, *_ = head.split(None, 2)
        if method == b"get":
            self.owed = int(target[1:])
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % self.owed)
            self.send()
        elif b"chunked" in head:
            self.left = None
        else:
            self.left = int(head.partition(b"content-length:")[2].split(None, 1)[0])

    def body(self, data: bytes) -> None:
        self.came += len(data)
        if self.left is None:
            self.tail = (self.tail + data[-5:])[-5:]
            if self.tail != b"0\r\n\r\n":
                return
        else:
            self.left -= len(data)
            if self.left:
                return
        self.left = 0
        said = b"%d" % self.came
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(said), said))

    def send(self) -> None:
        while self.owed and self.writing:
            piece = PIECE[: self.owed]
            self.owed -= len(piece)
            self.transport.write(piece)

    def pause_writing(self) -> None:
        self.writing = False

    def resume_writing(self) -> None:
        self.writing = True
        self.send()


@contextlib.contextmanager
def serving_bodies() -> Iterator[str]:
    """Run it; gives its URL."""
    port = free_port()
    process = subprocess.Popen([sys.executable, __file__, str(port)])
    try:
        wait_until_it_answers(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


async def serve(listening: socket.socket) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Bodies, sock=listening)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(listening))
