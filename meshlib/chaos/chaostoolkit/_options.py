"""
What of an experiment of Chaos Toolkit is understood here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from ..._exceptions import ConfigurationError
from ..._options import Options
from ._journal import KNOWN

_ELSEWHERE = "run it with the `chaos` program of Chaos Toolkit"
_NOT_HERE = ("controls", "extensions", "runtime", "secrets")


class PythonProvider(Options):
    """A function of a module that can be imported."""

    type: Literal["python"]
    module: str
    func: str
    arguments: dict[str, Any] = {}


class HttpProvider(Options):
    """A request; the result has its `status`, `headers` and `body`."""

    type: Literal["http"]
    url: str
    method: str = "GET"
    headers: dict[str, str] = {}
    arguments: dict[str, Any] | None = None
    timeout: float | None = None
    verify_tls: bool = True


class ProcessProvider(Options):
    """A program, without a shell; the result has its `status`, `stdout` and `stderr`."""

    type: Literal["process"]
    path: str
    arguments: tuple[Any, ...] | dict[str, Any] = ()
    timeout: float | None = None


Provider = Annotated[PythonProvider | HttpProvider | ProcessProvider, Field(discriminator="type")]


class Pauses(Options):
    """Seconds before and after an activity."""

    before: Annotated[float, Field(ge=0)] = 0.0
    after: Annotated[float, Field(ge=0)] = 0.0


class Activity(Options):
    """An action or a probe."""

    type: Literal["action", "probe"]
    name: str
    provider: Provider
    tolerance: Any = None
    pauses: Pauses = Pauses()
    background: bool = False

    @field_validator("background")
    @classmethod
    def _one_after_the_other(cls, value: bool) -> bool:
        if value:
            raise ValueError(f"nothing runs in the background here; {_ELSEWHERE}")
        return value

    @field_validator("tolerance")
    @classmethod
    def _known(cls, value: Any) -> Any:
        if isinstance(value, dict):
            if value.get("type") not in KNOWN:
                raise ValueError(f"known are plain values, {' and '.join(KNOWN)}; {_ELSEWHERE}")
            needed = "range" if value["type"] == "range" else "pattern"
            if needed not in value:
                raise ValueError(f"{needed!r} is needed")
        return value


class Hypothesis(Options):
    """What has to hold before and after the method."""

    title: str
    probes: tuple[Activity, ...] = ()

    @field_validator("probes")
    @classmethod
    def _tolerant(cls, value: tuple[Activity, ...]) -> tuple[Activity, ...]:
        for n, probe in enumerate(value):
            if probe.tolerance is None:
                raise ConfigurationError("this is needed", path=f"[{n}].tolerance")
        return value


class Experiment(Options):
    """An experiment; what is not understood is an error, and not left out."""

    title: str
    description: str
    version: str = ""
    tags: tuple[str, ...] = ()
    contributions: dict[str, Any] = {}
    configuration: dict[str, Any] = {}
    hypothesis: Annotated[Hypothesis | None, Field(alias="steady-state-hypothesis")] = None
    method: tuple[Activity, ...]
    rollbacks: tuple[Activity, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _understood(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for key in _NOT_HERE:
            if value.get(key):
                raise ConfigurationError("this is not understood here", path=key, hint=_ELSEWHERE)
        return {key: part for key, part in value.items() if key not in _NOT_HERE}
