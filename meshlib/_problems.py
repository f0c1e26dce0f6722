"""
What is wrong with a document or with options, told so that a person can act upon it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import NamedTuple

from ._exceptions import ConfigurationError

Place = tuple[str | int, ...]
"""Keys and indexes that lead to a value of the document."""


class Location(NamedTuple):
    """Where in a file something stands, counted from 1; None where that is not known."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


class Problem(NamedTuple):
    """One thing that is wrong: where, what, and the nearest valid thing."""

    place: Place
    message: str
    hint: str = ""
    location: Location | None = None

    def __str__(self) -> str:
        text = f"{path_of(self.place)}: {self.message}" if self.place else self.message
        text = text if self.location is None else f"{self.location}: {text}"
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
    heading = [] if len(found) == 1 else [f"{len(found)} errors:"]
    error = ConfigurationError("\n".join([*heading, *map(str, found)]))
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
        yield part._replace(place=place + part.place)


def nearest(word: object, known: Iterable[str]) -> str:
    """A hint at the one of *known* that *word* was probably meant to be, or nothing."""
    near = get_close_matches(str(word), list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""
