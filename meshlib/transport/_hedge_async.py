"""
Attempts side by side: a hedge starts before the attempt in front of it has ended.

The first good outcome ends the call; the others are cancelled and say nothing about
their endpoints. A hedge that fails does not end the call while another is in flight.
"""

from __future__ import annotations

import math
from typing import Any

import anyio

from ._again import hedge_delay, start_hedge
from ._attempt import Attempt
from ._call import Call

Outcome = tuple[Attempt, Any, "Exception | None"]


class AsyncHedging:
    """Runs calls of services that hedge; cancelling a loser closes its connection."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    async def run(self, call: Call) -> Any:
        """The first good response, or else the last outcome."""
        first = call.start_attempt()
        send, receive = anyio.create_memory_object_stream[Outcome](math.inf)
        with send, receive:
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._race, first, send)
                    last = await self._contest(call, group, send, receive)
                    group.cancel_scope.cancel()
            finally:
                await self._drop_late(call, receive)
        attempt, response, error = last
        if response is None:
            assert error is not None
            try:
                raise error
            finally:
                del error, last  # its traceback holds this frame
        for other in call.attempts:
            if other is not attempt:
                other.cancel()
        if attempt.status == 401 and await self._driver.bearing.renewed(call, attempt, response):
            return await self.run(call)
        return await self._driver.deliver(call, attempt, response)

    async def _contest(self, call: Call, group: Any, send: Any, receive: Any) -> Outcome:
        """Start hedges and retries until one outcome is final."""
        running, hedging = 1, True
        while True:
            outcome = await self._next(call, hedge_delay(call) if hedging else None, receive)
            if outcome is None:
                hedge = start_hedge(call)
                if hedge is None:
                    hedging = False
                else:
                    group.start_soon(self._race, hedge, send)
                    running += 1
                continue
            running -= 1
            attempt, response, error = outcome
            if error is None:
                delay = call.finish_attempt(attempt, response)
                if delay is None and (not running or not call.failed(attempt, response)):
                    return outcome
            else:
                delay = call.fail_attempt(attempt, error)
                if delay is None and not running:
                    return outcome
                call.last_error = error
            if running:
                # A failed hedge must not end the call while another may succeed.
                if response is not None:
                    await self._driver.discard(call, attempt, response)
                continue
            assert delay is not None
            if response is not None:
                await self._driver.discard(call, attempt, response)
            await self._driver.pause(delay)
            try:
                group.start_soon(self._race, call.start_attempt(), send)
            except Exception as exc:
                return attempt, None, exc
            running = 1

    async def _next(self, call: Call, delay: float | None, receive: Any) -> Outcome | None:
        """The next outcome, or None when *delay* seconds in which the loop ran brought none."""
        while True:
            began = call.clock()
            with anyio.move_on_after(delay):
                outcome: Outcome = await receive.receive()
                return outcome
            # What came while the loop stood still has not been read yet.
            delay = call.service.stalls.overlap(began, call.clock())
            if not delay:
                return None

    async def _drop_late(self, call: Call, receive: Any) -> None:
        while True:
            try:
                attempt, response, _ = receive.receive_nowait()
            except (anyio.WouldBlock, anyio.EndOfStream):
                return
            if response is not None:
                await self._driver.discard(call, attempt, response)

    async def _race(self, attempt: Attempt, send: Any) -> None:
        try:
            response = await self._driver.send(attempt)
        except Exception as exc:
            send.send_nowait((attempt, None, exc))
        else:
            send.send_nowait((attempt, response, None))
