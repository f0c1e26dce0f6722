"""What a user may break on purpose, where, and how often."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from .._exceptions import ConfigurationError
from .._options import Duration, Options, PositiveDuration
from ._abort_options import AbortFault
from ._delay_options import DelayFault
from ._key import check_key
from ._match_options import FaultMatch
from ._pattern_options import QuotaFault, ScheduleWindow, SequenceFault
from ._response_options import ResponseFault
from ._share_options import Percentage, renamed

_PARTS = ("delay", "abort", "response", "quota")


class FaultRule(Options):
    """
    One fault: what it matches, and what it does to it.

    Delay, abort and response are drawn independently, each with its own percentage, as in
    Envoy: 20 % delayed and 5 % aborted touch 24 % of the attempts.

    The draws of the n-th call that matches follow from the seed, the name and n alone, so
    that n calls are touched alike however they interleave; which call is the n-th is theirs
    to settle. With *keyed* a key stands for n, and the same key always has the same fate,
    whenever it comes.
    """

    name: str
    match: FaultMatch = FaultMatch()
    phase: Literal["attempt", "call"] = "attempt"
    """`attempt` acts inside retries, so that they see it; `call` outside them."""
    when: Literal["before", "after"] = "before"
    """
    `before` the request is sent, or `after`: then it is processed, and its response is held
    back or lost.
    """
    percentage: Percentage = 100.0
    """The share of what matches that the rule looks at, before its parts draw."""
    delay: DelayFault | None = None
    abort: AbortFault | None = None
    response: ResponseFault | None = None
    quota: QuotaFault | None = None
    sequence: SequenceFault | None = None
    max_active: Annotated[int, Field(ge=1)] | None = None
    """Faults of this rule in force at once, Envoy's `max_active_faults`; more pass untouched."""
    max_total: Annotated[int, Field(ge=1)] | None = None
    """Faults of this rule in all; afterwards everything passes."""
    start_after: Duration = 0.0
    """Seconds after the rule was added or enabled before which it does nothing."""
    duration: PositiveDuration | None = None
    """Seconds from its start after which it does nothing any more."""
    ramp: PositiveDuration | None = None
    """Seconds from its start over which *percentage* grows from 0, linearly."""
    schedule: tuple[ScheduleWindow, ...] = ()
    """It acts in these windows only."""
    seed: int | None = None
    """Makes the draws of this rule repeatable; by default it is drawn."""
    keyed: str | None = None
    """
    `request` (method, path and query), `tenant`, `endpoint`, `method`, `path`, `route`,
    `header:<name>` or `query:<name>`.
    """
    enabled: bool = True

    @model_validator(mode="before")
    @classmethod
    def _other_names(cls, value: Any) -> Any:
        return renamed(value, {"max_active_faults": "max_active"})

    @field_validator("keyed")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        return None if value is None else check_key(value)

    @model_validator(mode="after")
    def _does_something(self) -> FaultRule:
        parts = [name for name in _PARTS if getattr(self, name) is not None]
        if not parts and (self.sequence is None or self.sequence.needs_rule):
            raise ValueError(f"give one of {', '.join(_PARTS)}, or a sequence of statuses")
        if self.when == "after" and self.abort is not None and self.abort.after is not None:
            raise ConfigurationError("when: after leaves no response for it", path="abort.after")
        return self

    @model_validator(mode="after")
    def _has_what_it_matches(self) -> FaultRule:
        if self.phase == "call":
            for name in ("endpoint", "subset"):
                if getattr(self.match, name):
                    raise ValueError(
                        f"a call has no endpoint yet; match.{name} goes with phase attempt"
                    )
        return self
