"""Names for requests that came without one."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable


class RequestIds:
    """Hands out ids that no other process hands out. Thread-safe."""

    __slots__ = ("_prefix", "number")

    def __init__(self) -> None:
        # Goes on in a forked child, whose requests may be older than it is.
        self.number: Callable[[], int] = itertools.count().__next__
        """Gives a number that was never given before; `write` makes an id of it."""
        self.renew()

    def renew(self) -> None:
        """A forked child does not go on with the ids of its parent."""
        self._prefix = f"{random.SystemRandom().getrandbits(64):016x}"

    def write(self, number: int) -> str:
        """The id with this number; always the same one in a process."""
        return f"{self._prefix}{number:016x}"
