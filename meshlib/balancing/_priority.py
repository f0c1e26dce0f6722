"""
How traffic is divided between priority levels, and when a level panics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PriorityLoads:
    """
    The division of traffic, one entry for each level, the preferred level first.

    `load` and `degraded` are whole percentages that together make 100: the share that goes
    to the healthy and to the degraded endpoints of a level. A level in `panic` uses all its
    endpoints, healthy or not.
    """

    load: tuple[int, ...]
    degraded: tuple[int, ...]
    panic: tuple[bool, ...]


def priority_loads(
    levels: Sequence[Sequence[int]], *, overprovisioning: int = 140, panic_threshold: int = 50
) -> PriorityLoads:
    """
    Divide the traffic between *levels*, exactly as Envoy does.

    A level is `(endpoints, healthy, degraded, excluded)`; the last two may be left out.
    Excluded endpoints count in none of the ratios. *overprovisioning*, percent: how much of
    a level may be unhealthy before the next one gets traffic. *panic_threshold*, percent of
    a level's endpoints: with fewer fit ones the level panics, unless all levels together
    can still take the whole traffic; 0 never panics.

    With no fit endpoint at all and without panic, the first level gets everything, and has
    nobody to take it.
    """
    full = [(*level, 0, 0)[:4] for level in levels]
    healthy = [_capacity(fit, total, out, overprovisioning) for total, fit, _, out in full]
    degraded = [_capacity(fit, total, out, overprovisioning) for total, _, fit, out in full]
    available = min(100, sum(healthy) + sum(degraded))
    if not available and not panic_threshold:
        return _everything_first(len(full), panic=False)
    panic = [available < 100 and _panics(level, panic_threshold) for level in full]
    if all(panic):
        return _by_size([level[0] for level in full])
    load, left = _divide(healthy, 100, available)
    degraded_load, left = _divide(degraded, left, available)
    # Only rounding is left over.
    if any(healthy):
        load[_first(healthy)] += left
    else:
        degraded_load[_first(degraded)] += left
    return PriorityLoads(tuple(load), tuple(degraded_load), tuple(panic))


def choose_level(loads: PriorityLoads, draw: int) -> tuple[int, bool]:
    """
    Choose the level for *draw*, any integer from 0; the second item is whether its degraded ones.

    `draw mod 100` falls into one of the shares, those of healthy endpoints first.
    """
    wanted = draw % 100 + 1
    reached = 0
    for is_degraded, shares in ((False, loads.load), (True, loads.degraded)):
        for level, share in enumerate(shares):
            reached += share
            if wanted <= reached:
                return level, is_degraded
    raise ValueError(f"the shares make {reached}, not 100")


def _capacity(fit: int, total: int, excluded: int, overprovisioning: int) -> int:
    counted = total - excluded
    return min(100, overprovisioning * fit // counted) if counted > 0 else 0


def _panics(level: tuple[int, ...], threshold: int) -> bool:
    total, healthy, degraded, excluded = level
    counted = total - excluded
    fit = 100.0 * (healthy + degraded) / counted if counted > 0 else 0.0
    return fit < threshold


def _divide(capacities: Sequence[int], left: int, available: int) -> tuple[list[int], int]:
    shares = []
    for capacity in capacities:
        share = min(left, capacity * 100 // available)
        shares.append(share)
        left -= share
    return shares, left


def _first(numbers: Sequence[int]) -> int:
    return next(index for index, number in enumerate(numbers) if number)


def _by_size(sizes: Sequence[int]) -> PriorityLoads:
    """All levels panic: by the number of their endpoints, whatever their health."""
    total = sum(sizes)
    if not total:
        return _everything_first(len(sizes), panic=True)
    shares = [100 * size // total for size in sizes]
    shares[_first(sizes)] += 100 - sum(shares)
    return PriorityLoads(tuple(shares), (0,) * len(sizes), (True,) * len(sizes))


def _everything_first(count: int, *, panic: bool) -> PriorityLoads:
    nothing = (0,) * count
    return PriorityLoads((100, *nothing[1:])[:count], nothing, (panic,) * count)
