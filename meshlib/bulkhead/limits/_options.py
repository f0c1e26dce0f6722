"""What a user may set about limits that follow what is measured, and about shedding."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ..._options import Duration, Options, PositiveDuration, Ratio

Permits = Annotated[int, Field(ge=1, le=1_000_000)]
"""A number of calls in flight."""

LARGEST = 1_000_000
"""A number of calls that is no limit."""

KINDS = ("fixed", "drops", "aimd", "gradient2", "envoy_gradient")
"""The fields that name a limit; exactly one is set."""


class BoundedOptions(Options):
    """Bounds of a limit, and the window over which it samples (Netflix concurrency-limits)."""

    initial: Permits = 20
    """The limit before anything is measured; moved into the bounds if it is outside."""
    min: Permits = 20
    """The limit never falls below it."""
    max: Permits = 200
    """The limit never rises above it."""
    window: PositiveDuration = 1.0
    """Seconds of answers that make one sample; Netflix's default."""
    window_size: Annotated[int, Field(ge=1)] = 10
    """Answers that a window needs to count; Netflix's default."""
    drop_tolerance: Ratio = 0.01
    """
    Share of a window that may be dropped without lowering the limit. Netflix's is 0: one
    drop lowers it, so a few failures that have nothing to do with load hold it at `min`.
    """

    @model_validator(mode="after")
    def _bounds(self) -> BoundedOptions:
        if self.min > self.max:
            raise ValueError(f"min is {self.min}, above max, which is {self.max}")
        return self


class AIMDOptions(BoundedOptions):
    """Additive increase while all goes well, multiplicative decrease on drops (Netflix)."""

    backoff_ratio: Annotated[float, Field(ge=0.5, lt=1)] = 0.9
    """What a drop leaves of the limit; Netflix's default and range."""
    timeout: PositiveDuration = 5.0
    """Seconds; an answer that takes longer is a drop. Netflix's default."""


class Gradient2Options(BoundedOptions):
    """Compares short with long latency, and lowers the limit when they part (Netflix)."""

    smoothing: Annotated[float, Field(gt=0, le=1)] = 0.2
    """How much of a new estimate is taken over at once; Netflix's default."""
    queue_size: Annotated[int, Field(ge=0)] = 4
    """By how much the estimate may grow while latencies are low; Netflix's default."""
    long_window: Annotated[int, Field(ge=1)] = 600
    """Samples of the long average; Netflix's default: ten minutes of windows of a second."""
    tolerance: Annotated[float, Field(ge=1)] = 1.5
    """How much longer than the long average is not overload yet; Netflix's default."""


class EnvoyGradientOptions(Options):
    """
    Compares latency with the least one, measured anew now and then (Envoy).

    While it is measured the limit is `min`: expect some calls to be rejected.
    """

    min: Permits = 3
    """The limit never falls below it, and is it while the least latency is measured; Envoy."""
    max: Permits = 1000
    """The limit never rises above it; Envoy's default."""
    update_interval: PositiveDuration = 0.1
    """Seconds between two changes of the limit; as in the examples of Envoy."""
    min_rtt_interval: PositiveDuration = 60.0
    """Seconds between two measurements of the least latency; as in the examples of Envoy."""
    jitter: Ratio = 0.15
    """Share of the interval drawn and added, so that replicas do not measure together; Envoy."""
    request_count: Annotated[int, Field(ge=1)] = 50
    """Answers that make a measurement; Envoy's default."""
    percentile: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The quantile of the answers that is their latency; Envoy's default."""
    buffer: Annotated[float, Field(ge=0)] = 0.25
    """How much above the least latency is normal; Envoy's default."""

    @model_validator(mode="after")
    def _bounds(self) -> EnvoyGradientOptions:
        if self.min > self.max:
            raise ValueError(f"min is {self.min}, above max, which is {self.max}")
        return self


class DropsOptions(Options):
    """No limit, but while most of what is sent is dropped: late, or turned away as too much."""

    min: Permits = 20
    """The limit never falls below it; Netflix's for its limits."""
    window: PositiveDuration = 0.1
    """
    Seconds of answers that are judged together: retries of a second must not be out before
    the first judgement.
    """
    window_size: Annotated[int, Field(ge=1)] = 10
    """Answers that a window needs to count; Netflix's default."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """
    Share of a window that must be dropped. Where requests wait in line, nearly all are late
    once some are; a lower share would punish the service for one endpoint of three.
    """


class AdaptiveOptions(Options):
    """
    How a limit follows what is measured: exactly one algorithm, named by its field.

    In a document also the bare name (`adaptive: gradient2`).
    """

    drops: DropsOptions | None = None
    """None, but while most of what is sent is dropped."""
    aimd: AIMDOptions | None = None
    """One more while all goes well, a tenth less on drops."""
    gradient2: Gradient2Options | None = None
    """By latency against its own long average, and by drops."""
    envoy_gradient: EnvoyGradientOptions | None = None
    """By latency against the least, which is measured anew now and then."""

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return {"fixed": value}
        if isinstance(value, str):
            return {"fixed": value} if value.isdecimal() else {value: {}}
        if isinstance(value, dict):
            named = [kind for kind in KINDS if kind in value]
            if len(named) == 1 and value[named[0]] is None:
                return {**value, named[0]: {}}
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> AdaptiveOptions:
        chosen = [kind for kind in KINDS if getattr(self, kind, None) is not None]
        if len(chosen) != 1:
            kinds = [kind for kind in KINDS if kind in type(self).model_fields]
            raise ValueError(f"name one of {', '.join(kinds)}, not {' and '.join(chosen) or None}")
        return self

    @property
    def kind(self) -> Literal["fixed", "drops", "aimd", "gradient2", "envoy_gradient"]:
        """The algorithm that is named."""
        for kind in ("drops", "aimd", "gradient2", "envoy_gradient"):
            if getattr(self, kind) is not None:
                return kind
        return "fixed"


class SharesOptions(Options):
    """
    Shares of the limit by priority: a request enters while fewer are in flight than its share.

    So the sheddable are rejected first, and the last tenth is kept for what matters most.
    """

    sheddable: Ratio = 0.6
    sheddable_plus: Ratio = 0.75
    critical: Ratio = 0.9
    """The priority of a request that says nothing."""
    critical_plus: Ratio = 1.0

    @model_validator(mode="after")
    def _ascending(self) -> SharesOptions:
        shares = self.by_priority
        if list(shares) != sorted(shares):
            raise ValueError("a higher priority has a smaller share than a lower one")
        return self

    @property
    def by_priority(self) -> tuple[float, float, float, float]:
        """The shares, the lowest priority first."""
        return self.sheddable, self.sheddable_plus, self.critical, self.critical_plus


class ConcurrencyOptions(AdaptiveOptions):
    """
    How many requests may be served at once, and who goes first when they are more.

    Exactly one limit, named by its field: a number that is known, or an algorithm that
    finds it. In a document also the number or the name alone (`concurrency: 100`,
    `concurrency: gradient2`).
    """

    fixed: Permits | None = None
    """The limit itself."""
    shares: SharesOptions = SharesOptions()
    """How much of the limit each priority may take up."""
    min_retry_after: Duration = 1.0
    """Seconds that a rejected caller is asked to wait at least."""
    max_retry_after: Duration = 30.0
    """Seconds that a rejected caller is asked to wait at most, but for the jitter."""

    @model_validator(mode="after")
    def _waits(self) -> ConcurrencyOptions:
        if self.max_retry_after < self.min_retry_after:
            raise ValueError("max_retry_after is below min_retry_after")
        return self
