"""
Waiting for tokens: before a first attempt, and after one whose token was refused.

The twin of `_bearing_sync.py`.
"""

from __future__ import annotations

from typing import Any

from ._attempt import Attempt
from ._bearing import check_token, has_other, may_renew
from ._call import Call
from ._waiting import AsyncWaiter


class AsyncBearing:
    """What *driver* does about the tokens of services."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    async def wait(self, call: Call) -> None:
        """Wait for the token of a service whose calls have none yet."""
        keeper = call.credentials
        waiter = AsyncWaiter(call.clock)
        if keeper.wait_ready(waiter):
            try:
                await waiter.wait(call.deadline - call.now)
            finally:
                keeper.stop_waiting(waiter)
        call.readied()
        check_token(call)

    async def renewed(self, call: Call, attempt: Attempt, response: Any) -> bool:
        """Whether *response* is dropped for an attempt with another token."""
        waiter = AsyncWaiter(call.clock)
        if not may_renew(call, attempt, waiter):
            return False
        try:
            await waiter.wait(call.deadline - call.clock())
        except BaseException:
            await self._driver.discard(call, attempt, response)
            raise
        finally:
            call.credentials.stop_waiting(waiter)
        if not has_other(call, attempt):
            return False
        await self._driver.discard(call, attempt, response)
        return True
