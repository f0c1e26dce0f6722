"""Whole rollouts of a canary, call by call, in time that is only a number."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from functools import cache
from statistics import NormalDist

from meshlib.routing.canary import (
    CanaryOptions,
    CanaryState,
    Report,
    Samples,
    advance,
)

_DRAWN = 10_000


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """
    A service under steady load, and what its canary does worse.

    Durations are lognormal: a median of 80 ms with sigma 0.4 has its p99 at 203 ms. Which
    version a call goes to is drawn, as a split without a key does.
    """

    calls_per_second: int = 50
    failures: float = 0.003
    median: float = 0.08
    sigma: float = 0.4
    extra_failures: float = 0.0
    """What the canary adds to the share of failures."""
    slower: float = 1.0
    """How many times as long the canary takes."""
    storm: tuple[int, int] = (0, 0)
    """From which second to which both versions fail a tenth and take twice as long."""
    options: CanaryOptions = field(default_factory=CanaryOptions)
    longest: int = 3600
    """Seconds after which it is given up."""


@dataclass(frozen=True)
class Rollout:
    """How a simulated rollout ended: after how many seconds and calls of the canary."""

    state: CanaryState
    seconds: int
    canary_calls: int
    reason: str


def simulate(scenario: Scenario, seed: int) -> Rollout:
    """Run a rollout until it ends; the same *seed* gives the same one."""
    rng = random.Random(seed)
    options = scenario.options
    samples = Samples(options.analysis)
    record = advance(None, options, "v2", 0.0, "me")
    assert record is not None
    pending: Report | None = None
    canary_calls = second = 0
    while record.progress.state is CanaryState.PROGRESSING and second < scenario.longest:
        canary_calls += _one_second(scenario, samples, record.share_of("v2"), second, rng)
        second += 1
        block = samples.close(rng)
        if block is not None:
            pending = block if pending is None else pending + block
        changed = advance(record, options, "v2", float(second), "me", pending)
        if changed is not None:
            record, pending = changed, None
    return Rollout(record.progress.state, second, canary_calls, record.progress.reason)


def _one_second(
    scenario: Scenario, samples: Samples, share: float, second: int, rng: random.Random
) -> int:
    stormy = scenario.storm[0] <= second < scenario.storm[1]
    failures = scenario.failures + (0.1 if stormy else 0.0)
    median = scenario.median * (2.0 if stormy else 1.0)
    canary_calls = 0
    draw, duration = rng.random, _durations(scenario.sigma)
    for _ in range(scenario.calls_per_second):
        elapsed = median * duration[int(draw() * _DRAWN)]
        if draw() < share:
            canary_calls += 1
            failed = draw() < failures + scenario.extra_failures
            samples.add(canary=True, failed=failed, elapsed=elapsed * scenario.slower)
        else:
            samples.add(canary=False, failed=draw() < failures, elapsed=elapsed)
    return canary_calls


@cache
def _durations(sigma: float) -> list[float]:
    """Evenly spaced quantiles of a lognormal distribution with the median 1, to draw from."""
    normal = NormalDist(0.0, sigma)
    return [math.exp(normal.inv_cdf((each + 0.5) / _DRAWN)) for each in range(_DRAWN)]


@dataclass(frozen=True)
class Rates:
    """How many of the runs ended how, and the medians of those that were rolled back."""

    runs: int
    promoted: float
    rolled_back: float
    seconds_to_rollback: float
    canary_calls_to_rollback: float

    def __str__(self) -> str:
        return (
            f"{self.runs} runs: {self.promoted:.1%} promoted, {self.rolled_back:.1%} rolled back"
            f" (median {self.seconds_to_rollback:g} s,"
            f" {self.canary_calls_to_rollback:g} calls of the canary)"
        )


def rates(scenario: Scenario, runs: int = 200) -> Rates:
    """Run a scenario with the seeds from 0."""
    ended = [simulate(scenario, seed) for seed in range(runs)]
    back = [run for run in ended if run.state is CanaryState.ROLLED_BACK]
    promoted = sum(run.state is CanaryState.PROMOTED for run in ended)
    return Rates(
        runs,
        promoted / runs,
        len(back) / runs,
        _median([run.seconds for run in back]),
        _median([run.canary_calls for run in back]),
    )


def _median(values: list[int]) -> float:
    return float(sorted(values)[len(values) // 2]) if values else math.nan


SCENARIOS = {
    "no regression": Scenario(),
    "2 % extra errors": Scenario(extra_failures=0.02),
    "30 % slower": Scenario(slower=1.3),
    "as much worse as is allowed": Scenario(extra_failures=0.005, slower=1.1),
    "no regression, a storm over both": Scenario(storm=(70, 100)),
}
"""What the tests hold and a benchmark shows."""
