"""
What is known of one endpoint by its active checks.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStatus:
    """
    The state of one endpoint by its active checks, which is not that of its breaker.

    *healthy* is None before the first result. *last_checked* and *next_check* are instants
    on the mesh clock, None when there is none. *consecutive* results in a row were like the
    last one, and *reason* says why that failed; it is empty when it passed.
    """

    healthy: bool | None = None
    last_checked: float | None = None
    consecutive: int = 0
    reason: str = ""
    next_check: float | None = None

    def age(self, now: float) -> float | None:
        """Seconds since the last result; None before the first."""
        return None if self.last_checked is None else max(0.0, now - self.last_checked)
