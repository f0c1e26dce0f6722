"""What came of the turns: medians of what is compared within a turn, and percentiles."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from _sidecar_clients import DIRECT, ENVOY, INSIDE, Way
from _slices import CONTROL, Samples, percentile, ratio


def figures(found: Mapping[str, Way], samples: Samples) -> dict[str, Any]:
    """Microseconds and shares of each way, as JSON has them."""
    base = _turns(found[DIRECT].latencies)
    result = {}
    for name, way in found.items():
        if name == CONTROL:
            continue
        turns = _turns(way.latencies)
        p50 = [statistics.median(taken) for taken in turns]
        all_of_it = sorted(value for taken in turns for value in taken)
        all_direct = sorted(value for taken in base for value in taken)
        result[name] = {
            "p50": percentile(all_of_it, 50) * 1e6,
            "p99": percentile(all_of_it, 99) * 1e6,
            "added_p50": statistics.median(
                one - statistics.median(direct) for one, direct in zip(p50, base, strict=True)
            )
            * 1e6,
            "added_p99": (percentile(all_of_it, 99) - percentile(all_direct, 99)) * 1e6,
            "client_cpu": statistics.median(way.client[1:]) * 1e6,
            "proxy_cpu": statistics.median(way.proxy[1:]) * 1e6,
            "cpu": statistics.median(samples[name]) * 1e6,
            "of_direct": ratio(samples, name, DIRECT),
            "of_envoy": ratio(samples, name, ENVOY) if ENVOY in samples else None,
        }
    return {
        "turns": len(samples[DIRECT]),
        "control": ratio(samples, CONTROL, INSIDE),
        "ways": result,
    }


def _turns(slices: list[list[float]]) -> list[list[float]]:
    """The latencies of each turn, which runs a slice twice; the first slice warms up."""
    rest = slices[1:]
    return [[*rest[i], *rest[i + 1]] for i in range(0, len(rest) - 1, 2)]


def rows_of(run: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each way, for people."""
    return [(name, *_cells(it, name)) for name, it in run["ways"].items()]


def _cells(it: Mapping[str, Any], name: str) -> Iterable[str]:
    is_base = name == DIRECT
    yield f"{it['p50']:,.0f}"
    yield "" if is_base else f"{it['added_p50']:+,.0f}"
    yield f"{it['p99']:,.0f}"
    yield "" if is_base else f"{it['added_p99']:+,.0f}"
    yield f"{it['client_cpu']:,.0f}"
    yield f"{it['proxy_cpu']:,.0f}" if it["proxy_cpu"] else ""
    yield f"{it['of_direct']:.3f}"
    yield f"{it['of_envoy']:.3f}" if it["of_envoy"] is not None else ""
