"""What a user may set about breakers and outlier ejection."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from .._options import Options, PositiveDuration, Ratio


class BreakerOptions(Options):
    """When the breaker of one endpoint opens, for how long, and how it closes again."""

    enabled: bool = True
    consecutive_failures: Annotated[int, Field(ge=1)] | None = 5
    """Opens after so many failures in a row; Finagle's and Envoy's default. Null: never."""
    failure_ratio: Annotated[float, Field(gt=0, le=1)] | None = 0.5
    """Opens when so much of the window failed; Resilience4j's default. Null: never."""
    minimum_throughput: Annotated[int, Field(ge=1)] = 20
    """Outcomes in the window before a ratio counts; Hystrix's default."""
    sampling_duration: PositiveDuration = 10.0
    """Length of the time window."""
    sampling_count: Annotated[int, Field(ge=1)] | None = None
    """Judge the last so many outcomes instead of a time window."""
    slow_call_duration: PositiveDuration | None = None
    """An attempt that takes longer is slow; null does not look at time."""
    slow_call_ratio: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Opens when so much of the window was slow; Resilience4j's default."""
    break_duration: PositiveDuration = 5.0
    """Seconds the first break lasts; Polly's default."""
    max_break_duration: PositiveDuration = 300.0
    """Breaks double while probes fail, up to this; Finagle's cap."""
    probes: Annotated[int, Field(ge=1)] = 1
    """Calls let through at once while half-open."""
    probe_successes: Annotated[int, Field(ge=1)] = 1
    """Successful probes that close the circuit."""
    probe_lease: PositiveDuration = 30.0
    """A probe that has not ended after this no longer holds its place."""
    shadow: bool = False
    """Tell what would have happened, and refuse nothing."""

    @model_validator(mode="after")
    def _durations(self) -> BreakerOptions:
        if self.max_break_duration < self.break_duration:
            raise ValueError("max_break_duration is below break_duration")
        return self


class OutlierOptions(Options):
    """When an endpoint that does worse than its peers is left out for a while (Envoy, gRPC A50)."""

    enabled: bool = True
    interval: PositiveDuration = 10.0
    """Seconds between sweeps; Envoy's default."""
    base_ejection_time: PositiveDuration = 30.0
    """Seconds the first ejection lasts, and each further one is longer; Envoy's default."""
    max_ejection_time: PositiveDuration = 300.0
    """Seconds an ejection lasts at most, unless the base is longer; Envoy's default."""
    max_ejection_ratio: Ratio = 0.5
    """Share of the endpoints that may be out at once; one always may (gRPC A50), but at 0."""
    min_healthy: Annotated[int, Field(ge=0)] = 1
    """Endpoints that stay in whatever the share says, so small services keep one."""
    success_rate_factor: Annotated[float, Field(gt=0)] = 1.9
    """Ejects below mean - factor x standard deviation; Envoy's default."""
    minimum_hosts: Annotated[int, Field(ge=1)] = 5
    """Endpoints with enough requests that the comparison needs; Envoy's default."""
    request_volume: Annotated[int, Field(ge=1)] = 100
    """Requests in an interval that make an endpoint count; Envoy's default."""
    failure_ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    """Ejects at this share of failures regardless of peers; null is off, as in Envoy."""
    failure_request_volume: Annotated[int, Field(ge=1)] = 50
    """Requests in an interval before `failure_ratio` is looked at; Envoy's default."""
    failure_minimum_hosts: Annotated[int, Field(ge=1)] = 1
    """Endpoints with that many; Envoy's default is 5, though nobody is compared here."""
    shadow: bool = False
    """Tell what would have been ejected, and eject nothing."""
