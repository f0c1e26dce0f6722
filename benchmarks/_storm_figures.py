"""
From what was counted in a storm to its figures: recovery, amplification, goodput.
"""

from __future__ import annotations

from typing import Any

from _storm_model import Blip, Series

WELL = 0.95
"""A service has recovered when this share of what is offered is answered well."""
BADLY = 0.5
"""It has not when less than this share is in any later second."""
_HELD = 1.0
"""Seconds for which it must be, so that one good slice is no recovery."""
_PEAK = 1.0
"""Seconds of a window of the peak of attempts per call."""


def figures(blip: Blip, series: Series) -> dict[str, Any]:
    """The figures of one run."""
    return {
        "recovery": recovery(blip, series),
        "amplification": amplification(blip, series),
        "before": share(series, 1.0, blip.calm),
        "blip": share(series, blip.calm, blip.ends),
        "after": share(series, blip.ends, blip.length - blip.patience),
        "ended": dict(series.ended),
        "goodput": goodput(blip, series),
    }


def share(series: Series, begin: float, end: float) -> float:
    """What was answered well of what was offered between two instants."""
    slices = range(series.slice(begin), series.slice(end))
    offered = sum(series.offered[n] for n in slices)
    return sum(series.good[n] for n in slices) / offered if offered else 1.0


def recovery(blip: Blip, series: Series) -> float | None:
    """Seconds from the end of the blip to a good second without a relapse after it, or None."""
    begin, found = blip.ends, None
    while begin + _HELD <= blip.length - blip.patience:
        now = share(series, begin, begin + _HELD)
        if now < BADLY:
            found = None
        elif now >= WELL and found is None:
            found = begin - blip.ends
        begin += series.step
    return found


def amplification(blip: Blip, series: Series) -> float:
    """
    The most attempts per call in a second: of a call that began, or came, in that second.

    Where hardly any begins because a limit holds them back, those that came count.
    """
    width, last = round(_PEAK / series.step), series.slice(blip.length - blip.patience)
    peak = 1.0
    for first in range(series.slice(blip.calm), last - width):
        slices = range(first, first + width)
        calls = max(sum(one[n] for n in slices) for one in (series.begun, series.offered))
        again = sum(series.again[n] for n in slices)
        peak = max(peak, 1 + again / max(calls, 1))
    return peak


def goodput(blip: Blip, series: Series) -> list[tuple[float, float]]:
    """Well answered calls a second over the seconds since the blip began."""
    last = series.slice(blip.length - blip.patience)
    return [
        (round(n * series.step - blip.calm, 3), series.good[n] / series.step) for n in range(last)
    ]
