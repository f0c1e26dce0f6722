"""Calls that are held in flight until a test lets them go, whatever makes them."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import anyio
import httpx

from meshlib import AsyncMeshClient, MeshClient

from .peer import Peer
from .scripts import Script

_PATIENCE = 60.0
"""Seconds after which a wait is given up as hanging; a passing test never gets near it."""


class Parking:
    """
    Where requests wait on the way to their answer; `release` lets the longest waiting go.

    Usable from threads and event loops alike. Once closed, nobody waits any more.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._parked: deque[Callable[[], None]] = deque()
        self._closed = False

    def park(self) -> None:
        """Hold this thread."""
        event = threading.Event()
        if self._enter(event.set):
            assert event.wait(_PATIENCE), "nobody let this request go"

    async def apark(self) -> None:
        """Hold this task of asyncio."""
        event, loop = asyncio.Event(), asyncio.get_running_loop()
        if self._enter(lambda: loop.call_soon_threadsafe(event.set)):
            with anyio.fail_after(_PATIENCE):
                await event.wait()

    def _enter(self, release: Callable[[], Any]) -> bool:
        with self._changed:
            if not self._closed:
                self._parked.append(release)
                self._changed.notify_all()
            return not self._closed

    def wait_for(self, number: int) -> None:
        """Return once so many requests are held."""
        with self._changed:
            full = self._changed.wait_for(lambda: len(self._parked) >= number, _PATIENCE)
            assert full, f"{len(self._parked)} of {number} requests came"

    def release(self, number: int) -> None:
        """Let so many go on."""
        with self._changed:
            free = [self._parked.popleft() for _ in range(min(number, len(self._parked)))]
        for release in free:
            release()

    def close(self) -> None:
        """Let everybody go on, now and later."""
        with self._changed:
            self._closed = True
        self.release(len(self._parked))


def parks(parking: Parking) -> Script:
    """Answer each request with 200 once it may go on; one for `/quick` may at once."""

    async def script(peer: Peer) -> None:
        while (request := await peer.request()) is not None:
            if not request.target.endswith("/quick"):
                await parking.apark()
            await peer.respond(200, b"ok", {})

    return script


class Load:
    """
    Calls of *urls* one after the other from so many threads and as many tasks.

    Every failure is kept; `calls` are those that ended, by URL.
    """

    def __init__(
        self, client: MeshClient, aclient: AsyncMeshClient, urls: tuple[str, ...], each: int
    ) -> None:
        self.calls: dict[str, int] = dict.fromkeys(urls, 0)
        self.failures: list[BaseException] = []
        self._client, self._aclient = client, aclient
        self._urls = urls
        self._over = False
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(each)
        ]
        self._threads.append(threading.Thread(target=self._run_tasks, args=(each,), daemon=True))

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self, parking: Parking) -> None:
        """Make no further call, and return when all have ended."""
        self._over = True
        parking.close()
        for thread in self._threads:
            thread.join(_PATIENCE)
            assert not thread.is_alive()

    def _run(self, number: int) -> None:
        while not self._over:
            url = self._urls[number % len(self._urls)]
            number += 1
            try:
                self._ended(url, self._client.get(url))
            except Exception as exc:
                self.failures.append(exc)

    def _run_tasks(self, each: int) -> None:
        async def main() -> None:
            async with self._aclient, anyio.create_task_group() as group:
                for number in range(each):
                    group.start_soon(self._arun, number)

        anyio.run(main)

    async def _arun(self, number: int) -> None:
        while not self._over:
            url = self._urls[number % len(self._urls)]
            number += 1
            try:
                self._ended(url, await self._aclient.get(url))
            except Exception as exc:
                self.failures.append(exc)
                await anyio.lowlevel.checkpoint()

    def _ended(self, url: str, response: httpx.Response) -> None:
        response.raise_for_status()
        with self._lock:
            self.calls[url] += 1
