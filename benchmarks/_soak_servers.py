"""
Servers on the loopback address that come, go and misbehave, all in one process of their own.

    python benchmarks/_soak_servers.py SEED

Each line of its input starts or stops one: `start 1` answers with the port of an HTTP/1.1
server, `start 2` with one of HTTP/2 without TLS (or `none`: hypercorn is not installed),
`stop PORT` cuts that one off with all its connections. The end of the input ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
from typing import Any

ERRORS, RESETS, SLOW = 0.02, 0.01, 0.02
"""Shares of the requests that fail, are cut off, or take long."""
SLOWNESS = 0.1
CHUNK, CHUNKS = b"x" * 8192, 64
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
FAILED = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
STREAMED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Servers:
    """Those that run, by their port."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.ends: dict[int, Any] = {}

    async def start(self, version: str) -> str:
        """Begin to listen; the port."""
        return str(await (self._start_http1() if version == "1" else self._start_http2()))

    async def stop(self, port: int) -> None:
        """Cut it off."""
        await self.ends.pop(port)()

    async def _start_http1(self) -> int:
        open_: set[asyncio.StreamWriter] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            open_.add(writer)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._answer(reader, writer):
                    pass
            open_.discard(writer)
            writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)

        async def end() -> None:
            server.close()
            for writer in list(open_):
                writer.transport.abort()

        port: int = server.sockets[0].getsockname()[1]
        self.ends[port] = end
        return port

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await self._take_body(head, reader)
        path, chance = head.split(b" ", 2)[1], self.rng.random()
        if chance < SLOW or path == b"/slow":
            await asyncio.sleep(SLOWNESS)
        elif chance < SLOW + RESETS:
            return False
        elif chance < SLOW + RESETS + ERRORS:
            writer.write(FAILED)
            return True
        if path != b"/stream":
            writer.write(PLAIN)
            return True
        writer.write(STREAMED)
        for _ in range(CHUNKS):
            writer.write(b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        return True

    async def _take_body(self, head: bytes, reader: asyncio.StreamReader) -> None:
        _, _, length = head.partition(b"content-length: ")
        if length:
            await reader.readexactly(int(length.split(b"\r\n", 1)[0]))
        elif b"transfer-encoding: chunked" in head:
            while size := int(await reader.readline(), 16):
                await reader.readexactly(size + 2)
            await reader.readline()

    async def _start_http2(self) -> int | None:
        try:
            from hypercorn.asyncio import serve
            from hypercorn.config import Config
        except ImportError:
            return None
        import socket

        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        config, ended = Config(), asyncio.Event()
        port: int = listener.getsockname()[1]
        config.bind, config.loglevel = [f"fd://{listener.detach()}"], "CRITICAL"
        config.graceful_timeout = 0.0
        task = asyncio.ensure_future(serve(self._app, config, shutdown_trigger=ended.wait))

        async def end() -> None:
            ended.set()
            with contextlib.suppress(BaseException):
                await asyncio.wait_for(task, 2.0)

        self.ends[port] = end
        return port

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        chance = self.rng.random()
        if chance < SLOW or scope["path"] == "/slow":
            await asyncio.sleep(SLOWNESS)
        status = 503 if SLOW < chance < SLOW + ERRORS else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        for _ in range(CHUNKS if scope["path"] == "/stream" else 0):
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
        await send({"type": "http.response.body", "body": b"ok"})


async def main(seed: int) -> None:
    """Do what the input says."""
    servers, loop = Servers(seed), asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)  # of connections that were cut off
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order, what = line.split()
        said = await servers.start(what) if order == "start" else ""
        if order == "stop":
            await servers.stop(int(what))
        print(said, flush=True)


class Fleet:
    """The process of the servers, as its parent sees it. Not thread-safe."""

    def __init__(self, seed: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def _ask(self, order: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def start(self, version: int) -> str | None:
        """The URL of another server; None where there can be none."""
        port = self._ask(f"start {version}")
        return None if port == "None" else f"http://127.0.0.1:{port}"

    def stop(self, url: str) -> None:
        """Cut off the server of *url*."""
        self._ask(f"stop {url.rpartition(':')[2]}")

    def close(self) -> None:
        """End all of them."""
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1])))
