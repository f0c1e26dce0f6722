"""Short ways to say what every test of faults says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshlib.faults import Fault, FaultPlan

Decide = Callable[..., Fault | None]


@pytest.fixture
def decide() -> Decide:
    """Decide about a plain GET of "/" in phase `attempt`, and release unless *hold*."""

    def decide_(
        plan: FaultPlan,
        phase: str = "attempt",
        *,
        hold: bool = False,
        endpoint: str = "",
        method: str = "GET",
        path: str = "/",
        headers: dict[str, str] | None = None,
    ) -> Fault | None:
        fault = plan.decide(
            "call" if phase == "call" else "attempt",
            endpoint=endpoint,
            method=method,
            path=path,
            headers=headers or {},
        )
        if fault is not None and not hold:
            plan.release(fault)
        return fault

    return decide_
