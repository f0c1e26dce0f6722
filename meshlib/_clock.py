"""
Time, as a value that is passed in.

Everything that decides takes `now` or a `Clock`; this module is the only one that
names the real ones, so that a test replaces time in one place.
"""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]

monotonic: Clock = time.monotonic
"""Seconds on a clock that never steps back; every duration is measured on it."""

wall: Clock = time.time
"""Seconds since the epoch; only for dates that a server wrote, such as Retry-After."""

sleep: Callable[[float], object] = time.sleep
"""Of the machine, as it is when meshlib is imported: a test replaces that of its own code later."""
