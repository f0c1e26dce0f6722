"""
The base of every part of the configuration document.

Options are frozen and closed: an unknown key is an error. Families declare theirs in an
`_options.py` of their own and read them once, when a policy is built.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")


class Options(BaseModel):
    """A frozen, closed part of the document."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


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
