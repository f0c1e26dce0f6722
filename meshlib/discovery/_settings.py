"""
Reading the settings that a document or a program gives to a source.

Each function names the setting in its ConfigurationError, as *path*; `make_discovery` puts
the place of the source in the document before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from .._exceptions import ConfigurationError
from .._options import parse_duration

_LONGEST = 1e9
"""Seconds; some thirty years."""


def seconds(value: Any, path: str, *, minimum: float = 0.0) -> float:
    """A duration of at least *minimum* seconds: a number, or a text such as `"250ms"`."""
    try:
        number = parse_duration(value)
    except ValueError as exc:
        raise ConfigurationError(str(exc), path=path) from None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ConfigurationError(f"a duration is needed, not {value!r}", path=path)
    if not minimum <= number <= _LONGEST:  # which NaN is not
        raise ConfigurationError(
            f"{value!r} is not a duration of at least {minimum:g} seconds", path=path
        )
    return float(number)


def text(value: Any, path: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"a text is needed, not {value!r}", path=path)
    return value


def texts(value: Any, path: str) -> tuple[str, ...]:
    """A list of texts, or a single one."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, Sequence):
        raise ConfigurationError(f"a list of texts is needed, not {value!r}", path=path)
    return tuple(text(one, f"{path}[{n}]") for n, one in enumerate(value))


def mapping(value: Any, path: str) -> dict[str, str]:
    """A mapping of texts to texts."""
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"a mapping is needed, not {value!r}", path=path)
    return {text(key, path): text(one, f"{path}.{key}") for key, one in value.items()}


def number(value: Any, path: str, *, minimum: float = 0.0, maximum: float = math.inf) -> float:
    """A number from *minimum* to *maximum*."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigurationError(f"a number is needed, not {value!r}", path=path)
    if not minimum <= value <= maximum:  # which NaN is not
        raise ConfigurationError(f"{value!r} is not from {minimum:g} to {maximum:g}", path=path)
    return float(value)


def flag(value: Any, path: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"true or false is needed, not {value!r}", path=path)
    return value


def one_of(value: Any, choices: Iterable[str], path: str) -> str:
    """One of *choices*."""
    known = list(choices)
    if value not in known:
        near = get_close_matches(str(value), known, n=1)
        raise ConfigurationError(
            f"{value!r} is not one of {', '.join(known)}",
            path=path,
            hint=f"did you mean {near[0]!r}?" if near else "",
        )
    return str(value)
