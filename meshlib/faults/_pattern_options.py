"""In which order, beyond which number and at which times a rule acts."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from .._exceptions import ConfigurationError
from .._options import Options, PositiveDuration, parse_duration
from .._problems import nearest
from ._abort_options import ERROR_NAMES, Status
from ._key import check_key

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_WORDS = ("ok", "fail", *ERROR_NAMES)


def _step(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ConfigurationError(f"a step is ok, fail, a status or an error, not {value!r}")
    if isinstance(value, int):
        if not 200 <= value <= 599:
            raise ConfigurationError(f"{value} is no status from 200 to 599")
    elif value not in _WORDS:
        known = ", ".join(_WORDS)
        raise ConfigurationError(f"{value!r} is no step", hint=nearest(value, _WORDS) or known)
    return value


Step = Annotated[int | str, BeforeValidator(_step)]


class SequenceFault(Options):
    """
    Which of the matching calls a rule acts on, in their order.

    Either *steps*, or *succeed* calls that pass and then *fail* calls that do not; a list
    alone is the steps. When it is over all calls pass, or it begins again.
    """

    steps: tuple[Step, ...] = ()
    """`ok` passes, `fail` is what the rule does; a status or an error is that abort."""
    succeed: Annotated[int, Field(ge=0)] = 0
    fail: Annotated[int, Field(ge=1)] | None = None
    """By default all calls that follow."""
    repeat: bool = False

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"steps": value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _one(self) -> SequenceFault:
        counted = bool(self.model_fields_set & {"succeed", "fail"})
        if bool(self.steps) == counted:
            raise ValueError("give steps, or succeed and fail")
        if self.repeat and not self.steps and self.fail is None:
            raise ValueError("repeat needs to know how many fail")
        return self

    def step(self, number: int) -> int | str:
        """The step of the call with this *number*, counted from 0."""
        if self.steps:
            if self.repeat:
                number %= len(self.steps)
            return self.steps[number] if number < len(self.steps) else "ok"
        if self.fail is None:
            return "ok" if number < self.succeed else "fail"
        if self.repeat:
            number %= self.succeed + self.fail
        return "fail" if self.succeed <= number < self.succeed + self.fail else "ok"

    @property
    def needs_rule(self) -> bool:
        """Whether a step says `fail`, and so leaves it to the rule what that is."""
        return not self.steps or "fail" in self.steps


class QuotaFault(Options):
    """
    Refuse what goes beyond a number of *requests* in a *window*, as a rate limit does.

    The window begins with its first request. The response says by `Retry-After` how many
    seconds of it are left, rounded up.
    """

    requests: Annotated[int, Field(ge=0)]
    window: PositiveDuration
    key: str | None = None
    """
    What has a quota of its own: `tenant`, `endpoint`, `method`, `path`, `route`, `request`,
    `header:<name>` or `query:<name>`; by default all share one.
    """
    status: Status = 429
    body: str = ""

    @field_validator("key")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        return None if value is None else check_key(value)


def time_of_day(text: str) -> int | None:
    """Seconds since midnight for `17:30` or `17:30:15`; None for what is no time."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _moment(value: Any) -> Any:
    if isinstance(value, str) and ":" in value:
        if time_of_day(value) is None:
            raise ValueError(f"{value!r} is no time of day; write it as 17:30")
        return value
    seconds = parse_duration(value)
    if isinstance(seconds, int | float) and seconds < 0:
        raise ValueError(f"{value!r} is before the rule began")
    return seconds


Moment = Annotated[float | str, BeforeValidator(_moment)]


class ScheduleWindow(Options):
    """
    A time in which a rule acts: from *start*, until before *end*.

    Both are durations since the rule began, or both are times of day, in UTC, as `09:30`;
    such a window may go over midnight. With *every* a window of durations comes again.
    """

    start: Moment = 0.0
    end: Moment
    every: PositiveDuration | None = None

    @model_validator(mode="after")
    def _ordered(self) -> ScheduleWindow:
        start, end = self.start, self.end
        if isinstance(start, str) and isinstance(end, str):
            if time_of_day(start) == time_of_day(end):
                raise ValueError("the window is empty: start is end")
            if self.every is not None:
                raise ValueError("every goes with durations; a time of day is daily anyway")
        elif isinstance(start, str) or isinstance(end, str):
            raise ValueError("start and end are both durations or both times of day")
        elif start >= end:
            raise ValueError("start is before end")
        elif self.every is not None and end - start > self.every:
            raise ValueError("the window is longer than every")
        return self
