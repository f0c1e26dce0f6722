"""
The comparison of balancers without a network and in no time: everything but that is real.

Clients are meshes of their own, with a clock that this module moves; each request is a
call of the library, with its breakers, ejection, balancer and load. Only the wire and the
replicas are simulated, so that a seed gives the same figures on every machine.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from typing import Any

import httpx
from _balance_figures import Run
from _balance_world import FAIL_AFTER, SLOTS, Request, World

from meshlib.runtime import Mesh

WAY = 0.00025
"""Seconds from a client to a replica, and back."""


class Replica:
    """Serves SLOTS requests at once, and queues the others in their order."""

    def __init__(self, world: World, number: int) -> None:
        self.number = number
        self.busy = 0
        self.queue: deque[tuple[float, Any]] = deque()
        self.present = 0
        """Requests on their way here, waiting and served."""
        self._world = world
        self._recent: deque[tuple[int, float]] = deque(maxlen=200)

    def need(self, demand: float, now: float) -> float:
        """How long a request takes that begins *now*."""
        return demand / self._world.pace(self.number, now)

    def wait(self, now: float) -> float:
        """A measure of how long a request would be here: the queue by the speed of now."""
        return (self.present + 1) / self._world.pace(self.number, now)

    def note(self, rif: int, took: float) -> None:
        """A request that met *rif* others ended after *took*."""
        self._recent.append((rif, took))

    def report(self) -> tuple[int, float]:
        """What the middleware would say: requests in flight, and the latency at so many."""
        rif = self.busy + len(self.queue)
        if not self._recent:
            return rif, 0.0
        nearest = min(abs(met - rif) for met, _ in self._recent)
        near = [took for met, took in self._recent if abs(met - rif) <= nearest + 1]
        near = sorted(near[-16:])
        return rif, near[len(near) // 2]


class Strategy:
    """How clients choose; *begin* returns a replica and what `end` is told with."""

    def begin(self, request: Request, now: float) -> tuple[int, Any]:
        """A request of a client begins."""
        raise NotImplementedError

    def end(self, told: Any, failed: bool, replica: Replica) -> None:
        """Its answer came."""


class Oracle(Strategy):
    """Join the shortest queue, knowing all queues and speeds."""

    def __init__(self, replicas: list[Replica]) -> None:
        self._replicas = replicas

    def begin(self, request: Request, now: float) -> tuple[int, Any]:
        """The least of what is true."""
        return min(self._replicas, key=lambda each: (each.wait(now), each.number)).number, None


class EnvoyLike(Strategy):
    """Envoy's LEAST_REQUEST: the emptier of two drawn with replacement, by client."""

    def __init__(self, world: World) -> None:
        self._rng = random.Random(world.seed)
        self._active = [[0] * world.replicas for _ in range(world.clients)]

    def begin(self, request: Request, now: float) -> tuple[int, Any]:
        """Of two."""
        active = self._active[request.client]
        one, other = (int(self._rng.random() * len(active)) for _ in range(2))
        chosen = other if active[other] < active[one] else one
        active[chosen] += 1
        return chosen, (active, chosen)

    def end(self, told: Any, failed: bool, replica: Replica) -> None:
        """One less."""
        active, chosen = told
        active[chosen] -= 1


class Ours(Strategy):
    """Calls of the library, by meshes of their own."""

    def __init__(self, world: World, settings: dict[str, Any], reports: bool) -> None:
        self.now = 0.0
        self._reports = reports
        endpoints = [f"http://10.0.0.{number + 1}:80" for number in range(world.replicas)]
        self._number = {url: number for number, url in enumerate(endpoints)}
        self.meshes = [
            Mesh(
                f"client-{number}",
                services={"s": {"endpoints": endpoints, "timeout": None, **settings}},
                clock=lambda: self.now,
                rng=random.Random(world.seed * 1000 + number),
            )
            for number in range(world.clients)
        ]
        self._request = httpx.Request("GET", "http://s/")

    def begin(self, request: Request, now: float) -> tuple[int, Any]:
        """A call begins its first attempt."""
        self.now = now
        call = self.meshes[request.client].begin(self._request)
        if not call.admit():
            raise RuntimeError("a permit had to be waited for")
        attempt = call.start_attempt()
        return self._number[attempt.target.address], (call, attempt)

    def end(self, told: Any, failed: bool, replica: Replica) -> None:
        """And ends it."""
        call, attempt = told
        headers = httpx.Headers()
        if self._reports:
            rif, latency = replica.report()
            headers["x-mesh-load"] = f"rif={rif},latency={latency:.6f}"
        call.finish_attempt(attempt, httpx.Response(500 if failed else 200, headers=headers))
        call.finished(500 if failed else 200, None)
        call.close()

    def close(self) -> None:
        """Meshes end."""
        for mesh in self.meshes:
            mesh.close()


def simulate(world: World, make: Callable[[World, list[Replica]], Strategy]) -> Run:
    """Run *world* with the strategy that *make* makes."""
    replicas = [Replica(world, number) for number in range(world.replicas)]
    strategy = make(world, replicas)
    run, counter = Run(), 0
    # (when, order, what happens, request, replica, what the strategy is told, when it came)
    events: list[tuple[Any, ...]] = []
    requests = iter(world.requests)
    following: Request | None = next(requests)
    ours = strategy if isinstance(strategy, Ours) else None
    while events or following is not None:
        if following is not None and (not events or following.at <= events[0][0]):
            request, now = following, following.at
            following = next(requests, None)
            number, told = strategy.begin(request, now)
            replica = replicas[number]
            replica.present += 1
            counter += 1
            heapq.heappush(events, (now + WAY, counter, "in", request, replica, told, 0, 0.0))
            continue
        now, _, kind, request, replica, told, rif, came = heapq.heappop(events)
        counter += 1
        if kind == "in":
            if world.broken(replica.number, now):
                event = (now + FAIL_AFTER, counter, "broke", request, replica, told, 0, now)
                heapq.heappush(events, event)
                continue
            rif = replica.busy + len(replica.queue)
            if replica.busy < SLOTS:
                replica.busy += 1
                end = now + replica.need(request.demand, now)
                heapq.heappush(events, (end, counter, "out", request, replica, told, rif, now))
            else:
                replica.queue.append((now, (request, told, rif)))
        elif kind in ("out", "broke"):
            replica.present -= 1
            if kind == "out":
                replica.note(rif, now - came)
                if replica.queue:
                    since, (waiting, its, met) = replica.queue.popleft()
                    end = now + replica.need(waiting.demand, now)
                    event = (end, counter, "out", waiting, replica, its, met, since)
                    heapq.heappush(events, event)
                    counter += 1
                else:
                    replica.busy -= 1
            answer = "back" if kind == "out" else "failed"
            heapq.heappush(events, (now + WAY, counter, answer, request, replica, told, 0, 0.0))
        else:
            failed = kind == "failed"
            if ours is not None:
                ours.now = now
            strategy.end(told, failed, replica)
            run.add(request.at, now - request.at, failed, replica.number)
    if ours is not None:
        ours.close()
    return run
