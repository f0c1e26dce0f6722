"""
Names for calls, which nobody else gives to another call.
"""

from __future__ import annotations

import itertools
import random

_DIGITS = [b"%x" % digit for digit in reversed(range(16))]


class RequestIds:
    """
    A random part and a count, which together name a call. Thread-safe.

    Sixteen are made at once: putting a number into hexadecimal digits takes three times as
    long as putting one more digit behind it.
    """

    __slots__ = ("_blocks", "_made", "_prefix")

    def __init__(self) -> None:
        # From a source of its own, because a child must not go on with its parent's numbers.
        self._prefix = b"%016x" % random.SystemRandom().getrandbits(64)
        self._blocks = itertools.count()
        self._made: list[bytes] = []

    def take(self) -> bytes:
        """Another one: 32 hexadecimal digits."""
        try:
            return self._made.pop()
        except IndexError:
            start = b"%b%015x" % (self._prefix, next(self._blocks))
            *others, first = [start + digit for digit in _DIGITS]
            self._made.extend(others)
            return first
