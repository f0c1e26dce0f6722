"""Names for requests that came without one."""

from __future__ import annotations

import random


class RequestIds:
    """Writes ids that no other process writes. Thread-safe."""

    __slots__ = ("_prefix",)

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """A forked child does not go on with the ids of its parent."""
        self._prefix = f"{random.SystemRandom().getrandbits(64):016x}"

    def write(self, number: int) -> str:
        """The id of the request with this number; always the same one in a process."""
        return f"{self._prefix}{number:016x}"
