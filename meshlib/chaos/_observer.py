"""
What a mesh tells while a run goes on: which faults fired, and what was done about them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from ..events import (
    AttemptFinished,
    BreakerChanged,
    CallFinished,
    CallRejected,
    EndpointEjected,
    Event,
    FallbackUsed,
    FaultInjected,
    HedgeStarted,
    InjectionFinished,
    RetryRefused,
    RetryScheduled,
)
from ._timeline import fault_of, run_of

_COUNTED: dict[type[Event], str] = {
    RetryScheduled: "retries",
    RetryRefused: "retries refused",
    HedgeStarted: "hedges",
    FallbackUsed: "fallbacks",
    EndpointEjected: "ejections",
    CallRejected: "rejections",
}


class Observer:
    """
    A listener of a mesh for one *run*.

    *watching* says whether events count now; faults of the run count always. *finished* is
    called with each call that ended, when it is given. *absorbed* counts the injections
    whose call is over by what kept them from the caller, `suffered` where nothing did.
    Thread-safe.
    """

    def __init__(
        self,
        run: str,
        watching: Callable[[], bool],
        finished: Callable[[CallFinished], None] | None = None,
    ) -> None:
        self._run = run
        self._watching = watching
        self._finished = finished
        self._lock = threading.Lock()
        self.fired: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.absorbed: Counter[str] = Counter()
        self.attempts = 0

    def __call__(self, event: Event) -> None:
        """Take down *event*."""
        if isinstance(event, FaultInjected):
            self._fault(event)
        elif isinstance(event, InjectionFinished):
            self._over(event.injection)
        elif isinstance(event, CallFinished) and self._finished is not None:
            self._finished(event)
        if not self._watching():
            return
        with self._lock:
            if isinstance(event, AttemptFinished):
                self.attempts += 1
            elif isinstance(event, BreakerChanged) and event.new == "open" and not event.shadow:
                self.answers["breakers opened"] += 1
            elif type(event) in _COUNTED:
                self.answers[_COUNTED[type(event)]] += 1

    def _fault(self, event: FaultInjected) -> None:
        mine = [rule for rule in event.rule.split("+") if run_of(rule) == self._run]
        with self._lock:
            self.fired.update(map(fault_of, mine))

    def _over(self, injection: Any) -> None:
        if run_of(injection.rule) == self._run:
            with self._lock:
                self.absorbed[injection.absorbed_by or "suffered"] += 1


def is_good(outcome: Any) -> bool:
    """
    Whether what a call returned is what it should: no 5xx, no 429, and not False.

    Anything that has no status is good.
    """
    status = getattr(outcome, "status_code", None)
    if isinstance(status, int):
        return status < 500 and status != 429
    return outcome is not False
