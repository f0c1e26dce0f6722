"""How long a user may hold something back."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from .._exceptions import ConfigurationError
from .._options import Duration, Options, PositiveDuration
from ._share_options import Percentage, renamed

_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")
_KINDS = ("fixed", "uniform", "normal", "lognormal", "empirical", "quantiles", "relative")


def rank(name: str) -> float:
    """0.99 for `p99`; ValueError for what is no quantile."""
    found = _QUANTILE.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is no quantile; write p50, p99 or p99.9")
    return float(found[1]) / 100.0


class NormalDelay(Options):
    """Seconds drawn from a normal distribution; what falls below 0 is 0."""

    mean: Duration
    stddev: PositiveDuration


class LognormalDelay(Options):
    """Seconds drawn from a lognormal distribution with this *median* and *sigma*."""

    median: PositiveDuration
    sigma: Annotated[float, Field(gt=0, le=5)] = 0.6


class RelativeDelay(Options):
    """
    A part of the time that the caller itself allows; above 1 it is always too late.

    A number alone is the *factor*. What has no limit is not delayed.
    """

    factor: Annotated[float, Field(gt=0, le=100)]
    of: Literal["timeout", "left"] = "timeout"
    """
    `timeout`: the whole time of the attempt, or of the call in phase `call`; `left`: what
    of it, and of the caller's deadline, is left.
    """

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return {"factor": value} if number else value


class DelayFault(Options):
    """
    Hold an attempt back for a while: exactly one of the kinds.

    Istio's `fixedDelay` and Envoy's `fixed_delay` are *fixed*.
    """

    percentage: Percentage = 100.0
    fixed: Duration | None = None
    uniform: tuple[Duration, Duration] | None = None
    """From the lowest to the highest."""
    normal: NormalDelay | None = None
    lognormal: LognormalDelay | None = None
    empirical: tuple[Duration, ...] = ()
    """Delays that were measured; each is as likely as the others."""
    quantiles: dict[str, Duration] = {}
    """
    As `{p50: 20ms, p99: 1s}`: linear between them, and beyond them as the nearest.
    """
    relative: RelativeDelay | None = None
    header: bool = False
    """
    As the request asks: `x-envoy-fault-delay-request` in milliseconds, and its
    `-percentage` where that is lower.
    """

    @model_validator(mode="before")
    @classmethod
    def _other_names(cls, value: Any) -> Any:
        return renamed(value, {"fixedDelay": "fixed", "fixed_delay": "fixed"})

    @field_validator("quantiles")
    @classmethod
    def _rising(cls, value: dict[str, float]) -> dict[str, float]:
        ranked = sorted((rank(name), name) for name in value)
        for (low, below), (high, above) in pairwise(ranked):
            if low == high or value[below] > value[above]:
                raise ConfigurationError(f"it is not above that of {below}", path=above)
        return value

    @model_validator(mode="after")
    def _one(self) -> DelayFault:
        given = [getattr(self, kind) not in (None, (), {}) for kind in _KINDS]
        if sum(given) + self.header != 1:
            raise ValueError(f"give one of {', '.join(_KINDS)} and header")
        if self.uniform is not None and self.uniform[0] > self.uniform[1]:
            raise ValueError("uniform is [lowest, highest]")
        return self
