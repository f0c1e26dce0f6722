"""
Attempts side by side: a hedge starts before the attempt in front of it has ended.

The first good outcome ends the call; the others are cancelled and say nothing about
their endpoints. A hedge that fails does not end the call while another is in flight.
"""

from __future__ import annotations

from collections import deque
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
        outcomes = _Outcomes()
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._race, first, outcomes)
                last = await self._contest(call, group, outcomes)
                outcomes.put(last)  # so that it is not lost when the race is cancelled as it ends
                group.cancel_scope.cancel()
            outcomes.remove(last)
        finally:
            await self._drop_late(call, outcomes)
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

    async def _contest(self, call: Call, group: Any, outcomes: _Outcomes) -> Outcome:
        """Start hedges and retries until one outcome is final."""
        running, hedging = 1, True
        while True:
            outcome = await self._next(call, hedge_delay(call) if hedging else None, outcomes)
            if outcome is None:
                hedge = start_hedge(call)
                if hedge is None:
                    hedging = False
                else:
                    group.start_soon(self._race, hedge, outcomes)
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
                group.start_soon(self._race, call.start_attempt(), outcomes)
            except Exception as exc:
                return attempt, None, exc
            running = 1

    async def _next(self, call: Call, delay: float | None, outcomes: _Outcomes) -> Outcome | None:
        """The next outcome, or None when *delay* seconds in which the loop ran brought none."""
        while True:
            began = call.clock()
            outcome = await outcomes.get(delay)
            if outcome is not None:
                return outcome
            # What came while the loop stood still has not been read yet.
            delay = call.service.stalls.overlap(began, call.clock())
            if not delay:
                return None

    async def _drop_late(self, call: Call, outcomes: _Outcomes) -> None:
        while (outcome := outcomes.take()) is not None:
            attempt, response, _ = outcome
            if response is not None:
                await self._driver.discard(call, attempt, response)

    async def _race(self, attempt: Attempt, outcomes: _Outcomes) -> None:
        try:
            response = await self._driver.send(attempt)
        except Exception as exc:
            outcomes.put((attempt, None, exc))
        else:
            outcomes.put((attempt, response, None))


class _Outcomes:
    """
    What the tasks of a race ended with; one other task waits for it.

    A stream of AnyIO loses what it is handing over when who receives is cancelled just then,
    and with it a connection.
    """

    def __init__(self) -> None:
        self._found: deque[Outcome] = deque()
        self._event = anyio.Event()

    def put(self, outcome: Outcome) -> None:
        """Let the one who waits have *outcome*."""
        self._found.append(outcome)
        self._event.set()

    async def get(self, seconds: float | None) -> Outcome | None:
        """The next outcome; None when *seconds* have brought none. None of them is for ever."""
        if not self._found:
            self._event = anyio.Event()
            with anyio.move_on_after(seconds):
                await self._event.wait()
        return self.take()

    def take(self) -> Outcome | None:
        """An outcome that is there already."""
        return self._found.popleft() if self._found else None

    def remove(self, outcome: Outcome) -> None:
        """Have *outcome* no more."""
        self._found.remove(outcome)
