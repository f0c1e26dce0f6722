"""
What the activities of one experiment share: a client, and what it has seen.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from ... import MeshClient
from ..._clock import Clock
from .._observer import Observer, is_good
from .._samples import Sample, Samples
from .._timeline import rules_of, run_name
from .._waiting import sleep_of
from .._workers import working


class Session:
    """
    The mesh of one document, in the process in which the experiment runs.

    *config* is the path of the document, or None for a mesh without services.
    """

    def __init__(self, config: str | None) -> None:
        self.client = MeshClient(config=config)
        self.mesh = self.client.mesh
        self.run = ""
        self.rules: tuple[str, ...] = ()
        self.observer = Observer("", lambda: True)
        self.calls = 0
        self._unlisten = self.mesh.listen(self._told)

    def inject(self, scenario: Any, parameters: Any, seed: int | None) -> str:
        """Put the faults of *scenario* in force; the name of the run."""
        self.remove()
        self.run = run_name(scenario.name, seed)
        self.observer = Observer(self.run, lambda: True)
        self.calls = 0
        rules = rules_of(scenario.plan(parameters), self.run, seed=seed)
        for rule in rules:
            self.mesh.faults.add(rule)
        self.rules = tuple(rule.name for rule in rules)
        return self.run

    def remove(self) -> list[str]:
        """Take the faults out; the names of their rules."""
        there = {rule.name for rule in self.mesh.faults.rules}
        removed = [name for name in self.rules if name in there]
        for name in removed:
            self.mesh.faults.remove(name)
        self.rules = ()
        return removed

    def send(
        self, url: str, method: str, *, seconds: float, rate: float, concurrency: int
    ) -> list[Sample]:
        """Call *url* for so many seconds; what became of the calls."""
        clock = self.mesh.clock
        sleep, records, began = sleep_of(clock), _Records(clock), clock()
        with working(
            lambda: self.client.request(method, url),
            records,
            rate=rate,
            concurrency=concurrency,
            clock=clock,
            sleep=sleep,
        ) as check:
            sleep(seconds)
            check()
        # Those that are under way have the time that all had to show what becomes of them.
        found = records.wait(began, began + seconds, seconds)
        self.calls += len(found)
        return found

    def close(self) -> None:
        """Take the faults out, and close the client."""
        self.remove()
        self._unlisten()
        self.client.close()

    def _told(self, event: Any) -> None:
        self.observer(event)


class _Records:
    """Calls of a load, which can be waited for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._samples = Samples()
        self._changed = threading.Condition()

    def began(self) -> Sample:
        return self._samples.begin(self._clock())

    def missed(self, times: Sequence[float]) -> None:
        for at in times:
            self._samples.add(at, self._clock() - at, good=False)

    def ended(
        self, sample: Sample, outcome: Any = None, error: BaseException | None = None
    ) -> None:
        good = error is None and is_good(outcome)
        with self._changed:
            self._samples.end(sample, self._clock(), good=good)
            self._changed.notify_all()

    def wait(self, start: float, end: float, seconds: float) -> list[Sample]:
        """The calls that began from *start* to *end*, after waiting *seconds* for their end."""

        def all_ended() -> bool:
            return all(one.elapsed is not None for one in self._samples.between(start, end))

        with self._changed:
            self._changed.wait_for(all_ended, seconds)
        return self._samples.between(start, end)


_sessions: dict[str | None, Session] = {}
_lock = threading.Lock()


def session_of(config: str | None) -> Session:
    """The session of *config*, which lasts until `close_sessions`."""
    with _lock:
        if config not in _sessions:
            _sessions[config] = Session(config)
        return _sessions[config]


def close_sessions() -> None:
    """End every session."""
    with _lock:
        ended = list(_sessions.values())
        _sessions.clear()
    for session in ended:
        session.close()
