"""Whole traffic on a clock of its own: herding, fast failures, and healing."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Any

import pytest

from meshlib.balancing import BalancerOptions, make_balancer

Serve = Callable[[int, float], tuple[float, bool]]
"""`(endpoint, now)` to `(seconds, whether it failed)`."""


def _run(
    name: str, targets: Any, make_info: Any, serve: Serve, *, rate: float, until: float
) -> list[tuple[float, int, bool]]:
    """Send calls at *rate* and return `(when, endpoint, failed)` for each."""
    rng = random.Random(5)
    picker = make_balancer(BalancerOptions.model_validate(name), rng).prepare(targets)
    number_of = {id(target): number for number, target in enumerate(targets)}
    running: list[tuple[float, int, float, Any, bool]] = []
    log: list[tuple[float, int, bool]] = []
    now = 0.0
    while now < until:
        now += rng.expovariate(rate)
        while running and running[0][0] <= now:
            end, _, began, target, failed = heapq.heappop(running)
            target.load.in_flight -= 1
            if failed:
                target.load.penalise(end)
            else:
                target.load.observe(end - began, end)
        target = picker(make_info(now))
        number = number_of[id(target)]
        seconds, failed = serve(number, now)
        target.load.in_flight += 1
        heapq.heappush(running, (now + seconds, len(log), now, target, failed))
        log.append((now, number, failed))
    return log


def _share(log: list[tuple[float, int, bool]], number: int, since: float, until: float) -> float:
    window = [endpoint for when, endpoint, _ in log if since <= when < until]
    return window.count(number) / len(window)


@pytest.mark.parametrize("name", ["least_response_time", "least_connections"])
@pytest.mark.parametrize("count", [5, 25])
def test_fastest_endpoint_is_not_herded_to(
    make_targets: Any, make_info: Any, name: str, count: int
) -> None:
    """An endpoint that is a little faster gets a little more, not everything."""
    targets = make_targets(count)

    def serve(number: int, _: float) -> tuple[float, bool]:
        return (0.018 if number == 0 else 0.020), False

    log = _run(name, targets, make_info, serve, rate=150.0 * count, until=4.0)
    for number in range(1, count):
        assert _share(log, number, 1.0, 4.0) > 0.5 / count
    assert _share(log, 0, 1.0, 4.0) < 2.5 / count


@pytest.mark.parametrize("name", ["least_response_time", "least_connections"])
@pytest.mark.parametrize("count", [5, 25])
def test_fast_failures_attract_nothing_and_healing_is_noticed(
    make_targets: Any, make_info: Any, name: str, count: int
) -> None:
    """An endpoint that fails in 1 ms gets little while it does, and its share back after."""
    targets = make_targets(count)
    healed_at = 20.0
    rng = random.Random(11)

    def serve(number: int, now: float) -> tuple[float, bool]:
        if number == 0 and now < healed_at:
            return 0.001, True
        return rng.uniform(0.015, 0.025), False

    # Fewest in flight comes first for least_connections: peers must not all be busy.
    rate = (30.0 if name == "least_response_time" else 10.0) * count
    log = _run(name, targets, make_info, serve, rate=rate, until=80.0)
    assert _share(log, 0, 1.0, healed_at) < 0.3 / count
    assert _share(log, 0, 60.0, 80.0) > 0.5 / count


@pytest.mark.parametrize("name", ["least_response_time", "least_connections"])
def test_idle_endpoint_does_not_look_the_fastest(
    make_targets: Any, make_info: Any, name: str
) -> None:
    """A slow endpoint that was left alone is tried again now and then, not preferred."""
    targets = make_targets(4)

    def serve(number: int, _: float) -> tuple[float, bool]:
        return (0.200 if number == 0 else 0.010), False

    log = _run(name, targets, make_info, serve, rate=20.0, until=120.0)
    share = _share(log, 0, 5.0, 120.0)
    assert 0.0 < share < 0.1
