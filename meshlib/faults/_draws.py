"""Chances that follow from a seed and a number, in any order."""

from __future__ import annotations

import struct
from hashlib import blake2b

_NUMBERS = struct.Struct("<6Q")
# 52 bits and a half: never 0 and never 1, and exact as a float.
_STEP = 2.0**-52


class Draws:
    """
    The draws of one decision: equal for an equal *seed* and *what*, else independent.

    Each is above 0 and below 1, and stands by itself: to leave one out moves no other. A
    hash takes the place of a generator, since that has an order, and calls have none.
    """

    __slots__ = ("abort", "delay", "length", "number", "response", "rule")

    def __init__(self, seed: bytes, what: str) -> None:
        digest = blake2b(what.encode(errors="surrogatepass"), key=seed, digest_size=48).digest()
        rule, delay, abort, response, length, self.number = _NUMBERS.unpack(digest)
        self.rule = _fraction(rule)
        self.delay = _fraction(delay)
        self.abort = _fraction(abort)
        self.response = _fraction(response)
        self.length = _fraction(length)


def _fraction(number: int) -> float:
    return ((number >> 12) + 0.5) * _STEP


def key_bytes(seed: int, name: str) -> bytes:
    """A *seed* of any size as the key of a hash, for the rule of this *name*."""
    text = f"{seed} {name}"
    return blake2b(text.encode(errors="surrogatepass"), digest_size=32).digest()
