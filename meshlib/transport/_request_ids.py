"""
Names for calls, which nobody else gives to another call.
"""

from __future__ import annotations

import itertools
import random


def new_request_ids() -> tuple[bytes, itertools.count[int]]:
    """A random part and a count, which together name a call."""
    # From a source of its own, because a child must not go on with its parent's numbers.
    return b"%016x" % random.SystemRandom().getrandbits(64), itertools.count()
