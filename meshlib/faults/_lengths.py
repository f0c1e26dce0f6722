"""How long a delay is, by one draw."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from statistics import NormalDist

from ._delay_options import DelayFault, RelativeDelay, rank
from ._facts import Facts

Length = Callable[[float, Facts], "float | None"]
"""Seconds for a draw between 0 and 1, and the call; None when it is not delayed."""


def length_of(options: DelayFault) -> Length:
    """
    The lengths that *options* describe; a higher draw is never a shorter delay.

    Of a delay that a header asks for there is none.
    """
    if options.uniform is not None:
        low, high = options.uniform
        return lambda draw, _: low + (high - low) * draw
    if options.normal is not None:
        normal = NormalDist(options.normal.mean, options.normal.stddev)
        return lambda draw, _: max(0.0, normal.inv_cdf(draw))
    if options.lognormal is not None:
        exponent = NormalDist(math.log(options.lognormal.median), options.lognormal.sigma)
        return lambda draw, _: math.exp(exponent.inv_cdf(draw))
    if options.empirical:
        values = sorted(options.empirical)
        return lambda draw, _: values[int(draw * len(values))]
    if options.quantiles:
        return _between(options.quantiles)
    if options.relative is not None:
        return _relative(options.relative)
    fixed = options.fixed
    return lambda *_: fixed


def _between(quantiles: dict[str, float]) -> Length:
    points = sorted((rank(name), seconds) for name, seconds in quantiles.items())
    ranks = [each for each, _ in points]

    def length(draw: float, _: Facts) -> float:
        above = bisect_left(ranks, draw)
        if above in (0, len(points)):
            return points[max(0, above - 1)][1]
        (low, shorter), (high, longer) = points[above - 1], points[above]
        return shorter + (longer - shorter) * (draw - low) / (high - low)

    return length


def _relative(options: RelativeDelay) -> Length:
    factor, of_all = options.factor, options.of == "timeout"

    def length(_: float, facts: Facts) -> float | None:
        limit = facts.timeout if of_all else facts.left
        return None if limit is None or math.isinf(limit) else max(0.0, limit * factor)

    return length
