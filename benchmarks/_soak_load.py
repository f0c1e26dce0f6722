"""
What a soak does to a mesh: calls of every kind in threads and tasks, and a world that changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
from _soak_servers import Fleet

from meshlib import AsyncMeshClient, ConfigurationError, Mesh, MeshClient, deadline

SERVERS = 6
"""Of each version of HTTP."""
BALANCERS = ("least_request", "round_robin", "least_connections", "prequal", "maglev")
UPLOAD = b"u" * 20_000
PAUSE = 30.0
"""Seconds that all calls may take to end before a sample."""


class World:
    """The servers and the document, which change every second."""

    def __init__(self, fleet: Fleet, rng: random.Random) -> None:
        self.fleet = fleet
        self.rng = rng
        self.urls = {version: self._begin(version) for version in (1, 2)}
        self.crashed: list[str] = []
        self.changes = 0

    def _begin(self, version: int) -> list[str]:
        return [url for _ in range(SERVERS) if (url := self.fleet.start(version)) is not None]

    def change(self) -> dict[str, Any]:
        """Replace a server or let one crash; the document from now on."""
        self.changes += 1
        for version, urls in self.urls.items():
            if not urls:
                continue
            if self.crashed and self.rng.random() < 0.5:
                gone = self.crashed.pop()
                self.urls[1] = [url for url in self.urls[1] if url != gone]
                self.urls[2] = [url for url in self.urls[2] if url != gone]
                urls = self.urls[version]
            while len(urls) < SERVERS:
                urls.append(self.fleet.start(version) or "")
            victim = self.rng.choice(urls)
            if victim in self.crashed:
                continue
            self.fleet.stop(victim)
            if self.rng.random() < 0.5:
                urls.remove(victim)  # it said goodbye
            else:
                self.crashed.append(victim)  # nobody knows yet
        return self.document()

    def document(self) -> dict[str, Any]:
        """A configuration with every policy in use, and one of them another one each time."""
        policies = {
            "timeout": 2.0,
            "attempt_timeout": 0.3,
            "balancer": BALANCERS[self.changes % len(BALANCERS)],
            "breaker": {"consecutive_failures": 5 + self.changes % 3, "break_duration": 0.5},
            "bulkhead": {"max_concurrency": 200 + self.changes % 7, "max_queue": 50},
        }
        hedged = {**policies, "hedge": {"delay": 0.03}}
        copied = [{"name": "all", "mirror": {"service": "shadow", "percentage": 20}}]
        return {
            "services": {
                "shop": {**policies, "endpoints": self.urls[1], "routes": copied},
                "hedged": {**hedged, "endpoints": self.urls[1]},
                "shadow": {"endpoints": self.urls[1][:1]},
                "streams": {**policies, "endpoints": self.urls[2] or self.urls[1]},
                "limited": {
                    **policies,
                    "endpoints": self.urls[1],
                    "bulkhead": {"max_concurrency": 4, "max_queue": 4, "max_wait": 0.05},
                },
            },
            "faults": [
                {
                    "name": f"storm-{self.changes}",
                    "match": {"service": "shop"},
                    "delay": {"percentage": 2, "fixed": "20ms"},
                    "abort": {"percentage": 2, "status": 503},
                }
            ],
        }


def kinds(second: bool) -> list[tuple[str, str]]:
    """The calls that are made: a service and what is done; *second*: of HTTP/2."""
    if second:
        return [("streams", "get"), ("streams", "drop"), ("streams", "read"), ("streams", "hurry")]
    services = ["shop", "shop", "hedged", "limited"]
    what = ["get", "get", "get", "slow", "drop", "read", "upload", "hurry", "cancel"]
    return [(service, each) for service in services for each in what]


class Load:
    """
    Calls of threads and tasks, until `stop`; `pause` has them wait between two calls.

    *counts* tells how calls ended.
    """

    def __init__(self, mesh: Mesh, seed: int, *, threads: int, tasks: int, http2: bool) -> None:
        self.mesh = mesh
        self.counts: Counter[str] = Counter()
        self.strange: dict[str, str] = {}
        """Errors that no caller expects, with their tracebacks."""
        self._seed = seed
        self._sizes = threads, tasks
        self._over = False
        self._go = threading.Event()
        self._go.set()
        self._busy = 0
        self._lock = threading.Lock()
        first: dict[str, Any] = {"mesh": mesh, "timeout": 1.0}
        second: dict[str, Any] = {**first, "http1": False, "http2": True}
        self.clients = [MeshClient(**first)]
        self.async_clients = [AsyncMeshClient(**first)]
        if http2:
            self.clients.append(MeshClient(**second))
            self.async_clients.append(AsyncMeshClient(**second))
        self.tasks = 0
        """Tasks of the loop when it was asked for the last time."""
        self._loop: asyncio.AbstractEventLoop
        self._all = [
            threading.Thread(target=self._thread, args=(number,), name=f"soak-{number}")
            for number in range(threads)
        ]
        self._all.append(threading.Thread(target=lambda: asyncio.run(self._main()), name="soak"))

    def start(self) -> None:
        """Begin."""
        for thread in self._all:
            thread.start()

    def stop(self) -> None:
        """End, and close the clients."""
        self._over = True
        self._go.set()
        for thread in self._all:
            thread.join(PAUSE)
        for client in self.clients:
            client.close()

    def pause(self) -> bool:
        """Let nobody begin another call; whether all have ended in time."""
        self._go.clear()
        until = time.monotonic() + PAUSE
        while time.monotonic() < until:
            with self._lock:
                if not self._busy:
                    break
            time.sleep(0.01)
        asyncio.run_coroutine_threadsafe(self._look(), self._loop).result(PAUSE)
        return not self._busy

    def go_on(self) -> None:
        """After a pause."""
        self._go.set()

    async def _look(self) -> None:
        await asyncio.sleep(0.05)  # what was cancelled ends
        self.tasks = len(asyncio.all_tasks()) - 1

    @contextlib.contextmanager
    def _counted(self, kind: str) -> Iterator[None]:
        try:
            yield
            self.counts["ok"] += 1
        except (httpx.HTTPError, asyncio.CancelledError) as exc:
            self.counts[type(exc).__name__] += 1
            if isinstance(exc, httpx.LocalProtocolError):
                self.strange[f"{kind}: {exc!r}"] = "".join(traceback.format_exception(exc))
        except Exception as exc:
            self.counts[type(exc).__name__] += 1
            self.strange[f"{kind}: {exc!r}"] = "".join(traceback.format_exception(exc))

    def _enter(self) -> bool:
        with self._lock:
            if not self._go.is_set():
                return False
            self._busy += 1
            return True

    def _leave(self) -> None:
        with self._lock:
            self._busy -= 1

    # Threads

    def _thread(self, number: int) -> None:
        rng = random.Random(self._seed + number)
        client = self.clients[number % len(self.clients)]
        calls = kinds(number % len(self.clients) == 1)
        while not self._over:
            self._go.wait()
            if not self._enter():
                continue
            service, kind = rng.choice(calls)
            try:
                with self._counted(kind):
                    self._call(client, f"http://{service}", kind)
            finally:
                self._leave()

    def _call(self, client: MeshClient, base: str, kind: str) -> None:
        if kind in ("drop", "read"):
            with client.stream("GET", f"{base}/stream") as response:
                for number, _ in enumerate(response.iter_bytes()):
                    if kind == "drop" and number > 3:
                        break
        elif kind == "upload":
            client.put(f"{base}/upload", content=UPLOAD)
        elif kind in ("hurry", "cancel"):
            with deadline(0.02):
                client.get(f"{base}/slow")
        else:
            client.get(f"{base}/{kind}")

    # Tasks

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as stack:
            for client in self.async_clients:
                await stack.enter_async_context(client)
            await asyncio.gather(*(self._task(number) for number in range(self._sizes[1])))

    async def _task(self, number: int) -> None:
        rng = random.Random(self._seed - 1 - number)
        which = int(len(self.async_clients) > 1 and number % 8 == 7)
        client, calls = self.async_clients[which], kinds(which == 1)
        while not self._over:
            if not self._enter():
                await asyncio.sleep(0.02)
                continue
            service, kind = rng.choice(calls)
            try:
                with self._counted(kind):
                    call = self._call_async(client, f"http://{service}", kind)
                    if kind == "cancel":
                        task = asyncio.ensure_future(call)
                        await asyncio.sleep(rng.random() * 0.05)
                        task.cancel()
                        await task
                    else:
                        await call
            finally:
                self._leave()

    async def _call_async(self, client: AsyncMeshClient, base: str, kind: str) -> None:
        if kind in ("drop", "read"):
            async with client.stream("GET", f"{base}/stream") as response:
                number = 0
                async for _ in response.aiter_bytes():
                    number += 1
                    if kind == "drop" and number > 3:
                        break
        elif kind == "upload":
            await client.put(f"{base}/upload", content=self._chunks())
        elif kind == "hurry":
            with deadline(0.02):
                await client.get(f"{base}/slow")
        else:
            await client.get(f"{base}/{'slow' if kind == 'cancel' else kind}")

    async def _chunks(self) -> Any:
        for _ in range(4):
            yield UPLOAD


def swap(mesh: Mesh, world: World) -> None:
    """Change the world, and tell the mesh; a document is refused now and then, too."""
    document = world.change()
    if world.changes % 10 == 0:
        with contextlib.suppress(ConfigurationError):
            mesh.apply({"services": {"shop": {"endpoints": [1, 2]}}})
    mesh.apply(document)
