"""Short ways to say what every test of faults says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshlib.faults import Fault, FaultPlan

Decide = Callable[..., Fault | None]


@pytest.fixture
def decide() -> Decide:
    """Decide about a plain GET of "/" in phase `attempt`, and release unless *hold*."""

    def decide_(
        plan: FaultPlan, phase: str = "attempt", *, hold: bool = False, **facts: Any
    ) -> Fault | None:
        fault = plan.decide(
            "call" if phase == "call" else "attempt",
            **{"endpoint": "", "method": "GET", "path": "/", "headers": {}, **facts},
        )
        if fault is not None and not hold:
            plan.release(fault)
        return fault

    return decide_


class Moment:
    """A clock that a test sets."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def moment() -> Moment:
    """A clock at 0."""
    return Moment()
