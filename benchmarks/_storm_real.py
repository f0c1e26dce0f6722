"""
A storm on real servers: processes of their own, reached by `AsyncMeshClient` over sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from _server import free_port, wait_until_it_answers
from _storm_model import Blip, Series

SERVER = str(Path(__file__).with_name("_storm_server.py"))


@contextlib.contextmanager
def serving(blip: Blip) -> Iterator[list[str]]:
    """The URLs of servers that can do what *blip* says."""
    processes, urls = [], []
    try:
        for _ in range(blip.servers):
            port = free_port()
            command = [sys.executable, SERVER, str(port), str(blip.workers)]
            process = subprocess.Popen([*command, str(blip.service_time)])
            processes.append(process)
            wait_until_it_answers(port, process)
            urls.append(f"http://127.0.0.1:{port}")
        yield urls
    finally:
        for process in processes:
            process.kill()  # it may have a line to work off
            process.wait(10)


def real(blip: Blip, settings: dict[str, Any]) -> tuple[Series, float]:
    """What comes of *blip* with these *settings*, and the share of a CPU that the client took."""
    with serving(blip) as urls:
        began, used = time.monotonic(), time.process_time()
        series = asyncio.run(_Storm(blip, urls, settings).run())
        return series, (time.process_time() - used) / (time.monotonic() - began)


class _Storm:
    """Calls that come independently of each other, whether or not earlier ones were answered."""

    def __init__(self, blip: Blip, urls: list[str], settings: dict[str, Any]) -> None:
        self.blip, self.urls = blip, urls
        service = {"endpoints": urls, "timeout": blip.patience, "attempt_timeout": blip.timeout}
        self.services = {"backend": {**service, **settings}}
        self.series = Series()
        self.rng = random.Random(1)

    async def run(self) -> Series:
        """Everything that happens, and what came of it."""
        from meshlib import AsyncMeshClient

        loop = asyncio.get_running_loop()
        tasks: set[asyncio.Task[None]] = set()
        async with AsyncMeshClient(
            "storm", services=self.services, listeners=[self._heard], timeout=None
        ) as mesh:
            self.began = due = time.monotonic()
            shrinks = loop.create_task(self._shrink())
            while due < self.began + self.blip.length:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                task = loop.create_task(self._call(mesh, due))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                due += self.rng.expovariate(self.blip.rate)
            await asyncio.gather(*tasks, shrinks)
        return self.series

    async def _shrink(self) -> None:
        await asyncio.sleep(self.blip.calm)
        async with httpx.AsyncClient() as client:
            for url in self.urls:
                await client.get(f"{url}/blip/{self.blip.lasts}/{self.blip.shrunk}")

    async def _call(self, mesh: Any, due: float) -> None:
        series, came = self.series, self.series.slice(due - self.began)
        series.offered[came] += 1
        try:
            response = await mesh.get("http://backend/")
        except httpx.HTTPError as exc:
            series.ended[type(exc).__name__] += 1
            return
        good = response.status_code == 200 and time.monotonic() - due <= self.blip.patience
        series.ended["good" if good else "late"] += 1
        series.good[came] += good

    def _heard(self, event: Any) -> None:
        from meshlib.events import AttemptFinished

        if isinstance(event, AttemptFinished):
            begun = time.monotonic() - event.elapsed - self.began
            counts = self.series.begun if event.number == 1 else self.series.again
            counts[self.series.slice(begun)] += 1
