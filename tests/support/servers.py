"""
Real servers on loopback ports: one inside the test, scripted, and one as a process.

Nothing here waits by time: a server is ready when it listens, and a test that needs to
know how far a connection has come waits for the server's own record of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio.to_thread

from .peer import Connection, Peer, Received
from .scripts import Script, replies

_PATIENCE = 30.0
"""Seconds after which a wait is given up as hanging; a passing test never gets near it."""
_HANDSHAKE = 1.0
"""Seconds that a handshake under way may take at the end; one that goes on takes none."""


class ScriptedServer:
    """
    A server that does to each connection what a script says, and records what it saw.

    The first connection gets the first of *scripts*, the second the second, and so on;
    further ones get the last. Without any it answers 200. *tls* serves `https`. The
    server runs in a thread of its own, so sync and async tests use it alike:

        with ScriptedServer(close_after_request(), replies(503, 200)) as server:
            httpx.get(server.url)

    `requests` and `connections` are what has arrived so far, in order.
    """

    def __init__(
        self, *scripts: Script, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self._scripts = scripts or (replies(),)
        self._host = host
        self._tls = tls
        self._changed = threading.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._run, name="scripted-server", daemon=True)
        self.connections: list[Connection] = []
        self.requests: list[Received] = []
        self.errors: list[BaseException] = []
        self.port = 0

    @property
    def url(self) -> str:
        """`http://host:port`, or `https` with TLS."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}"

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        self._submit(self._listen())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        if error is None and self.errors:
            raise self.errors[0]

    def close(self) -> None:
        """Stop listening and cut every connection off. Idempotent."""
        if self._thread.is_alive():
            self._submit(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_PATIENCE)

    def stop_listening(self) -> None:
        """Refuse new connections; those that are open go on."""
        self._submit(self._stop_listening())

    def wait_until(self, condition: Callable[[], Any]) -> None:
        """Wait until *condition* holds; it is asked again whenever something arrives."""
        with self._changed:
            if not self._changed.wait_for(condition, _PATIENCE):
                raise AssertionError(f"the server never came so far; it saw {self.connections}")

    def wait_for_requests(self, count: int) -> list[Received]:
        """Wait until *count* requests have arrived in all."""
        self.wait_until(lambda: len(self.requests) >= count)
        return self.requests

    def wait_for_connections(self, count: int) -> list[Connection]:
        """Wait until *count* connections have been accepted in all."""
        self.wait_until(lambda: len(self.connections) >= count)
        return self.connections

    def wait_for_close(self, number: int = 0) -> None:
        """Wait until connection *number* has ended, by either side."""
        self.wait_until(lambda: len(self.connections) > number and self.connections[number].closed)

    async def until(self, condition: Callable[[], Any]) -> None:
        """`wait_until`, for async tests; may be cancelled."""
        await anyio.to_thread.run_sync(self.wait_until, condition, abandon_on_cancel=True)

    def _submit(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE)

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, self._host, 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        for socket in self._server.sockets:
            self._loop.remove_reader(socket)
        # A connection on its way from the listener to `_accept` is in a task of the loop's own;
        # a server that is closed under it leaves that connection open for good.
        await asyncio.sleep(0)
        if arriving := asyncio.all_tasks() - self._tasks - {asyncio.current_task()}:
            await asyncio.wait(arriving, timeout=_HANDSHAKE)
        self._server.close()

    async def _end(self) -> None:
        await self._stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # A task that is cancelled before its first step runs no `finally` of its own.
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)
        await self._loop.shutdown_asyncgens()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The number is given here, in the order of acceptance, not when the task first runs.
        connection = Connection(len(self.connections))
        with self._changed:
            self.connections.append(connection)
            self._changed.notify_all()
        task = self._loop.create_task(self._serve(connection, reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)

    async def _serve(
        self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        script = self._scripts[min(connection.number, len(self._scripts) - 1)]
        try:
            await script(Peer(connection, reader, writer, self._record))
        except Exception as exc:
            self.errors.append(exc)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._writers.discard(writer)
            with self._changed:
                connection.closed = True
                self._changed.notify_all()

    def _record(self, connection: Connection, request: Received) -> None:
        with self._changed:
            connection.requests.append(request)
            self.requests.append(request)
            self._changed.notify_all()


class ServerProcess:
    """
    `support.backend` as a process of its own, for what only a process can do: die or hang.

    *port* 0 takes a free one; give the former port to come back in the same place. It is
    ready once it has written its URL, which the constructor reads.
    """

    def __init__(self, name: str = "backend", *, port: int = 0) -> None:
        program = Path(__file__).with_name("backend.py")
        self._process = subprocess.Popen(
            [sys.executable, str(program), name, str(port)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            self.close()
            raise RuntimeError(f"{program.name} did not start")
        self.port = int(self.url.rpartition(":")[2])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def freeze(self) -> None:
        """Let it accept connections and never answer, until `thaw`."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        os.kill(self._process.pid, signal.SIGCONT)

    def close(self) -> None:
        """Kill it: its connections are reset and its port refuses. Idempotent."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
