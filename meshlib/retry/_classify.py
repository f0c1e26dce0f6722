"""
Outcome to outcome class: what a status or an error means to every policy.

A status is looked up in a tuple, an error along the classes it inherits from. Which
error classes a wire raises is told by whoever knows the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from .._models import (
    CALLER_ERROR,
    CANCELLED,
    OVERLOADED,
    SERVER_ERROR,
    SUCCESS,
    TRANSIENT,
    UNAVAILABLE,
    LoadSignal,
    OutcomeClass,
    Retryable,
    Verdict,
)

RETRYABLE = OutcomeClass("retryable", Verdict.SUCCESS, LoadSignal.MEASURED, Retryable.IDEMPOTENT)
"""A 4xx that was configured to be tried again: the endpoint is well, the answer is not."""

DEFAULT_STATUSES = frozenset({502, 503, 504})

# A status line has three digits, so no status that can be parsed is beyond the table.
_STATUSES = 1000

_CACHED_TYPES = 256


class Classifier:
    """
    Says which class an outcome belongs to.

    *errors* gives the class of an exception type and of the types that inherit from it; more
    may be added to it.
    *statuses* are tried again for idempotent calls, default 502, 503 and 504.

    `by_status` holds the class of each status from 0 to 999; it knows no headers, so
    503 is "unavailable" there, and `status` tells a 503 with Retry-After apart.

    Thread-safe: nothing changes but a cache.
    """

    __slots__ = ("_cache", "_errors", "by_status")

    def __init__(
        self,
        errors: Mapping[type[BaseException], OutcomeClass],
        statuses: frozenset[int] = DEFAULT_STATUSES,
    ) -> None:
        self._errors = errors
        self._cache: dict[type[BaseException], OutcomeClass] = {}
        self.by_status = _table(statuses)

    def status(self, code: int, *, retry_after: bool) -> OutcomeClass:
        """
        Classify the status *code* of a response.

        *retry_after*: the response says when to come back. It makes a 503 "overloaded":
        the server lives and refused before doing anything, so any method may be sent
        again.
        """
        if retry_after and code == 503:
            return OVERLOADED
        if 0 <= code < _STATUSES:
            return self.by_status[code]
        return SERVER_ERROR

    def error(self, exc: BaseException) -> OutcomeClass:
        """
        Classify an exception by the nearest of its base classes that *errors* names.

        An `Exception` that is not named is the caller's own error. What is not an
        `Exception`, such as a cancellation or KeyboardInterrupt, is "cancelled".
        """
        kind = type(exc)
        found = self._cache.get(kind)
        if found is None:
            found = self._of_type(kind)
            # Types can be made at run time; a full cache costs a walk, not memory.
            if len(self._cache) < _CACHED_TYPES:
                self._cache[kind] = found
        return found

    def _of_type(self, kind: type[BaseException]) -> OutcomeClass:
        for base in kind.__mro__:
            found = self._errors.get(base)
            if found is not None:
                return found
        return CALLER_ERROR if issubclass(kind, Exception) else CANCELLED


@lru_cache(maxsize=64)
def _table(statuses: frozenset[int]) -> tuple[OutcomeClass, ...]:
    """The classes of all statuses; services with the same settings share one table."""
    return tuple(_of_status(code, statuses) for code in range(_STATUSES))


def _of_status(code: int, statuses: frozenset[int]) -> OutcomeClass:
    if code == 429:
        return OVERLOADED
    if code in (408, 425):
        return TRANSIENT
    if 500 <= code < 600:
        return UNAVAILABLE if code in statuses else SERVER_ERROR
    if 100 <= code < 500:
        return RETRYABLE if code in statuses else SUCCESS
    # RFC 9110, 15: an invalid status code is to be processed as a 5xx.
    return SERVER_ERROR
