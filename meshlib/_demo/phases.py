"""
What happens to the replicas: one trouble for each phase.

A trouble runs beside the requests of its phase, and is undone when they have ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from .. import Mesh
from .replicas import Replicas
from .traffic import TIMEOUT

_WINDOW = 0.25
"""Of a phase: how long payments are in a rush, and the window of their replica's limit."""
_RUSH = 0.25
"""Payments in the rush, beside the usual ones, as a share of all usual requests."""
_TAKEN = 0.28
"""What the overloaded replica takes, as a share of the same."""

_RESET, _DELAY, _DELAY_SECONDS = 0.3, 0.2, 0.3


@dataclass(frozen=True, slots=True)
class Scale:
    """How long the story is: *seconds* of each phase for each way, requests a second."""

    seconds: float
    rate: float


FULL = Scale(seconds=2.2, rate=250.0)
FAST = Scale(seconds=0.4, rate=150.0)


@dataclass(slots=True)
class Stage:
    """Where a trouble happens; *mesh* is None while plain httpx is at work."""

    replicas: Replicas
    scale: Scale
    say: Callable[[str], None]
    document: dict[str, Any]
    mesh: Mesh | None
    began: float = field(default_factory=monotonic)

    async def until(self, share: float) -> None:
        """Wait until this share of the phase is over."""
        await asyncio.sleep(max(self.began + share * self.scale.seconds - monotonic(), 0.0))

    async def heal(self) -> None:
        """Undo every trouble."""
        await self.replicas.heal()
        if self.mesh is not None:
            self.mesh.apply(self.document)


async def calm(stage: Stage) -> None:
    """Nothing happens."""


async def crash(stage: Stage) -> None:
    """A process dies with requests in flight, and comes back."""
    replica = stage.replicas["users-1"]
    await stage.until(0.15)
    stage.say(f"kill -9 {replica.pid}, which is users-1")
    await replica.kill()
    await stage.until(0.6)
    await replica.start()
    stage.say(f"users-1 is back, as process {replica.pid}")


async def slow(stage: Stage) -> None:
    """A process is alive and well, and takes its time."""
    await stage.until(0.1)
    stage.say("orders-2 takes 250 ms for each answer")
    await stage.replicas["orders-2"].order(latency=0.25)


async def flapping(stage: Stage) -> None:
    """A process is sick and well by turns."""
    await stage.until(0.1)
    each = stage.scale.seconds * 0.15
    stage.say(f"users-2 is sick for {each * 1e3:.0f} ms, well for as long, and so on")
    await stage.replicas["users-2"].order(sick=True, flap=each)


async def overload(stage: Stage) -> None:
    """More requests come than a process takes; it says when to come back."""
    width = stage.scale.seconds * _WINDOW
    most = int(stage.scale.rate * width * _TAKEN)
    await stage.until(0.1)
    stage.say(
        f"payments-1 takes {most} requests in {width * 1e3:.0f} ms, and gets more; "
        "it answers 429 or 503 with Retry-After"
    )
    await stage.replicas["payments-1"].order(limit=[most, width])


async def faults(stage: Stage) -> None:
    """Faults are injected while the mesh runs; plain httpx gets the same from the server."""
    replica = stage.replicas["orders-1"]
    await stage.until(0.1)
    stage.say(
        f"{_RESET:.0%} of the requests to orders-1 are hung up on, "
        f"{_DELAY:.0%} are held back for {_DELAY_SECONDS * 1e3:.0f} ms"
    )
    if stage.mesh is None:
        await replica.order(sick=True, reset=_RESET, delay=[_DELAY, _DELAY_SECONDS])
        return
    replica.fell_sick()
    rule = {
        "name": "brownout",
        "match": {"service": "orders", "endpoint": replica.url},
        "delay": {"percentage": _DELAY * 100.0, "fixed": _DELAY_SECONDS},
        "abort": {"percentage": _RESET * 100.0, "error": "reset"},
        "seed": 1,
    }
    stage.mesh.apply({**stage.document, "faults": [rule]})


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of the story: what is done, and whether payments come in a *rush*."""

    name: str
    title: str
    trouble: Callable[[Stage], Awaitable[None]]
    rush: bool = False

    def burst(self, scale: Scale) -> tuple[float, float, float]:
        """Further payments a second, and from when to when."""
        start = 0.1 * scale.seconds
        return _RUSH * scale.rate * self.rush, start, start + _WINDOW * scale.seconds


PHASES = (
    Phase("calm", "all is well", calm),
    Phase("crash", "a process is killed, and restarted", crash),
    Phase("slow", "a replica becomes slow", slow),
    Phase("flapping", "a replica flaps", flapping),
    Phase("overload", "a replica is overloaded", overload, rush=True),
    Phase("faults", "faults are injected", faults),
)


def document(replicas: Replicas, scale: Scale, *, retries: bool) -> dict[str, Any]:
    """
    The configuration of the demo's mesh: the defaults, but for four things.

    Breaks are short, because the story is; users are taken in turn, so that their trouble
    is met by half of the requests; reads of orders are hedged after 40 ms, so that a slow
    replica does not slow them; the deadline is the timeout that httpx gets. Without
    *retries* each call makes one attempt, by which the demo itself is tested.
    """
    defaults: dict[str, Any] = {
        "timeout": TIMEOUT,
        "breaker": {
            "break_duration": scale.seconds / 5.0,
            "max_break_duration": scale.seconds / 2.0,
        },
    }
    services: dict[str, Any] = {
        service: {"endpoints": urls} for service, urls in replicas.urls().items()
    }
    services["users"]["balancer"] = "round_robin"
    if retries:
        services["orders"]["hedge"] = {"delay": 0.04}
    else:
        defaults["retry"] = {"max_attempts": 1}
    return {"name": "demo", "defaults": defaults, "services": services}
