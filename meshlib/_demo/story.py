"""
The story: one trouble after another, each first with the mesh and then with plain httpx.

Both ways get the same requests and the same trouble, one after the other, from processes
that are well again in between.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from .. import Mesh
from .board import Board, Figures, figures, to_be_saved
from .phases import PHASES, Phase, Scale, Stage, document
from .replicas import Replicas
from .traffic import Order, Record, Sender, plan, through_httpx, through_mesh
from .view import View

_WARMING = [Order(0.0, blocking, "GET", "users", "/") for blocking in (True, False)]


@dataclass(slots=True)
class Way:
    """One way to send requests, and what became of them."""

    name: str
    mesh: Mesh | None
    sender: Sender
    records: list[Record] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    by_phase: dict[str, Figures] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the story ended: the figures of both ways, and the *lost* that ought not to be."""

    ways: tuple[Way, Way]
    total: tuple[Figures, Figures]
    lost: Sequence[Record]


class Story:
    """Tells one story to *view*, with requests drawn from *seed*."""

    def __init__(self, view: View, scale: Scale, *, seed: int, retries: bool) -> None:
        self._view = view
        self._scale = scale
        self._seed = seed
        self._retries = retries

    async def tell(self) -> Outcome:
        """Start the processes, go through all phases, and end the processes."""
        async with AsyncExitStack() as stack:
            replicas = await stack.enter_async_context(Replicas())
            names = {replica.url: name for name, replica in replicas.items()}
            board = Board(names, self._view.say)
            settings = document(replicas, self._scale, retries=self._retries)
            mesh = stack.enter_context(Mesh(config=settings, listeners=[board]))
            ours = Way("meshlib", mesh, await stack.enter_async_context(through_mesh(mesh)))
            plain = await stack.enter_async_context(through_httpx(replicas.urls()))
            theirs = Way("httpx", None, plain)
            stack.enter_context(self._view.watching(board))
            self._view.started(replicas)
            for way in (ours, theirs):
                # What Python imports for the first request of all is neither's latency.
                await way.sender.drive(_WARMING)
            for number, phase in enumerate(PHASES, 1):
                self._view.opened(number, phase, len(PHASES))
                orders = self._orders(phase)
                board.clear()
                for way in (ours, theirs):
                    stage = Stage(replicas, self._scale, self._view.say, settings, way.mesh)
                    counts = board.counts if way is ours else Counter[str]()
                    await self._play(phase, stage, way, orders, counts)
                    if way is ours:
                        self._view.survived(board)
                self._view.closed(phase, ours.by_phase[phase.name], theirs.by_phase[phase.name])
            totals = (
                figures(ours.records, replicas, ours.counts),
                figures(theirs.records, replicas, theirs.counts),
            )
            return Outcome((ours, theirs), totals, to_be_saved(ours.records, replicas))

    def _orders(self, phase: Phase) -> list[Order]:
        rng = random.Random(f"{self._seed} {phase.name}")
        scale = self._scale
        return plan(rng, seconds=scale.seconds, rate=scale.rate, burst=phase.burst(scale))

    async def _play(
        self, phase: Phase, stage: Stage, way: Way, orders: list[Order], counts: Counter[str]
    ) -> None:
        """One phase, one way."""
        self._view.playing(way.name)
        records, _ = await asyncio.gather(way.sender.drive(orders), phase.trouble(stage))
        await stage.heal()
        way.records.extend(records)
        way.counts.update(counts)
        way.by_phase[phase.name] = figures(records, stage.replicas, counts)
