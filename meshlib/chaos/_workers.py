"""
Threads that make the calls of a load.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from .._clock import Clock
from ._pace import Pace
from ._samples import Sample
from ._waiting import Sleep

LOOK = 0.05
"""Seconds for which somebody may sleep without looking whether the run is over."""


class Records(Protocol):
    """Who is told of the calls; thread-safe."""

    def began(self) -> Sample:
        """A call begins."""

    def missed(self, times: Sequence[float]) -> None:
        """Calls were due at these times, and nobody was free to make them."""

    def ended(self, sample: Sample, outcome: Any = ..., error: BaseException | None = ...) -> None:
        """It has ended with *outcome*, or with *error*."""


@contextmanager
def working(
    load: Callable[[], Any],
    records: Records,
    *,
    rate: float,
    concurrency: int,
    clock: Clock,
    sleep: Sleep,
) -> Iterator[Callable[[], None]]:
    """
    Call *load* in threads as long as the block runs; calls under way are not waited for.

    Yields a function that raises what no thread survived.
    """
    pace = Pace(rate, clock())
    over = threading.Event()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while not over.is_set():
                due = pace.claim(clock())
                if due > 0.0:
                    sleep(min(due, LOOK))
                else:
                    call(load, records, pace)
        except BaseException as exc:
            errors.append(exc)

    def check() -> None:
        if errors:
            raise errors[0]

    for n in range(concurrency):
        threading.Thread(target=work, name=f"meshlib-chaos-{n}", daemon=True).start()
    try:
        yield check
    finally:
        over.set()


def call(load: Callable[[], Any], records: Records, pace: Pace) -> None:
    """Call *load* once, and tell *records* what became of it, and of those before it."""
    records.missed(pace.missed())
    sample = records.began()
    try:
        outcome = load()
    except Exception as exc:
        records.ended(sample, error=exc)
    else:
        records.ended(sample, outcome)
