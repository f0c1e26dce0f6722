"""
All clients of the comparison of balancers, as one real process: a mesh for each.

Reads what to do as JSON from standard input: the world, the ports of the replicas or of
each client's proxy, and the strategy. Sends each request at its instant, whether those
before it were answered or not, and measures from that instant on. Writes the run, and the
processor time it took, to standard output.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from time import monotonic, process_time
from typing import Any

from _balance_figures import Run, quantile
from _balance_world import Request, World

from meshlib import AsyncMeshClient

_PATIENCE = 15.0
"""Seconds that are waited for the last answers."""
LEAD = 1.0
"""Seconds between the end of all preparation and the first request."""


class Oracle:
    """Joins the shortest queue of all clients together, by the speed of this moment."""

    def __init__(self, world: World, ports: Sequence[int]) -> None:
        self.zero = 0.0
        self.present = [0] * world.replicas
        self._world = world
        self._number = {f"http://127.0.0.1:{port}": n for n, port in enumerate(ports)}

    def pick(self, candidates: Sequence[Any], _: Any) -> Any:
        """The shortest; `present` is counted by who sends."""
        now, present, pace = monotonic() - self.zero, self.present, self._world.pace
        numbers = {self._number[c.endpoint.address]: c for c in candidates}
        best = min(numbers, key=lambda n: ((present[n] + 1) / pace(n, now), n))
        present[best] += 1
        return numbers[best]


class Clients:
    """Meshes that send the requests of *world*."""

    def __init__(self, world: World, ports: list[int], strategy: Any, proxies: list[int]) -> None:
        self.world = world
        self.run = Run()
        self.late: list[float] = []
        """How late each request was sent, because this process was busy or had to wait."""
        self.oracle = Oracle(world, ports) if strategy == "oracle" else None
        self._meshes = []
        for number in range(world.clients):
            own = [proxies[number]] if proxies else ports
            service: dict[str, Any] = {
                "endpoints": [f"http://127.0.0.1:{port}" for port in own],
                "timeout": None,
            }
            if not proxies:
                service["balancer"] = self.oracle or strategy
            self._meshes.append(AsyncMeshClient("clients", services={"s": service}, timeout=None))

    async def send_all(self, zero: float) -> None:
        """Send each request when it is due."""
        if self.oracle is not None:
            self.oracle.zero = zero
        tasks = set()
        for request in self.world.requests:
            wait = zero + request.at - monotonic()
            if wait > 0.0005:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._send(request, zero + request.at))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.wait(tasks, timeout=_PATIENCE)
        for task in tasks:  # a strategy that overloads a replica leaves some
            task.cancel()
        for mesh in self._meshes:
            await mesh.aclose()

    async def _send(self, request: Request, due: float) -> None:
        self.late.append(monotonic() - due)
        mesh = self._meshes[request.client]
        path = f"/{int(request.demand * 1e6)}"
        number, failed = -1, True
        try:
            response = await mesh.get("s", path)
            failed = response.status_code != 200
            number = int(response.headers.get("x-replica", -1))
        except Exception:
            failed = True
        finally:
            if self.oracle is not None and number >= 0:
                self.oracle.present[number] -= 1
            took = monotonic() - due
            self.run.add(due - self._zero, took, failed, number)

    async def main(self) -> dict[str, Any]:
        """Run everything once; the figures to print."""
        self._zero = zero = monotonic() + LEAD
        print(zero, flush=True)
        began = process_time()
        await self.send_all(zero)
        late = quantile(sorted(self.late), 0.99)
        return {"run": asdict(self.run), "cpu": process_time() - began, "late": late}


def main() -> None:
    """Do what standard input says."""
    logging.disable(logging.WARNING)
    told = json.loads(sys.stdin.readline())
    world = World(**told["world"])

    async def run() -> None:
        clients = Clients(world, told["ports"], told["strategy"], told["proxies"])
        print(json.dumps(await clients.main()), flush=True)

    asyncio.run(run())


if __name__ == "__main__":
    main()
