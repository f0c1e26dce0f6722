"""What the meshes of a test did, told so that a failing test explains itself."""

from __future__ import annotations

import threading
from typing import Any

from ..events import (
    AttemptFinished,
    BreakerChanged,
    CallFinished,
    CallRejected,
    Event,
    FallbackUsed,
    FaultInjected,
    HedgeStarted,
    InjectionFinished,
    RetryRefused,
    RetryScheduled,
)
from ..faults import Injection
from ..runtime import Mesh

_KEPT = 1000
_SHOWN = 40


class History:
    """
    A listener that writes down the calls of a mesh, line by line. Thread-safe.

    Where calls interleave, their lines do, too. Only the last thousand are kept.
    """

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.services: dict[str, int] = {}
        """Calls that ended, by service."""
        self.injections: list[Injection] = []
        """What was injected into calls that are over."""
        self._lines: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._start = mesh.clock()
        self.stop = mesh.listen(self)

    def __call__(self, event: Event) -> None:
        if isinstance(event, InjectionFinished):
            self.injections.append(event.injection)
        text = _text(event)
        if text is None:
            return
        line = f"{self.mesh.clock() - self._start:8.3f} s  {event.service}: {text}"
        with self._lock:
            if isinstance(event, CallFinished):
                self.services[event.service] = self.services.get(event.service, 0) + 1
            self._lines.append((event.service, line))
            del self._lines[:-_KEPT]

    def lines(self, service: str | None) -> list[str]:
        """What happened in calls of *service*, or of all."""
        with self._lock:
            return [line for name, line in self._lines if service in (None, name)]


def told(histories: list[History], service: str | None) -> str:
    """What happened in calls of *service*, or why there is nothing to tell."""
    lines = [line for history in histories for line in history.lines(service)]
    if lines:
        left_out = len(lines) - _SHOWN
        head = [f"  ... {left_out} lines before"] if left_out > 0 else []
        return "\n".join(["what happened:", *head, *(f"  {line}" for line in lines[-_SHOWN:])])
    called = sorted({name for history in histories for name in history.services})
    if called:
        return f"no call to {service!r} was made; there were calls to {', '.join(called)}"
    if not histories:
        return "no call was made: the test has made no mesh"
    return "no call of a mesh was made"


def _text(event: Event) -> str | None:
    """One event in a line; None for those that say nothing about calls."""
    match event:
        case AttemptFinished():
            end: Any = event.status if event.error is None else repr(event.error)
            fault = f", by the fault {event.fault!r}" if event.fault else ""
            where = event.endpoint.url
            return f"attempt {event.number} at {where}: {event.outcome} ({end}){fault}"
        case CallFinished():
            end = event.status if event.error is None else repr(event.error)
            plural = "" if event.attempts == 1 else "s"
            return f"{event.method} ended: {end}, after {event.attempts} attempt{plural}"
        case CallRejected():
            return f"refused by the mesh: {event.error!r}"
        case RetryScheduled():
            return f"a retry follows in {event.delay:.3f} s"
        case RetryRefused():
            return f"no retry: {event.reason}"
        case HedgeStarted():
            return f"a hedge begins: attempt {event.number}"
        case FallbackUsed():
            return f"a fallback answers: {event.kind}"
        case BreakerChanged():
            return f"the breaker of {event.endpoint.url} is {event.new}"
        case FaultInjected():
            return f"the fault {event.rule!r} acts"
        case _:
            return None
