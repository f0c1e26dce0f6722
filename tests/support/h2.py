"""A real HTTP/2 server: hypercorn, in a thread of the test."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import hypercorn.asyncio
from hypercorn.config import Config

_PATIENCE = 30.0


class Http2Server:
    """
    Answers with what it was asked; `/together/N` not before N such requests are there,
    `/held` not before `release`, nor the first `/first/NAME` of all servers; `/long/N` with
    N pieces of 64 KiB.

    *certificate* and *key* are files; without them it speaks HTTP/2 in the clear. With
    *protocols* it offers others than h2. `connections` holds the client's port of each
    connection that it saw, `most_open` how many streams were open at once, `broken_off` how
    many long answers somebody had enough of.
    """

    _firsts: ClassVar[set[str]] = set()

    def __init__(
        self, certificate: Path | None = None, protocols: tuple[str, ...] = ("h2",)
    ) -> None:
        self._config = Config()
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        self._config.bind = [f"fd://{listener.detach()}"]
        self._config.alpn_protocols = list(protocols)
        self._config.loglevel = "ERROR"
        if certificate is not None:
            self._config.certfile = self._config.keyfile = str(certificate)
        self.url = f"{'https' if certificate else 'http'}://localhost:{self.port}"
        self.connections: set[int] = set()
        self.open = self.most_open = self.broken_off = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="http2-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(_PATIENCE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # It waits for its connections to end, so clients are to be closed before.
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(_PATIENCE)

    def release(self) -> None:
        """Let what is held be answered."""
        self._loop.call_soon_threadsafe(self._released.set)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._together = asyncio.Event()
        self._released = asyncio.Event()
        self._ready.set()
        await hypercorn.asyncio.serve(self._app, self._config, shutdown_trigger=self._end.wait)

    async def _long(self, pieces: int, receive: Any, send: Any) -> None:
        gone = asyncio.ensure_future(receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(pieces):
            if gone.done():
                self.broken_off += 1
                return
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
            await asyncio.sleep(0)  # to a stream that is gone, sending does not even wait
        gone.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.connections.add(scope["client"][1])
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        _, word, *rest = scope["path"].split("/")
        if word == "together":
            if self.open == int(rest[0]):
                self._together.set()
            await self._together.wait()
        if word == "held" or (word == "first" and rest[0] not in self._firsts):
            self._firsts.update(rest)
            await self._released.wait()
        told = {
            "method": scope["method"],
            "target": scope["path"],
            "version": scope["http_version"],
            "headers": {name.decode(): value.decode() for name, value in scope["headers"]},
            "body": body.decode("latin-1"),
        }
        if word == "long":
            await self._long(int(rest[0]), receive, send)
            self.open -= 1
            return
        kind = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": kind})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})
        self.open -= 1
