"""
What a run of the comparison of balancers came to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from _balance_world import FAILING, World

_STEP = 0.5
"""Seconds at `scale` 1 over which the share of a healed replica is measured."""


@dataclass
class Run:
    """Everything that was measured: one entry for each request that ended."""

    began: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    failed: list[bool] = field(default_factory=list)
    replica: list[int] = field(default_factory=list)

    def add(self, began: float, took: float, failed: bool, replica: int) -> None:
        """Take in one request."""
        self.began.append(began)
        self.took.append(took)
        self.failed.append(failed)
        self.replica.append(replica)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The *share* quantile of numbers in order."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def figures(run: Run, world: World, warm_up: float) -> dict[str, Any]:
    """Quantiles in milliseconds, and what became of a failing replica."""
    late = [
        took
        for began, took, failed in zip(run.began, run.took, run.failed, strict=True)
        if began >= warm_up and not failed
    ]
    ordered = sorted(late) or [0.0]
    found: dict[str, Any] = {
        "requests": len(run.took),
        "p50": quantile(ordered, 0.5) * 1e3,
        "p99": quantile(ordered, 0.99) * 1e3,
        "p99.9": quantile(ordered, 0.999) * 1e3,
        "errors": sum(run.failed) / max(len(run.failed), 1),
    }
    if world.fails is not None:
        found["healed"] = healed_after(run, world)
    return found


def healed_after(run: Run, world: World, step: float = _STEP) -> float | None:
    """Seconds after it healed until the replica had half its fair share; None: never."""
    assert world.fails is not None
    fair, healed = world.fair_share(FAILING), world.fails[1]
    step *= max(world.scale, 1.0)
    counts: dict[int, list[int]] = {}
    for began, replica in zip(run.began, run.replica, strict=True):
        if began >= healed:
            count = counts.setdefault(int((began - healed) / step), [0, 0])
            count[0] += 1
            count[1] += replica == FAILING
    for number in sorted(counts):
        total, ours = counts[number]
        if ours >= fair * total / 2:
            return (number + 1) * step
    return None
