"""
From what pydantic found to errors that a person can act upon.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .._exceptions import ConfigurationError

Place = tuple[str | int, ...]
"""Keys and indexes that lead to a value of the document."""

_QUOTED = re.compile(r"'([^']*)'")


class Problem(NamedTuple):
    """One thing that is wrong: where, what, and the nearest valid thing."""

    place: Place
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{path_of(self.place)}: {self.message}" if self.place else self.message
        return f"{text}; {self.hint}" if self.hint else text


def path_of(place: Place) -> str:
    """`services.users.endpoints[0].url` for the keys and indexes that lead there."""
    path = ""
    for key in place:
        if isinstance(key, int):
            path += f"[{key}]"
        elif key.startswith("[") or not path:
            path += key
        else:
            path += f".{key}"
    return path


def error_of(problems: Iterable[Problem]) -> ConfigurationError:
    """
    One error for all *problems*.

    Its `path` and `hint` are those of the first; its message tells them all, a line each.
    """
    found = tuple(problems)
    first = found[0]
    error: ConfigurationError
    if len(found) == 1:
        error = ConfigurationError(first.message, path=path_of(first.place), hint=first.hint)
    else:
        error = ConfigurationError("\n".join([f"{len(found)} errors:", *map(str, found)]))
        error.path, error.hint = path_of(first.place), first.hint
    # The parts, for the section around the one that is wrong.
    vars(error)["problems"] = found
    return error


def problems_of(error: ConfigurationError, place: Place = ()) -> Iterator[Problem]:
    """The parts of *error*, which was raised for what stands at *place*."""
    parts: tuple[Problem, ...] | None = vars(error).get("problems")
    if parts is None:
        start, end = f"{error.path}: " if error.path else "", f"; {error.hint}" * bool(error.hint)
        message = str(error).removeprefix(start).removesuffix(end)
        parts = (Problem((error.path,) if error.path else (), message, error.hint),)
    for part in parts:
        yield Problem(place + part.place, part.message, part.hint)


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
    if kind == "extra_forbidden":
        return Problem(place, f"unknown key {place[-1]!r}", _key_hint(place, model))
    if kind == "missing":
        return Problem(place, "this is needed")
    if kind == "literal_error":
        choices = _QUOTED.findall(detail["ctx"]["expected"])
        if place[-2:] == ("balancer", "name"):
            place = place[:-1]  # its name alone is the usual way to write a balancer
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


def _key_hint(place: Place, model: type[BaseModel]) -> str:
    owner = model
    keys = iter(place[:-1])
    for key in keys:
        annotation = owner.model_fields[str(key)].annotation
        owner = _model_in(annotation) or owner
        if get_origin(annotation) in (dict, tuple):
            next(keys, None)  # a name of the user's own, or an index
    known = [field.alias or name for name, field in owner.model_fields.items()]
    return nearest(place[-1], known) or f"known are {', '.join(known)}"


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def nearest(word: object, known: Iterable[str]) -> str:
    """A hint at the one of *known* that *word* was probably meant to be, or nothing."""
    near = get_close_matches(str(word), list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
