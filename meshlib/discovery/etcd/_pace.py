"""
How often what has ended is begun again.
"""

from __future__ import annotations

from .._timing import Timing
from ._errors import EtcdError

_LASTING = 5.0
"""Seconds after which something has worked: it is begun again at once."""
_FIRST, _MOST = 0.1, 6
"""Seconds of the first pause, which doubles, and how many there are: 6 seconds in all."""


class Pace:
    """Begins at once what has lasted, and later and later what ends as soon as it has begun."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._began: float | None = None
        self._hasty = 0

    async def begin(self) -> None:
        """Wait as is due. Raises EtcdError when it has ended too often."""
        if self._began is not None:
            if self._timing.clock() - self._began >= _LASTING:
                self._hasty = 0
            elif self._hasty == _MOST:
                raise EtcdError(f"etcd ended {_MOST} watches in a row as soon as they had begun")
            else:
                await self._timing.pause(_FIRST * 2**self._hasty, jitter=0.5)
                self._hasty += 1
        self._began = self._timing.clock()

    def lasted(self) -> None:
        """What has begun has worked, however short it was."""
        self._began = None
        self._hasty = 0
