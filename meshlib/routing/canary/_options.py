"""
What a user may set about a canary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, PlainValidator, model_validator

from ..._exceptions import ConfigurationError
from ..._options import Options, PositiveDuration, Ratio

Share = Annotated[float, Field(gt=0, le=1)]
"""A share of the calls, above 0 and up to 1."""

PROCESS = "process"


def _store(value: Any) -> Any:
    if isinstance(value, str | Mapping) or hasattr(value, "compare_and_set"):
        return value
    raise ValueError(f"write 'process', or a store such as {{file: canary.json}}, not {value!r}")


StoreSettings = Annotated[Any, PlainValidator(_store)]
"""What the configuration makes a store of."""


class AnalysisOptions(Options):
    """
    What a canary must keep to, by itself and beside the stable version.

    Null switches a condition off. The two conditions beside the stable version are
    tests that may be looked at at any moment; the other two judge each check by itself.
    """

    min_samples: Annotated[int, Field(ge=1)] = 100
    """
    Calls of either version that a check needs; with fewer it is inconclusive, and goes on
    collecting. A hundred is the least of which one is the slowest hundredth.
    """
    success_rate: Ratio | None = 0.99
    """The least share of calls that must succeed; Flagger's `request-success-rate`, 99 %."""
    p99: PositiveDuration | None = 0.5
    """Seconds in which 99 of 100 calls must end; Flagger's `request-duration`, 500 ms."""
    max_success_degradation: Annotated[float, Field(ge=0, lt=1)] | None = 0.005
    """
    How much of the stable version's success rate may be lost: half of what *success_rate*
    allows to fail, so that a difference nobody would act upon is not proven by volume alone.
    """
    max_p99_degradation: Annotated[float, Field(ge=0, le=10)] | None = 0.1
    """
    How much slower than the stable version the slowest hundredth may be, relatively. It is
    known to 1 %, the width of a bucket of durations, and rounded up to that.
    """
    alpha: Annotated[float, Field(gt=0, le=0.5)] = 0.02
    """
    How often a canary that is no worse than allowed may be rolled back by the comparison
    with the stable version: of fifty rollouts at most one, over their whole length.
    """


class CanaryOptions(Options):
    """
    How a new version gets its share of the calls: step by step, while its checks pass.

    A rollout without failures takes *interval* for each of its `weights`; one whose checks
    all fail ends after *interval* times *failure_threshold*, and one that is proven to be
    worse than the stable version ends at once.
    """

    destination: str | None = None
    """Which destination of the route's split is the canary, by its name; null: the first."""
    revision: Annotated[str, Field(min_length=1)] | None = None
    """
    What is rolled out. Another text begins another rollout; null: the values of the
    canary's subset, so that a new version does.
    """
    store: StoreSettings = PROCESS
    """
    Where the processes that call the service agree on the share: `{file: PATH}`,
    `{etcd: ADDRESS}` or `{consul: ADDRESS}`. `process`: nowhere, so that each has shares of
    its own, and begins anew when it restarts.
    """

    initial_weight: Share = 0.05
    """The share it begins with; the first that Flagger's tutorials show."""
    step: Annotated[float, Field(ge=0.001, le=1)] = 0.1
    """What each passed check adds; `stepWeight: 10` of Flagger's tutorials."""
    steps: tuple[Share, ...] = ()
    """The shares after the first, in place of *step*: Flagger's `stepWeights`."""
    max_weight: Share = 0.5
    """
    The largest share before promotion, `maxWeight: 50` of Flagger's tutorials: half of the
    calls are left to compare with.
    """
    step_weight_promotion: Share | None = None
    """What each passed check adds while promoting; null, as in Flagger: all that is left."""
    interval: PositiveDuration = 60.0
    """Seconds between two checks; Flagger's default."""
    failure_threshold: Annotated[int, Field(ge=1)] = 5
    """
    Failed checks that roll it back, over the whole rollout as in Flagger, which counts on
    after a passed one. `threshold: 5` of its tutorials; its default is 1.
    """
    inconclusive_limit: Annotated[int, Field(ge=1)] | None = None
    """
    Inconclusive checks in a row that pause it; null waits for as long as it takes. Argo
    Rollouts pauses at the first.
    """
    confirm_promotion: bool = False
    """Whether it pauses at the largest share until it is promoted by hand."""
    analysis: AnalysisOptions = AnalysisOptions()
    lease: PositiveDuration = 15.0
    """
    Seconds for which the process that advances it need not say that it lives; the lease of
    Kubernetes' leader election.
    """
    max_skew: Annotated[float, Field(ge=0, le=3600)] = 5.0
    """
    Seconds by which the wall clocks of processes may differ. A larger difference makes
    another process take over too early or too late, and never makes two of them advance.
    """

    @model_validator(mode="after")
    def _rising(self) -> CanaryOptions:
        if self.steps and "step" in self.model_fields_set:
            raise ValueError("give step or steps; not both")
        if self.initial_weight > self.max_weight:
            raise ConfigurationError("is above max_weight", path="initial_weight")
        last = self.initial_weight
        for number, weight in enumerate(self.steps):
            if weight <= last:
                raise ConfigurationError(
                    f"is not above the share before it, {last:g}", path=f"steps[{number}]"
                )
            if weight > self.max_weight:
                raise ConfigurationError("is above max_weight", path=f"steps[{number}]")
            last = weight
        return self

    @property
    def weights(self) -> tuple[float, ...]:
        """Every share that it has before promotion, from the first to the largest."""
        if self.steps:
            return (self.initial_weight, *self.steps)
        found = [self.initial_weight]
        while found[-1] < self.max_weight:
            # Counted from the first, and rounded: sums of 0.1 are not tenths.
            further = round(self.initial_weight + len(found) * self.step, 9)
            found.append(min(further, self.max_weight))
        return tuple(found)
