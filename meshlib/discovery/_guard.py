"""
Holding back what would take most endpoints away at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .._models import Endpoint
from ._options import DropGuardOptions


class DropGuard:
    """
    Adds to a snapshot the endpoints in force that it lacks, for a while, if they are many.

    From fewer endpoints than `min_endpoints` any may go, except when the source is in
    `doubt`. What the snapshot adds or changes is taken at once. When a later one is large enough
    again, it is taken as it is; when `until` has passed, so is the last one.

    Not thread-safe.
    """

    def __init__(self, options: DropGuardOptions) -> None:
        self._options = options
        self._doubted_until = -math.inf
        self.until = math.inf
        """When what is held is given up; infinite while nothing is."""

    def doubt(self, now: float) -> None:
        """
        Guard few endpoints, too, for a while from *now* on: the source is back from a failure.

        A registry may answer after a restart before it has its data again.
        """
        self._doubted_until = now + self._options.hold

    def admit(
        self, in_force: Sequence[Endpoint], snapshot: tuple[Endpoint, ...], now: float
    ) -> tuple[tuple[Endpoint, ...], tuple[Endpoint, ...]]:
        """What to publish of *snapshot*, and which endpoints it lacks are kept in that."""
        options = self._options
        lost = len(in_force) - len(snapshot)
        believed = len(in_force) < options.min_endpoints and not self._doubts(now)
        if not options.enabled or believed or lost <= options.max_ratio * len(in_force):
            self.until = math.inf
            return snapshot, ()
        if now >= self.until:
            self.until = math.inf
            return snapshot, ()
        urls = {endpoint.url for endpoint in snapshot}
        missing = tuple(endpoint for endpoint in in_force if endpoint.url not in urls)
        if self.until == math.inf:
            self.until = now + options.hold
        return (*snapshot, *missing), missing

    def _doubts(self, now: float) -> bool:
        return now < self._doubted_until or self.until < math.inf
