"""
The token that calls are made with, and when another one is needed.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

from ..._clock import Clock
from ._source import Token

_PART, _SPREAD = 0.75, 0.1
"""
A token is replaced when this part of its life is over, and up to that much later.

Kubernetes replaces its projected tokens at 80 %; the spread keeps replicas apart.
"""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds between attempts that fail; each pause may be up to twice the one before."""
_LEAST = 1.0
"""Seconds between two requests for a token, however short its life is."""
_FORCED = 10.0
"""Seconds between two refreshes because a token was refused: the service may always refuse."""


class TokenKeeper:
    """
    Holds one token. Pure: it is told what came of asking for another one.

    *wake* is called when one is needed at once. What is held stays until it expires, also
    while no other can be had. Thread-safe; *wake* and waiters are called without the lock.
    """

    def __init__(self, clock: Clock, rng: random.Random, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._rng = rng
        self._wake = wake
        self._lock = threading.Lock()
        self._header: bytes | None = None
        self._expires_at = float("inf")
        self._failures = 0
        self._waiters: set[Any] = set()
        self._forced_at = float("-inf")
        self.due_at = float("-inf")
        """The instant from which on another token is to be asked for."""
        self.error = ""
        """Why the last attempt failed; empty when it did not."""

    def __repr__(self) -> str:
        return f"<TokenKeeper: {'a token' if self.header() is not None else 'no token'}>"

    def header(self) -> bytes | None:
        """The value of Authorization; None while there is no token that is valid."""
        header = self._header
        return header if header is not None and self._clock() < self._expires_at else None

    def took(self, token: Token) -> None:
        """*token* is in force from now on, unless it has expired already."""
        if token.lifetime is not None and token.lifetime <= 0.0:
            self.failed("the token had expired when it came")
            return
        now = self._clock()
        due_at = float("inf")
        if token.lifetime is not None:
            share = _PART + _SPREAD * self._rng.random()
            due_at = now + max(token.lifetime * share, _LEAST)
        if token.again is not None:
            due_at = min(due_at, now + token.again)
        with self._lock:
            self._header = token.header
            self._expires_at = now + (float("inf") if token.lifetime is None else token.lifetime)
            self.due_at = due_at
            self._failures = 0
            self.error = ""
        self._tell()

    def failed(self, error: str) -> None:
        """No token could be had, for *error*; it is tried again after a pause that grows."""
        with self._lock:
            pause = min(_FIRST_PAUSE * 2.0**self._failures, _LONGEST_PAUSE)
            self._failures = min(self._failures + 1, 10)
            self.due_at = self._clock() + pause * (1.0 - 0.5 * self._rng.random())
            self.error = error
        self._tell()

    # Calls

    def wait_ready(self, waiter: Any) -> bool:
        """
        Have *waiter* set when an attempt to get a token has ended.

        False when there is no need to wait: there is a token, or the last attempt failed
        and the next is not due.
        """
        with self._lock:
            waits = self.header() is None and (not self.error or self._clock() >= self.due_at)
            if waits:
                self._waiters.add(waiter)
        if waits:
            self._wake()
        return waits

    def stop_waiting(self, waiter: Any) -> None:
        """Forget a waiter."""
        with self._lock:
            self._waiters.discard(waiter)

    def refused(self, used: bytes, waiter: Any) -> bool:
        """
        A service refused *used*: have *waiter* set once another one was asked for.

        False when there is no need to wait: there is another one already, or one was asked
        for on this ground a moment ago.
        """
        with self._lock:
            now = self._clock()
            if self._header != used or now - self._forced_at < _FORCED:
                return False
            self._forced_at = self.due_at = now
            self._waiters.add(waiter)
        self._wake()
        return True

    def renew(self) -> None:
        """A forked child has none of its parent's threads, and nobody waits in it."""
        self._lock = threading.Lock()
        self._waiters = set()

    def _tell(self) -> None:
        with self._lock:
            waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            waiter.set()
