"""Whether an attempt that failed may be tried again, and after how long."""

from __future__ import annotations

import random

from .._models import OutcomeClass, Retryable
from ._backoff import Backoff
from ._options import RetryOptions


class RetryPolicy:
    """
    Decides about retries from options alone; budgets and deadlines have their say besides.

    `max_attempts` counts the first attempt and hedges too. `max_hint` is the longest
    wait in seconds that a server may ask for. `buffer_body` is how many bytes of a
    streamed body are kept so that it can be sent again.

    Holds nothing of any call: one policy serves all calls of a service, from any thread.
    """

    __slots__ = ("_backoff", "_methods", "buffer_body", "max_attempts", "max_hint")

    def __init__(self, options: RetryOptions | None = None, *, rng: random.Random) -> None:
        options = RetryOptions() if options is None else options
        self.max_attempts = options.max_attempts
        self.max_hint = options.max_hint
        self.buffer_body = options.buffer_body
        self._methods = options.methods
        self._backoff = Backoff(options.backoff, rng=rng, wait=options.wait)

    def is_idempotent(self, method: str) -> bool:
        """Whether requests with *method* may be sent twice."""
        return method.upper() in self._methods

    def may_retry(self, outcome: OutcomeClass, *, idempotent: bool, replayable: bool) -> bool:
        """
        Whether an attempt that ended as *outcome* may be followed by another.

        *idempotent*: the call may be processed twice. *replayable*: the whole body can
        still be sent; a body that cannot is never sent again, because the server would
        take what is left of it, often nothing, for the whole.
        """
        if not replayable or outcome.retryable is Retryable.NEVER:
            return False
        return idempotent or outcome.retryable is Retryable.ANY

    def backoff(self, number: int, error: BaseException | None = None) -> float:
        """
        Give the seconds to wait after attempt *number*, counted from 1, has failed.

        *error* is what it raised, if it raised. A server's own hint replaces this wait.
        What a wait strategy of the user raises is not caught.
        """
        return self._backoff.seconds(number, error)
