"""
The figures: what the mesh says of itself while it runs, and what became of the requests.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .. import Event
from .replicas import Replicas, always_one_healthy
from .traffic import Record, current


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which *share* of *values* lie; 0 when there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


@dataclass(slots=True)
class Line:
    """One endpoint, as the mesh has seen it since the beginning of a phase."""

    state: str = "closed"
    attempts: int = 0
    failures: int = 0
    faults: int = 0
    elapsed: deque[float] = field(default_factory=lambda: deque(maxlen=5000))


class Board:
    """
    Listens to a mesh and keeps a line for each endpoint and the counts of each service.

    *names* gives the name of a replica by the URL of its endpoint. *say* is told of what
    deserves a line of text. Thread-safe: events come from every thread of the traffic.
    """

    def __init__(self, names: dict[str, str], say: Callable[[str], None]) -> None:
        self._names = names
        self._say = say
        self._lock = threading.Lock()
        self.lines = {name: Line() for name in names.values()}
        self.counts: Counter[str] = Counter()

    def clear(self) -> None:
        """Begin a phase: all counts at 0, the states of the breakers as they are."""
        with self._lock:
            self.lines = {name: Line(state=line.state) for name, line in self.lines.items()}
            self.counts = Counter()

    def __call__(self, event: Event) -> None:
        """Take down an event of the mesh."""
        # By name, as a program would that logs events it has no use for.
        handle = getattr(self, f"_on_{type(event).__name__}", None)
        if handle is not None:
            with self._lock:
                text = handle(event)
            if text:
                self._say(text)

    def _on_AttemptFinished(self, event: Any) -> None:  # noqa: N802 -- named after the event
        if event.outcome == "cancelled":
            return  # it says nothing about its endpoint
        line = self.lines[self._names[event.endpoint.url]]
        line.attempts += 1
        line.elapsed.append(event.elapsed)
        line.failures += event.outcome != "success"
        line.faults += event.fault is not None

    def _on_BreakerChanged(self, event: Any) -> str:  # noqa: N802 -- named after the event
        name = self._names[event.endpoint.url]
        self.lines[name].state = event.new
        self.counts[f"breaker {event.new}"] += 1
        return f"breaker of {name}: {event.old} → {event.new}"

    def _on_RetryScheduled(self, event: Any) -> None:  # noqa: N802 -- named after the event
        self.counts["retries"] += 1
        self.counts[f"retries after {event.outcome}"] += 1

    def _on_RetryRefused(self, event: Any) -> None:  # noqa: N802 -- named after the event
        self.counts[f"no retry: {event.reason}"] += 1
        record = current.get()
        if record is not None and event.reason == "budget":
            record.budget_refused = True

    def _on_HedgeStarted(self, event: Any) -> None:  # noqa: N802 -- named after the event
        self.counts["hedges"] += 1

    def rows(self) -> list[tuple[str, Line, list[float]]]:
        """Each replica, its line, and a copy of its latencies."""
        with self._lock:
            return [(name, line, list(line.elapsed)) for name, line in self.lines.items()]


@dataclass(slots=True)
class Figures:
    """What became of some requests; latencies in seconds, over all of them."""

    requests: int
    lost: int
    should_have_been_saved: int
    p50: float
    p99: float
    retries: int = 0
    hedges: int = 0

    @property
    def success_rate(self) -> float:
        """The share of requests that were not lost."""
        return 1.0 - self.lost / self.requests if self.requests else 1.0

    def as_json(self) -> dict[str, Any]:
        """All of it by name."""
        return {**asdict(self), "success_rate": self.success_rate}


def figures(records: Sequence[Record], replicas: Replicas, counts: Counter[str]) -> Figures:
    """Work out the figures of *records*; *counts* are those of the mesh, if it sent them."""
    elapsed = [record.ended - record.began for record in records]
    return Figures(
        requests=len(records),
        lost=sum(record.lost for record in records),
        should_have_been_saved=len(to_be_saved(records, replicas)),
        p50=quantile(elapsed, 0.5),
        p99=quantile(elapsed, 0.99),
        retries=counts["retries"],
        hedges=counts["hedges"],
    )


def to_be_saved(records: Iterable[Record], replicas: Replicas) -> list[Record]:
    """
    The requests that a mesh should have saved, and that were lost.

    A request is lost when its caller got an error, a 429 or a 5xx. It should have been
    saved when all of this holds:

    * it could be sent again: it is a GET or carries an Idempotency-Key, or nothing of it
      had been sent;
    * at each instant from its beginning to its end at least one replica of its service
      was healthy: its process ran and had not been told to fail. A replica that is slow
      is healthy, and so is one that sheds load and says when to come back;
    * the retry budget did not refuse a retry of it.
    """
    return [
        record
        for record in records
        if record.lost
        and record.repeatable
        and not record.budget_refused
        and always_one_healthy(replicas.of(record.order.service), record.began, record.ended)
    ]
