"""
Where a rollout stands.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class CanaryState(enum.Enum):
    """
    What a rollout is doing.

    ```
    waiting ──► progressing ◄──► paused
                  │     │          │ │
                  │     └► promoting ◄┘──► promoted
                  └────────┴──┬──────┘
                              ▼
                         rolled back          (a new revision: progressing)
    ```
    """

    WAITING = "waiting"
    """There is no canary."""
    PROGRESSING = "progressing"
    """Each passed check gives it a larger share."""
    PAUSED = "paused"
    """Its share stays; failed checks still roll it back."""
    PROMOTING = "promoting"
    """Each passed check gives it a larger share, up to every call."""
    PROMOTED = "promoted"
    """It takes every call, and is watched no longer."""
    ROLLED_BACK = "rolled_back"
    """It takes no call until there is another revision."""


RUNNING = frozenset({CanaryState.PROGRESSING, CanaryState.PAUSED, CanaryState.PROMOTING})
"""The states in which checks are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """
    Where a rollout stands, and why: what each transition takes and gives.

    *weight* is the canary's share of the calls by its step, from 0 to 1; `share` what it
    gets now. *checked_at* is when the last check was, or the rollout began. *failed* counts
    failed checks of this revision, *inconclusive* those in a row.
    """

    state: CanaryState = CanaryState.WAITING
    revision: str = ""
    weight: float = 0.0
    checked_at: float = 0.0
    failed: int = 0
    inconclusive: int = 0
    paused_in: CanaryState = CanaryState.PROGRESSING
    """While paused: what a pause ends in."""
    suspended: bool = False
    """Every breaker of the canary was open: no call until the next check."""
    reason: str = "there is no canary"

    @property
    def share(self) -> float:
        """The canary's share of the calls now."""
        return 0.0 if self.suspended else self.weight


NO_CANARY = Progress()
