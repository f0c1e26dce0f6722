"""How much of a quota is used."""

from __future__ import annotations

import math

from ._abort import Abort
from ._facts import Facts
from ._key import key_of
from ._pattern_options import QuotaFault

_MOST_KEYS = 10_000
"""Keys whose windows are kept; the one whose window began first leaves first."""


class Quota:
    """
    Counts requests in windows of fixed length, each begun by its first request.

    Not thread-safe: the injector holds its lock.
    """

    __slots__ = ("_key", "_options", "_windows")

    def __init__(self, options: QuotaFault) -> None:
        self._options = options
        self._key = options.key
        self._windows: dict[str, tuple[float, int]] = {}

    def count(self, facts: Facts, now: float) -> Abort | None:
        """Count a request; the refusal when it is one too many."""
        options = self._options
        key = "" if self._key is None else key_of(self._key, facts)
        began, used = self._windows.get(key, (-math.inf, 0))
        if now - began >= options.window:
            began, used = now, 0
            self._windows.pop(key, None)
            while len(self._windows) >= _MOST_KEYS:
                del self._windows[next(iter(self._windows))]
        self._windows[key] = (began, used + 1)
        if used < options.requests:
            return None
        left = max(1.0, float(math.ceil(began + options.window - now)))
        return Abort("quota", status=options.status, retry_after=left, body=options.body)
