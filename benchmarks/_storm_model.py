"""
A storm without a network: virtual time, a server that is a queue, the library's own calls.

Every decision of the client is made by `Mesh.begin` and the call that it returns, as in the
drivers; what the drivers do, sending and waiting, are entries of a calendar here. A run of
half a minute takes a second or two and is the same each time.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

URL = "http://backend/"
_NETWORK = 0.00025
"""Seconds from the client to the server, and back."""


@dataclass(frozen=True, kw_only=True)
class Blip:
    """
    A load, a server that can bear it, and seconds in which it cannot.

    *patience*: seconds after which an answer is of no use to whoever waits for it.
    """

    servers: int = 1
    workers: int = 6
    service_time: float = 0.01
    load: float = 0.85
    """Of the capacity of all servers."""
    timeout: float = 0.25
    patience: float = 2.0
    shrunk: float = 0.3
    """What the blip leaves of the capacity."""
    calm: float = 4.0
    """Seconds before the blip."""
    lasts: float = 5.0
    watched: float = 20.0
    """Seconds after the blip."""
    fails: bool = False
    """Whether servers answer 503 in the blip instead of being slow."""

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.load * self.servers * self.workers / self.service_time

    @property
    def ends(self) -> float:
        """When the blip is over."""
        return self.calm + self.lasts

    @property
    def length(self) -> float:
        """Seconds of a run."""
        return self.ends + self.watched

    def stretch(self, elapsed: float) -> float:
        """By how much a piece of work takes longer then."""
        return 1 / self.shrunk if self.calm <= elapsed < self.ends else 1.0


@dataclass
class Series:
    """What was offered, sent and answered well, by slices of *step* seconds."""

    step: float = 0.25
    offered: Counter[int] = field(default_factory=Counter)
    begun: Counter[int] = field(default_factory=Counter)
    """First attempts."""
    again: Counter[int] = field(default_factory=Counter)
    """Further ones."""
    good: Counter[int] = field(default_factory=Counter)
    """By when the call came, so that good / offered is a share."""
    ended: Counter[str] = field(default_factory=Counter)

    def slice(self, elapsed: float) -> int:
        """The slice of an instant."""
        return int(elapsed / self.step)


class Server:
    """Works on the requests in the order they came, those that nobody waits for included."""

    def __init__(self, blip: Blip) -> None:
        self._blip = blip
        self._free = [0.0] * blip.workers

    def done(self, now: float) -> float:
        """When a request that comes *now* has been worked on."""
        begun = max(now, heapq.heappop(self._free))
        ended = begun + self._blip.service_time * self._blip.stretch(begun)
        heapq.heappush(self._free, ended)
        return ended


class Model:
    """Runs one *blip* against a mesh with these *settings* of its only service."""

    def __init__(self, blip: Blip, settings: dict[str, Any], seed: int = 1) -> None:
        from meshlib import Mesh

        self.blip = blip
        self.now = 0.0
        self.rng = random.Random(seed)
        self.series = Series()
        self.servers = {f"http://s{n}:80": Server(blip) for n in range(blip.servers)}
        service = {"endpoints": list(self.servers), "attempt_timeout": blip.timeout}
        service = {**service, "timeout": blip.patience, **settings}
        self.mesh = Mesh(
            "storm",
            services={"backend": service},
            clock=lambda: self.now,
            rng=random.Random(seed),
        )
        self.service = self.mesh.service("backend")
        self.request = httpx.Request("GET", URL)
        self._calendar: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, instant: float, what: Callable[[], None]) -> None:
        """Do *what* then."""
        self._count += 1
        heapq.heappush(self._calendar, (instant, self._count, what))

    def run(self) -> Series:
        """Everything that happens, and what came of it."""
        self.at(0.0, self.arrive)
        while self._calendar:
            self.now, _, what = heapq.heappop(self._calendar)
            what()
        self.mesh.close()
        return self.series

    def arrive(self) -> None:
        """A call comes, and the next one is drawn."""
        after = self.now + self.rng.expovariate(self.blip.rate)
        if after < self.blip.length:
            self.at(after, self.arrive)
        self.series.offered[self.series.slice(self.now)] += 1
        Calling(self)


class Calling:
    """One call: what a driver does with it."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.came = model.now
        self.queued = False
        self.call = model.mesh.begin(model.request)
        self._try(self._admit)

    def set(self) -> None:
        """A permit came free: this is what the bulkhead's queue wakes."""
        if self.queued:
            self.queued = False
            self.model.at(self.model.now, lambda: self._try(self._granted))

    def _admit(self) -> None:
        model, bulkhead = self.model, self.call.lane.bulkhead
        if self.call.admit():
            self._attempt()
            return
        self.queued = True
        if not bulkhead.enqueue(self):
            self._ended("full")
            return
        model.at(
            model.now + min(bulkhead.max_wait, self.call.deadline - self.call.now), self._give_up
        )

    def _give_up(self) -> None:
        if self.queued:
            self.queued = False
            self.call.lane.bulkhead.abandon(self)
            self._ended("full")

    def _granted(self) -> None:
        self.call.admitted()
        self._attempt()

    def _attempt(self) -> None:
        model = self.model
        attempt = self.call.start_attempt()
        series = model.series
        (series.begun if attempt.number == 1 else series.again)[series.slice(model.now)] += 1
        failing = model.blip.fails and model.blip.stretch(model.now) > 1
        if failing:
            done, status = model.now + 2 * _NETWORK, 503
        else:
            server = model.servers[attempt.target.endpoint.address]
            done, status = server.done(model.now + _NETWORK) + _NETWORK, 200
        if done <= attempt.limit:
            model.at(done, lambda: self._try(self._answered, attempt, status))
        else:
            model.at(attempt.limit, lambda: self._try(self._timed_out, attempt))

    def _answered(self, attempt: Any, status: int) -> None:
        delay = self.call.finish_attempt(attempt, httpx.Response(status))
        if delay is None:
            self._ended("good" if status == 200 else "failed")
            return
        attempt.release()
        self.model.at(self.model.now + delay, lambda: self._try(self._attempt))

    def _timed_out(self, attempt: Any) -> None:
        delay = self.call.fail_attempt(
            attempt, httpx.ReadTimeout("late", request=self.model.request)
        )
        if delay is None:
            self._ended("late")
        else:
            self.model.at(self.model.now + delay, lambda: self._try(self._attempt))

    def _try(self, what: Callable[..., None], *arguments: Any) -> None:
        from meshlib import MeshError

        try:
            what(*arguments)
        except MeshError as exc:
            self._ended(type(exc).__name__)

    def _ended(self, how: str) -> None:
        series = self.model.series
        self.call.close()
        series.ended[how] += 1
        if how == "good" and self.model.now - self.came <= self.model.blip.patience:
            series.good[series.slice(self.came)] += 1


def simulated(blip: Blip, settings: dict[str, Any], seed: int = 1) -> Series:
    """What comes of *blip* with these *settings* of the service."""
    return Model(blip, settings, seed).run()
