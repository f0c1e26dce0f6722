"""
Attempts side by side: a hedge starts before the attempt in front of it has ended.

The first good outcome ends the call; the others are cut off and say nothing about
their endpoints. A hedge that fails does not end the call while another is in flight.
"""

from __future__ import annotations

import contextvars
import math
import threading
from collections import deque
from typing import Any

from .._clock import Clock
from ._again import hedge_delay, start_hedge
from ._attempt import Attempt
from ._call import Call
from ._waiting import Waiter

Outcome = tuple[Attempt, Any, "Exception | None"]


class Hedging:
    """
    Runs calls of services that hedge, each attempt in a thread of its own.

    A loser on one of our own connections is cut off by shutting its socket down; one on
    another transport, or on a connection that others share, cannot be, so it ends by itself
    and its response is then closed.
    """

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def run(self, call: Call) -> Any:
        """The first good response, or else the last outcome."""
        outcomes = _Outcomes(call.clock)
        race = _Race(self._driver, outcomes)
        try:
            race.start(call.start_attempt())
            attempt, response, error = self._contest(call, race, outcomes)
        finally:
            race.over.set()
            for other in call.attempts:
                if other.open and not other.settled:
                    other.cancel()
                    if other.abort is not None:
                        other.abort.shut_down()
            race.drop()
        if response is None:
            assert error is not None
            try:
                raise error
            finally:
                del error  # its traceback holds this frame
        if attempt.status == 401 and self._driver.bearing.renewed(call, attempt, response):
            return self.run(call)
        return self._driver.deliver(call, attempt, response)

    def _contest(self, call: Call, race: _Race, outcomes: _Outcomes) -> Outcome:
        """Start hedges and retries until one outcome is final."""
        running, hedging = 1, True
        while True:
            outcome = outcomes.get(hedge_delay(call) if hedging else None)
            if outcome is None:
                hedge = start_hedge(call)
                if hedge is None:
                    hedging = False
                else:
                    race.start(hedge)
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
                    self._driver.discard(call, attempt, response)
                continue
            assert delay is not None
            if response is not None:
                self._driver.discard(call, attempt, response)
            self._driver.pause(delay)
            try:
                race.start(call.start_attempt())
            except Exception as exc:
                return attempt, None, exc
            running = 1


class _Outcomes:
    """What the threads of a race ended with; one other thread waits for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._found: deque[Outcome] = deque()
        self._waiter = Waiter(clock)

    def put(self, outcome: Outcome) -> None:
        """Let the one who waits have *outcome*."""
        self._found.append(outcome)
        self._waiter.set()  # looked up after that: either this one is new, or it is found

    def get(self, seconds: float | None) -> Outcome | None:
        """The next outcome; None when *seconds* have brought none. None of them is for ever."""
        waiter = self._waiter = Waiter(self._clock)
        if not self._found:
            waiter.wait(math.inf if seconds is None else seconds)
        return self.take()

    def take(self) -> Outcome | None:
        """An outcome that is there already."""
        try:
            return self._found.popleft()
        except IndexError:
            return None


class _Race:
    """The threads of one call; when the race is over, they close what they still get."""

    def __init__(self, driver: Any, outcomes: _Outcomes) -> None:
        self._driver = driver
        self._outcomes = outcomes
        self.over = threading.Event()

    def start(self, attempt: Attempt) -> None:
        context = contextvars.copy_context()
        thread = threading.Thread(
            target=context.run, args=(self._run, attempt), name="meshlib-hedge", daemon=True
        )
        thread.start()

    def _run(self, attempt: Attempt) -> None:
        try:
            response = self._driver.send(attempt)
        except Exception as exc:
            self._outcomes.put((attempt, None, exc))
            return
        self._outcomes.put((attempt, response, None))
        if self.over.is_set():  # asked after the put, so that one of the two finds it
            self.drop()

    def drop(self) -> None:
        """Close the responses that nobody takes any more."""
        while (outcome := self._outcomes.take()) is not None:
            response = outcome[1]
            if response is not None:
                response.close()
