"""
From what pydantic found wrong with options to problems, in our words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from ._exceptions import ConfigurationError
from ._problems import Place, Problem, nearest, problems_of

_SECRET = re.compile(r"keys|password|passphrase|.*secret|token")
_QUOTED = re.compile(r"'([^']*)'")


def problems_found(error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    """What *error* says of a *model*, in our words."""
    for detail in error.errors(include_url=False):
        place = tuple(key for key in detail["loc"] if key != "[key]")
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, ConfigurationError):
            yield from problems_of(cause, place)
        else:
            yield _problem(detail, place, model)


def _problem(detail: Mapping[str, Any], place: Place, model: type[BaseModel]) -> Problem:
    value, kind = detail["input"], detail["type"]
    if any(isinstance(key, str) and _SECRET.fullmatch(key) for key in place):
        value = _Unsaid()
    if kind == "extra_forbidden":
        known = [field.alias or name for name, field in model.model_fields.items()]
        hint = nearest(place[-1], known) or f"known are {', '.join(known)}"
        return Problem(place, f"unknown key {place[-1]!r}", hint)
    if kind == "missing":
        return Problem(place, "this is needed")
    if kind == "literal_error":
        choices = _QUOTED.findall(detail["ctx"]["expected"])
        return Problem(
            place,
            f"{value!r} is not known; known are {', '.join(choices)}",
            nearest(value, choices),
        )
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return Problem(place, f"settings are needed here, not {_short(value)}")
    if kind == "value_error":
        # A validator of ours: its message says what is wrong.
        return Problem(place, str(detail["ctx"]["error"]))
    message = str(detail["msg"]).replace("Input should", "must")
    return Problem(place, f"{message}, not {_short(value)}")


class _Unsaid:
    """Stands for what may be a secret, and is not repeated."""

    def __repr__(self) -> str:
        return "what stands there"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
