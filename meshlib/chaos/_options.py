"""
What a scenario says: its parameters, its steady state, its method.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from .._exceptions import ConfigurationError
from .._options import Duration, Options, PositiveDuration, Ratio
from ..faults import FaultRule

ParameterType = Literal[
    "duration", "flag", "integer", "number", "percentage", "ratio", "status", "text"
]

_TYPES: dict[str, TypeAdapter[Any]] = {
    "duration": TypeAdapter(Duration),
    "flag": TypeAdapter(bool),
    "integer": TypeAdapter(int),
    "number": TypeAdapter(float),
    "percentage": TypeAdapter(Annotated[float, Field(ge=0, le=100)]),
    "ratio": TypeAdapter(Ratio),
    "status": TypeAdapter(Annotated[int, Field(ge=200, le=599)]),
    "text": TypeAdapter(str),
}


class ParameterOptions(Options):
    """One thing that a run may choose; *default* null leaves out what it would say."""

    type: ParameterType
    default: Any = None
    description: str = ""

    @model_validator(mode="after")
    def _fits(self) -> ParameterOptions:
        try:
            self.parse(self.default)
        except ConfigurationError as exc:
            raise ConfigurationError(str(exc), path="default") from None
        return self

    def parse(self, value: Any) -> Any:
        """*value*, also a text from a command line, as this type has it; ConfigurationError."""
        if value is None:
            return None
        try:
            return _TYPES[self.type].validate_python(value)
        except ValidationError as exc:
            detail = exc.errors(include_url=False)[0]
            cause = detail.get("ctx", {}).get("error")
            said = str(cause) if cause is not None else f"{detail['msg']}, not {value!r}"
            raise ConfigurationError(f"a {self.type} is needed: {said}") from None


class LatencyOptions(Options):
    """At most *max* seconds for the share *quantile* of the good calls."""

    max: PositiveDuration
    quantile: Annotated[float, Field(gt=0, lt=1)] = 0.95


class StateOptions(Options):
    """
    What calls have to be like: at least so many of them good, and quick enough.

    *min_samples*: with fewer calls than these nothing is said, neither good nor bad.
    *amplification*: attempts for each call, at most; it is looked at during the method alone.
    """

    success_rate: Ratio = 0.99
    latency: LatencyOptions | None = None
    amplification: Annotated[float, Field(ge=1)] | None = None
    min_samples: Annotated[int, Field(ge=1)] = 20


class StepOptions(Options):
    """
    Faults that begin *at* seconds after the method does, and last *for* so many.

    Without *for* they last until the method ends. With *every* they come again after so
    many seconds, until the method ends.
    """

    at: Duration = 0.0
    for_: Annotated[PositiveDuration | None, Field(alias="for")] = None
    every: PositiveDuration | None = None
    faults: tuple[FaultRule, ...]

    @field_validator("faults")
    @classmethod
    def _some(cls, value: tuple[FaultRule, ...]) -> tuple[FaultRule, ...]:
        if not value:
            raise ValueError("at least one fault is needed")
        return value

    @model_validator(mode="after")
    def _repeats(self) -> StepOptions:
        if self.every is not None and (self.for_ is None or self.for_ >= self.every):
            raise ConfigurationError("needs a `for` that is shorter", path="every")
        return self


class PlanOptions(Options):
    """
    A scenario whose parameters are filled in.

    *before* is how long calls are watched before anything is injected, *duration* how long
    the method takes, *recovery* how long the steady state may take to hold again. *during*
    is what calls may be like meanwhile; what it does not say is as in *steady_state*.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
    description: Annotated[str, Field(min_length=1)]
    before: PositiveDuration = 5.0
    duration: PositiveDuration = 10.0
    recovery: PositiveDuration = 30.0
    steady_state: StateOptions = StateOptions()
    during: StateOptions | None = None
    method: tuple[StepOptions, ...]

    @field_validator("method")
    @classmethod
    def _some(cls, value: tuple[StepOptions, ...]) -> tuple[StepOptions, ...]:
        if not value:
            raise ValueError("at least one step is needed")
        return value

    @property
    def tolerated(self) -> StateOptions:
        """What calls may be like while faults are injected."""
        if self.during is None:
            return self.steady_state
        said = {name: getattr(self.during, name) for name in self.during.model_fields_set}
        return self.steady_state.model_copy(update=said)

    @model_validator(mode="after")
    def _in_time(self) -> PlanOptions:
        names: set[str] = set()
        for n, step in enumerate(self.method):
            if step.at >= self.duration:
                raise ConfigurationError(
                    f"begins when the method is over, after {self.duration:g} s",
                    path=f"method[{n}].at",
                )
            for m, rule in enumerate(step.faults):
                if rule.name in names:
                    raise ConfigurationError(
                        f"there are two faults {rule.name!r}", path=f"method[{n}].faults[{m}].name"
                    )
                names.add(rule.name)
        return self
