"""
What asks for tokens, in the background.
"""

from __future__ import annotations

import logging
import math

import anyio

from ..._bell import Bell
from ..._clock import Clock
from ._keeper import TokenKeeper
from ._source import Source, TokenError

_LOGGER = logging.getLogger("meshlib")


async def renew_tokens(
    name: str, keeper: TokenKeeper, source: Source, bell: Bell, clock: Clock
) -> None:
    """
    Ask *source* for a token whenever *keeper* needs one, until cancelled.

    One task does so for everybody who waits. *bell* wakes it before its time. *name* is the
    service, for the log.
    """
    told = ""
    while True:
        left = keeper.due_at - clock()
        if left > 0:
            with anyio.move_on_after(None if left == math.inf else left):
                await bell.wait()
            continue
        try:
            token = await source()
        except Exception as exc:
            # A foreign function may put anything into its errors.
            error = str(exc) if isinstance(exc, TokenError) else type(exc).__name__
            keeper.failed(error)
            if error != told:
                _LOGGER.warning("no token for calls to %r: %s", name, error)
            told = error
        else:
            keeper.took(token)
            told = ""
