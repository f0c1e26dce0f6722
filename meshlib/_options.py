"""
The base of every part of the configuration document.

Options are frozen and closed: an unknown key is an error, and every error is a
ConfigurationError. Families declare theirs in an `_options.py` of their own and read them
once, when a policy is built.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from ._exceptions import ConfigurationError
from ._invalid_options import problems_found
from ._problems import error_of
from ._redact import without_secrets

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")


class Options(BaseModel):
    """
    A part of the document: frozen, closed, and clear about what is wrong.

    Raises ConfigurationError, however it is made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    if TYPE_CHECKING:
        pass  # type checkers see the signature that pydantic makes of the fields
    else:

        def __init__(self, /, **data: Any) -> None:
            try:
                super().__init__(**data)
            except ValidationError as exc:
                raise error_of(problems_found(exc, type(self))) from None

    def __repr_args__(self) -> Any:
        # Settings of sources are plain mappings, with tokens in them.
        return [(name, without_secrets(value)) for name, value in super().__repr_args__()]

    @model_validator(mode="wrap")
    @classmethod
    def _keys(cls, value: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        # pydantic hands a mapping to `__init__`, which takes nothing but texts as keys.
        for key in value if isinstance(value, dict) else ():
            if not isinstance(key, str):
                raise ConfigurationError(f"the key {key!r} is not text; put it in quotes")
        return build(value)

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Make these options of a mapping; raises ConfigurationError."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as exc:
            raise error_of(problems_found(exc, cls)) from None


def parse_duration(value: Any) -> Any:
    """
    Turn `"250ms"`, `"5s"`, `"1m30s"` into seconds; leave numbers as they are.

    Raises ValueError for a text that is no duration.
    """
    if isinstance(value, bool):
        raise ValueError("a duration is seconds, or a text such as '250ms', not true or false")
    if not isinstance(value, str):
        return value
    text = value.strip()
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    raise ValueError(
        f"{value!r} is not a duration; write seconds as a number, or a text such as "
        "'250ms', '5s', '1m30s'"
    )


Duration = Annotated[float, BeforeValidator(parse_duration), Field(ge=0, allow_inf_nan=False)]
"""Seconds, 0 or more; in a document also `"250ms"`, `"5s"`, `"1m"`, `"1m30s"`, `"2h"`."""

PositiveDuration = Annotated[
    float, BeforeValidator(parse_duration), Field(gt=0, allow_inf_nan=False)
]
"""Seconds above 0; in a document also `"250ms"`, `"5s"`, `"1m"`."""

Ratio = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""
