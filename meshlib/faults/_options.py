"""What a user may break on purpose, where, and how often."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from .._options import Duration, Options, PositiveDuration

Percentage = Annotated[float, Field(ge=0, le=100)]

ErrorName = Literal["refused", "reset", "connect_timeout", "read_timeout"]


class TextMatch(Options):
    """A text is equal to *exact*, begins with *prefix*, or matches *regex* as a whole."""

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"exact": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> TextMatch:
        if sum(part is not None for part in (self.exact, self.prefix, self.regex)) != 1:
            raise ValueError("give one of exact, prefix and regex")
        return self

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as exc:
                raise ValueError(f"{value!r} is no regular expression: {exc}") from None
        return value


class FaultMatch(Options):
    """
    Which attempts a rule applies to; what is not named matches everything.

    *endpoint* is a URL, or `host:port` for any scheme. Names of *headers* ignore case.
    """

    service: str | None = None
    source: str | None = None
    endpoint: str | None = None
    method: frozenset[str] = frozenset()
    path: TextMatch | None = None
    headers: dict[str, TextMatch] = {}
    route: str | None = None
    """The name of a route, alone or as `service/route`."""

    @field_validator("method", mode="before")
    @classmethod
    def _methods(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [value.upper()]
        if not isinstance(value, Collection):
            return value
        return [name.upper() if isinstance(name, str) else name for name in value]

    @field_validator("endpoint")
    @classmethod
    def _endpoint(cls, value: str | None) -> str | None:
        if value is not None:
            # Reading the port raises ValueError where it is none.
            _ = urlsplit(value if "://" in value else f"//{value}").port
        return value


class LognormalDelay(Options):
    """Seconds drawn from a lognormal distribution with this *median* and *sigma*."""

    median: PositiveDuration
    sigma: Annotated[float, Field(gt=0, le=5)] = 0.6


class DelayFault(Options):
    """Hold an attempt back for a while before it is sent: exactly one of the three kinds."""

    percentage: Percentage = 100.0
    fixed: Duration | None = None
    uniform: tuple[Duration, Duration] | None = None
    lognormal: LognormalDelay | None = None

    @model_validator(mode="after")
    def _one(self) -> DelayFault:
        if sum(kind is not None for kind in (self.fixed, self.uniform, self.lognormal)) != 1:
            raise ValueError("give one of fixed, uniform and lognormal")
        if self.uniform is not None and self.uniform[0] > self.uniform[1]:
            raise ValueError("uniform is [lowest, highest]")
        return self


class AbortFault(Options):
    """Answer instead of the endpoint: with a *status*, or as the *error* that a wire raises."""

    percentage: Percentage = 100.0
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    error: ErrorName | None = None
    retry_after: Duration | None = None
    body: str = ""

    @model_validator(mode="after")
    def _one(self) -> AbortFault:
        if (self.status is None) == (self.error is None):
            raise ValueError("give one of status and error")
        if self.retry_after is not None and self.status is None:
            raise ValueError("retry_after goes with status")
        return self


class FaultRule(Options):
    """
    One fault: what it matches, and what it does to it.

    Delay and abort are drawn independently, each with its own percentage, as in Envoy:
    20 % delayed and 5 % aborted touch 24 % of the attempts.
    """

    name: str
    match: FaultMatch = FaultMatch()
    delay: DelayFault | None = None
    abort: AbortFault | None = None
    phase: Literal["attempt", "call"] = "attempt"
    """`attempt` acts inside retries, so that they see it; `call` outside them."""
    max_active: Annotated[int, Field(ge=1)] | None = None
    """Faults of this rule in force at once; more attempts pass untouched."""
    seed: int | None = None
    """Makes the draws of this rule repeatable."""
    enabled: bool = True

    @model_validator(mode="after")
    def _does_something(self) -> FaultRule:
        if self.delay is None and self.abort is None:
            raise ValueError("give delay, abort or both")
        if self.phase == "call" and self.match.endpoint is not None:
            raise ValueError("a call has no endpoint yet; match.endpoint goes with phase attempt")
        return self
