"""
The server processes: started, ordered about, killed, started again, and always ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

_SERVER = Path(__file__).with_name("server.py")
_PATIENCE = 20.0
"""Seconds that a process may take to start or to obey, on a machine that is busy."""

SERVICES = {
    "users": ("users-1", "users-2"),
    "orders": ("orders-1", "orders-2"),
    "payments": ("payments-1",),
}
"""Three services, and the names of their five replicas."""


Spans = list[tuple[float, float]]
"""Begin and end of each, in seconds of `monotonic`."""


class ReplicaError(Exception):
    """A server process did not start, or did not obey."""


class Replica:
    """
    One server process, and when it was sick.

    *sick* holds spans of `monotonic` time in which it was dead, or had been told to fail;
    the last one may be open, with an end of infinity. Slow is not sick, and neither is
    shedding load while saying when to come back.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.sick: Spans = []
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Where it listens, after its first start also while it is dead."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start the process, at the same port as before, and wait until it is ready."""
        # By its path, because `-m` would import the whole of meshlib first.
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", str(_SERVER), self.name, str(self.port)),
            stdin=PIPE,
            stdout=PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        name, _, port = (await self._line()).partition(" ")
        if name != self.name or not port.isdigit():
            raise ReplicaError(f"{self.name} did not start")
        self.port = int(port)
        self.recovered()

    async def order(self, *, sick: bool = False, **orders: Any) -> None:
        """Make it behave as `server.py` describes, or well again; *sick* if it then fails."""
        assert self._process is not None
        assert self._process.stdin is not None
        if sick:
            self.fell_sick()
        self._process.stdin.write(json.dumps(orders).encode() + b"\n")
        if await self._line() != "ok":
            raise ReplicaError(f"{self.name} did not obey")
        if not sick:
            self.recovered()

    async def kill(self) -> None:
        """End the process as `kill -9` does: no goodbye to anybody."""
        self.fell_sick()
        await self.end()

    async def end(self) -> None:
        """End the process if it runs."""
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.returncode is None

    async def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(_PATIENCE):
                return (await self._process.stdout.readline()).decode().strip()
        except TimeoutError:
            raise ReplicaError(f"{self.name} said nothing for {_PATIENCE:g} s") from None

    def fell_sick(self) -> None:
        """From now on its answers are no fault of the mesh."""
        if not self.sick or self.sick[-1][1] < float("inf"):
            self.sick.append((monotonic(), float("inf")))

    def recovered(self) -> None:
        """From now on it is well."""
        if self.sick and self.sick[-1][1] == float("inf"):
            self.sick[-1] = (self.sick[-1][0], monotonic())


class Replicas(Mapping[str, Replica]):
    """All of them by name, running inside `async with`."""

    def __init__(self) -> None:
        self._all = {name: Replica(name) for names in SERVICES.values() for name in names}

    def __getitem__(self, name: str) -> Replica:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    async def __aenter__(self) -> Replicas:
        try:
            await asyncio.gather(*(replica.start() for replica in self.values()))
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._end()

    async def heal(self) -> None:
        """Everything as in the beginning: all processes run, and behave."""
        for replica in self.values():
            if replica.alive:
                await replica.order()
            else:
                await replica.start()

    def of(self, service: str) -> list[Replica]:
        """The replicas of *service*."""
        return [self[name] for name in SERVICES[service]]

    def urls(self) -> dict[str, list[str]]:
        """The URLs of each service."""
        return {service: [replica.url for replica in self.of(service)] for service in SERVICES}

    async def _end(self) -> None:
        await asyncio.gather(*(replica.end() for replica in self.values()))


def always_one_healthy(replicas: Iterable[Replica], began: float, ended: float) -> bool:
    """Whether at each instant from *began* to *ended* at least one of *replicas* was healthy."""
    spans = [replica.sick for replica in replicas]
    # Fewest are healthy just when one more falls sick, or in the beginning.
    falls = [start for sick in spans for start, _ in sick if began < start <= ended]
    return all(any(not _was_sick(sick, at) for sick in spans) for at in [began, *falls])


def _was_sick(spans: Spans, at: float) -> bool:
    return any(start <= at < end for start, end in spans)
