"""
When to warn that a certificate will expire.
"""

from __future__ import annotations

_DAY = 86400.0
THRESHOLDS = (30 * _DAY, 7 * _DAY, 1 * _DAY)
"""Seconds before the end; the longest first."""
_SHORT = 0.1
"""Share of its life that is left when a certificate too short for all of them is told of."""


def thresholds_of(not_before: float, not_after: float) -> tuple[float, ...]:
    """
    Seconds before the end at which one is warned of a certificate.

    A certificate that is renewed every day would be told of at each renewal, so what is
    more than half its life says nothing about it.
    """
    life = max(not_after - not_before, 0.0)
    return tuple(each for each in THRESHOLDS if each <= life / 2) or (life * _SHORT,)


class Expiry:
    """Warns of one certificate, once at each threshold. Not thread-safe."""

    def __init__(self, not_before: float, not_after: float) -> None:
        self._not_after = not_after
        self._left = list(thresholds_of(not_before, not_after))

    def due(self, now: float) -> float | None:
        """
        Seconds left if a warning is due; negative when it is over.

        Of several thresholds that were passed at once only one is told.
        """
        left = self._not_after - now
        passed = [each for each in self._left if left <= each]
        if not passed:
            return None
        self._left = [each for each in self._left if left > each]
        return left
