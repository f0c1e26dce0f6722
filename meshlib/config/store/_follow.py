"""
Following a key, though its store may be away for a while.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from ..._exceptions import StoreError
from ..._redact import redacted_error
from ...discovery import Timing
from ...routing.canary import Stored
from ._store import StoreKey

_LOGGER = logging.getLogger("meshlib")
_FIRST, _LONGEST = 0.5, 15.0
"""Seconds before a store that is away is asked again: doubled each time, up to the longest."""
_JITTER = 0.5
"""Of the wait, what is added by chance, so that not everybody comes back at once."""


async def follow(key: StoreKey, *, _timing: Timing | None = None) -> AsyncIterator[Stored | None]:
    """
    The content of *key* now and whenever it says something else; None for none. Never ends.

    A store that is away is told of by one line of the log, and by one when it is back, and
    is asked again and again; what was there before is not told anew when it is.
    """
    timing = Timing() if _timing is None else _timing
    seen: list[bytes | None] = []
    failures = 0
    while True:
        problem = "its watch ended"
        try:
            async with aclosing(cast("Any", key.follow())) as contents:
                async for stored in contents:
                    if failures:
                        _LOGGER.info("%s can be read again", key.location)
                        failures = 0
                    content = None if stored is None else stored.content
                    if seen != [content]:
                        seen = [content]
                        yield stored
        except StoreError as exc:
            problem = str(exc)
        except Exception as exc:  # a store of the application's may raise anything
            problem = redacted_error(exc)
        if not failures:
            _LOGGER.warning("%s cannot be followed, and is tried again: %s", key.location, problem)
        await timing.pause(min(_FIRST * 2.0 ** min(failures, 10), _LONGEST), jitter=_JITTER)
        failures += 1
