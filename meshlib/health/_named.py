"""
One check of this process: made once at a time, and remembered for a while.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import anyio

from .._bell import Bell
from .._clock import Clock
from ._calling import Callee
from ._checker import reason_of
from ._report import CheckResult, Probe, Status


class _Flight:
    """A check that is being made, and who waits for it."""

    __slots__ = ("bells", "result")

    def __init__(self) -> None:
        self.bells: list[Bell] = []
        self.result: CheckResult | None = None


class NamedCheck:
    """
    A check with a name, for some of the probes.

    Whoever asks while its last result is younger than *cache* seconds gets that. Else it is
    made, by one who asks; others, in any thread and event loop, wait for the same result.
    Nobody waits much longer than *timeout* seconds. Thread-safe.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[], Any],
        *,
        critical: bool,
        probes: tuple[Probe, ...],
        timeout: float,
        cache: float,
        clock: Clock,
        wall: Clock,
    ) -> None:
        self.name = name
        self.critical = critical
        self.probes = probes
        self._callee = Callee(function)
        self._timeout = timeout
        self._cache = cache
        self._clock = clock
        self._wall = wall
        self._lock = threading.Lock()
        self._flight: _Flight | None = None
        self._last: tuple[float, CheckResult] | None = None

    def renew(self) -> None:
        """A forked child has nobody who makes the check."""
        self._lock = threading.Lock()
        self._flight = None
        self._callee.renew()

    @property
    def remembered(self) -> CheckResult | None:
        """The last result, unless it is too old."""
        last = self._last
        # Not below 0: a clock that was set back must not keep a result for ever.
        return (
            last[1] if last is not None and 0.0 <= self._clock() - last[0] < self._cache else None
        )

    async def result(self) -> CheckResult:
        """The remembered result, or a new one."""
        while True:
            with self._lock:
                result = self.remembered
                if result is not None:
                    return result
                flight, leads = self._flight, self._flight is None
                if flight is None:
                    flight = self._flight = _Flight()
                else:
                    bell = Bell()
                    flight.bells.append(bell)
            if leads:
                return await self._lead(flight)
            with anyio.move_on_after(self._timeout) as scope:
                await bell.wait()
            if scope.cancelled_caught:
                # Its event loop is blocked, or the check does not let itself be cancelled.
                return self._result(self._clock(), "another probe still waits for this check")
            if flight.result is not None:
                return flight.result
            # Who made it was cancelled, and somebody else must begin anew.

    async def _lead(self, flight: _Flight) -> CheckResult:
        try:
            result = flight.result = await self._measure()
            self._last = (self._clock(), result)
            return result
        finally:
            with self._lock:
                if self._flight is flight:
                    self._flight = None
            for bell in flight.bells:
                bell.ring()

    async def _measure(self) -> CheckResult:
        began, output = self._clock(), ""
        with anyio.move_on_after(self._timeout) as scope:
            try:
                await self._callee.call()
            except Exception as exc:
                output = reason_of(exc)
        if scope.cancelled_caught:
            output = f"no result after {self._timeout:g} s"
        return self._result(began, output)

    def _result(self, began: float, output: str) -> CheckResult:
        status: Status = "fail" if output else "pass"
        return CheckResult(
            name=self.name,
            status=status,
            critical=self.critical,
            time=self._wall(),
            elapsed=max(0.0, self._clock() - began),
            output=output,
        )
