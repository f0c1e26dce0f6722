"""Names for requests that came without one."""

from __future__ import annotations

import itertools
import random


class RequestIds:
    """Hands out ids that no other process hands out. Thread-safe."""

    __slots__ = ("_count", "_prefix")

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """A forked child does not go on with the ids of its parent."""
        self._prefix = f"{random.SystemRandom().getrandbits(64):016x}"
        self._count = itertools.count()

    def new(self) -> str:
        """An id that was never given before."""
        return f"{self._prefix}{next(self._count):016x}"
