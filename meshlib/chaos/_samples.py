"""
Calls that were made during a run, and what they say of a stretch of time.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ._options import StateOptions


@dataclass(slots=True)
class Sample:
    """A call that began at *began*; *elapsed* is None until it has ended, in seconds."""

    began: float
    elapsed: float | None = None
    good: bool = False


class Samples:
    """
    The calls of a run.

    Thread-safe: each call is begun and ended by whoever makes it.
    """

    __slots__ = ("_all", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Sample] = []

    def begin(self, now: float) -> Sample:
        """A call begins; give what is returned to `end`."""
        sample = Sample(now)
        with self._lock:
            self._all.append(sample)
        return sample

    def end(self, sample: Sample, now: float, *, good: bool) -> None:
        """It has ended, well or not."""
        with self._lock:
            sample.good = good
            sample.elapsed = max(now - sample.began, 0.0)

    def add(self, began: float, elapsed: float, *, good: bool) -> None:
        """A call was made and has ended."""
        with self._lock:
            self._all.append(Sample(began, elapsed, good))

    def drop_open(self, since: float) -> None:
        """Forget those that began *since* then and have not ended: the run ended before them."""
        with self._lock:
            self._all = [x for x in self._all if x.began < since or x.elapsed is not None]

    def between(self, start: float, end: float, *, ended: bool = False) -> list[Sample]:
        """
        Those that began from *start* until *end*, in that order.

        With *ended* only those that have ended.
        """
        with self._lock:
            found = [one for one in self._all if start <= one.began < end]
        found.sort(key=lambda one: one.began)
        return [one for one in found if not ended or one.elapsed is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """
    What the calls that began within *seconds* were like.

    *good* of *calls* did what they should. Quantiles are seconds, over the good calls, and
    None without any. A call that has not ended is one that was not good.
    """

    seconds: float
    calls: int
    good: int
    p50: float | None
    p95: float | None
    p99: float | None

    @property
    def success_rate(self) -> float:
        """The share of good calls, from 0 to 1; 0 without any call."""
        return self.good / self.calls if self.calls else 0.0

    @property
    def goodput(self) -> float:
        """Good calls a second."""
        return self.good / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """All of it by name."""
        return {
            "seconds": self.seconds,
            "calls": self.calls,
            "good": self.good,
            "success_rate": self.success_rate,
            "goodput": self.goodput,
            "p50": self.p50,
            "p95": self.p95,
            "p99": self.p99,
        }


def window(samples: Sequence[Sample], seconds: float) -> Window:
    """Sum *samples* up, which began within *seconds*."""
    return Window(
        seconds=seconds,
        calls=len(samples),
        good=sum(one.good for one in samples),
        p50=quantile(samples, 0.5),
        p95=quantile(samples, 0.95),
        p99=quantile(samples, 0.99),
    )


def quantile(samples: Sequence[Sample], share: float) -> float | None:
    """The seconds within which this *share* of the good calls ended; None without any."""
    ordered = sorted(one.elapsed for one in samples if one.good and one.elapsed is not None)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else None


def failings(state: StateOptions, samples: Sequence[Sample]) -> list[str]:
    """Why *samples* are not as *state* wants them, whether or not they are enough."""
    found: list[str] = []
    rate = sum(one.good for one in samples) / len(samples) if samples else 0.0
    if rate < state.success_rate:
        found.append(f"{rate:.1%} of the calls were good, not {state.success_rate:.1%}")
    if state.latency is not None:
        took = quantile(samples, state.latency.quantile)
        if took is not None and took > state.latency.max:
            found.append(
                f"the p{state.latency.quantile * 100:g} of the good calls was "
                f"{took * 1e3:.0f} ms, not {state.latency.max * 1e3:.0f} ms"
            )
    return found


def steady_since(state: StateOptions, samples: Sequence[Sample]) -> Sample | None:
    """The first of the earliest `min_samples` calls in a row that are as *state* wants them."""
    size = state.min_samples
    good = sum(one.good for one in samples[:size])
    for start in range(len(samples) - size + 1):
        # Most rows fail by their share of good calls, which costs one addition each.
        if good >= state.success_rate * size and not failings(state, samples[start : start + size]):
            return samples[start]
        if start + size < len(samples):
            good += samples[start + size].good - samples[start].good
    return None
