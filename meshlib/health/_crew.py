"""
The checkers of a monitor, for one life of its event loop.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio

from ._checker import Checker, CheckFailedError, reason_of
from ._schedule import Entry

_KEPT = 500
"""Checkers up to which connections are kept: a process may often have 1,024 descriptors."""

_LATE = 0.05
"""Seconds after its time by which the end of a check tells that the loop stood still."""
_TRIES = 3
"""Checks of which one has to count: else a dead endpoint may hide behind a busy process."""


class Crew:
    """
    One checker for each endpoint, made when it is first checked.

    A check ends after *timeout* seconds at the latest, and when its endpoint leaves. One whose
    time ran out while this process, or its loop, stood still says nothing of the endpoint,
    and is made again.
    """

    def __init__(self, make: Callable[[], Checker], timeout: float) -> None:
        self._make = make
        self._timeout = timeout
        self._checkers: dict[Entry, Checker] = {}
        self._scopes: dict[Entry, anyio.CancelScope] = {}

    async def check(self, entry: Entry) -> str | None:
        """Check once; why it failed, or None when it passed."""
        checker = self._checkers.get(entry)
        if checker is None:
            checker = self._checkers[entry] = self._make()
        for _ in range(_TRIES):
            reason, spoiled = await self._check(checker, entry)
            if not spoiled or entry.gone:
                break
        if entry.gone:
            await self.dismiss(entry)
        elif len(self._checkers) > _KEPT:
            await checker.aclose()
        return reason

    async def _check(self, checker: Checker, entry: Entry) -> tuple[str | None, bool]:
        """Why a check failed, and whether this process was not there when it ended."""
        reason = None
        with anyio.CancelScope(deadline=anyio.current_time() + self._timeout) as scope:
            self._scopes[entry] = scope
            try:
                await checker.check(entry.endpoint)
            except Exception as exc:
                reason = reason_of(exc)
            finally:
                del self._scopes[entry]
        if scope.cancelled_caught:
            late = f"no result after {self._timeout:g} s, while {checker.stage}"
            reason = reason_of(CheckFailedError(late))
        spoiled = scope.cancelled_caught and anyio.current_time() - scope.deadline > _LATE
        return reason, spoiled

    async def dismiss(self, entry: Entry) -> None:
        """End the check of an endpoint that has left, and close what was kept for it."""
        scope = self._scopes.get(entry)
        if scope is not None:
            scope.cancel()  # the task of the check does the rest
            return
        checker = self._checkers.pop(entry, None)
        if checker is not None:
            await checker.aclose()

    async def aclose(self) -> None:
        """Close everything; no check may be in flight."""
        with anyio.CancelScope(shield=True):
            for checker in self._checkers.values():
                await checker.aclose()
        self._checkers = {}
