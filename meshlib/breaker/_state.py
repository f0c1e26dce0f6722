"""The states of a breaker, and what it tells about itself."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class BreakerState(enum.Enum):
    """How a breaker answers; the transition table is in the package docstring."""

    CLOSED = "closed"
    """Calls pass."""
    OPEN = "open"
    """Calls are refused until the break is over."""
    HALF_OPEN = "half_open"
    """A few probes pass, and their outcomes decide."""
    ISOLATED = "isolated"
    """Held open by hand, until it is reset by hand."""


@dataclass(frozen=True, slots=True)
class BreakerSnapshot:
    """
    One moment of a breaker, for metrics and for people.

    *total*, *failures* and *slow* are the outcomes in the window; *consecutive* the
    failures in a row; *opened* how often it opened since it was made; *probes* how many
    places of half-open probes are taken; *retry_after* seconds until a call may pass,
    infinite while isolated; *cause* the failure that opened it, None while closed.
    """

    state: BreakerState
    total: int
    failures: int
    slow: int
    consecutive: int
    opened: int
    probes: int
    retry_after: float
    cause: object
