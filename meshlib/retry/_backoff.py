"""
How long to wait after an attempt failed.

The curves are tenacity's wait strategies, and this is the only module that knows it.
They are asked with the number of the attempt and keep nothing in between, so calls that
run at the same time cannot push each other along the curve.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tenacity import RetryCallState, Retrying
from tenacity.wait import wait_base, wait_exponential, wait_fixed, wait_incrementing

from ._options import BackoffOptions

Wait = Callable[[RetryCallState], float]
"""What tenacity accepts as `wait=`."""


class Backoff:
    """
    Computes the seconds to wait after attempt *number* of a call has failed.

    *wait*, any strategy of tenacity or a sum or chain of them, replaces what *options*
    say, jitter included. Jitter is drawn from *rng*, so a seed makes it repeatable;
    tenacity's own random strategies draw from Python's global generator and are not.

    Thread-safe.
    """

    __slots__ = ("_draw", "_jitter", "_retrying", "_wait")

    def __init__(self, options: BackoffOptions, *, rng: random.Random, wait: Any = None) -> None:
        self._wait: Wait = _curve(options) if wait is None else wait
        self._jitter = options.jitter if wait is None else "none"
        self._draw = rng.random
        self._retrying = Retrying()

    def seconds(self, number: int, error: BaseException | None = None) -> float:
        """
        Give the wait after attempt *number*, counted from 1; 0 or more.

        *error* is what the attempt raised, for strategies that look at it. Such a
        strategy, as tenacity's `wait_exception`, fails where a status is tried again.
        """
        state = RetryCallState(self._retrying, None, (), {})
        state.attempt_number = number
        if error is not None:
            state.set_exception((type(error), error, error.__traceback__))
        wait = float(self._wait(state))
        if not wait > 0.0:  # also not a number
            return 0.0
        if self._jitter == "full":
            return wait * self._draw()
        if self._jitter == "equal":
            return wait * (0.5 + 0.5 * self._draw())
        return wait


class _WaitFibonacci(wait_base):
    """Waits *initial* x 1, 1, 2, 3, 5 ... seconds, at most *longest*."""

    def __init__(self, initial: float, longest: float) -> None:
        self._initial = initial
        self._longest = longest

    def __call__(self, retry_state: RetryCallState) -> float:
        wait, following = self._initial, self._initial
        for _ in range(retry_state.attempt_number - 1):
            if wait >= self._longest:
                break
            wait, following = following, wait + following
        return min(wait, self._longest)


def _curve(options: BackoffOptions) -> Wait:
    if options.kind == "exponential":
        return wait_exponential(
            multiplier=options.initial, exp_base=options.multiplier, max=options.max
        )
    if options.kind == "fibonacci":
        return _WaitFibonacci(options.initial, options.max)
    if options.kind == "linear":
        increment = options.initial if options.increment is None else options.increment
        return wait_incrementing(options.initial, increment, options.max)
    return wait_fixed(min(options.initial, options.max))
