"""
What a user may say of who may call whom.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ..._exceptions import ConfigurationError
from ..._options import Options
from ._paths import read_path
from ._patterns import caller_pattern, path_pattern, service_pattern, text_pattern

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _checked(values: Iterable[str], parse: Callable[[str], object]) -> None:
    for n, value in enumerate(values):
        try:
            parse(value)
        except ValueError as exc:
            raise ConfigurationError(str(exc), path=f"[{n}]") from None


_Texts = Annotated[tuple[str, ...], Field(min_length=1)]
Some = Annotated[_Texts | None, BeforeValidator(_one_or_many)]
"""One or several of which any does; null: all, and an empty list is an error."""


class RuleOptions(Options):
    """
    Calls that a rule takes, which have all that is said here, and what becomes of them.

    Texts are `a`, `a*`, `*a` or `*`, as in Istio.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    """What reports, events and errors call it."""
    action: Literal["allow", "deny"] = "allow"
    callers: Some = None
    """
    Verified identities: `spiffe://domain/...`, `spiffe://domain/*`, DNS names, or
    `issuer/subject` of tokens; `*`: anybody verified. Null: everybody, verified or not.
    """
    not_callers: Some = None
    """Who is not meant; `*` leaves those who are not verified."""
    services: Some = None
    """Names of the services that are called."""
    methods: Some = None
    not_methods: Some = None
    path: Some = None
    """Paths without their query; `/users/{*}` is one segment there, `{**}` any number."""
    not_path: Some = None
    headers: dict[str, Some] = {}
    """By name, what their values have to be; `*`: any."""
    shadow: bool = False
    """Whether its decision is only recorded."""

    @field_validator("callers", "not_callers")
    @classmethod
    def _callers(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        _checked(value or (), caller_pattern)
        return value

    @field_validator("services")
    @classmethod
    def _services(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        _checked(value or (), service_pattern)
        return value

    @field_validator("methods", "not_methods")
    @classmethod
    def _methods(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for n, method in enumerate(value or ()):
            if not _TOKEN.fullmatch(method) or "*" in method:
                raise ConfigurationError(f"{method!r} is no method", path=f"[{n}]")
        return None if value is None else tuple(method.upper() for method in value)

    @field_validator("path", "not_path")
    @classmethod
    def _paths(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        _checked(value or (), _clear_path)
        return value

    @field_validator("headers")
    @classmethod
    def _headers(cls, value: dict[str, Some]) -> dict[str, Some]:
        for name, patterns in value.items():
            if not _TOKEN.fullmatch(name):
                raise ConfigurationError(f"{name!r} cannot be the name of a header", path=name)
            if patterns is None:
                raise ConfigurationError("say what its value has to be", path=name)
            try:
                _checked(patterns, text_pattern)
            except ConfigurationError as exc:
                raise ConfigurationError(str(exc), path=name) from None
        return {name.lower(): patterns for name, patterns in value.items()}


class AuthorizationOptions(Options):
    """
    Who may call whom, by rules of which deny comes before allow.

    Decided as Istio's AuthorizationPolicy does: a deny rule that matches refuses, else an
    allow rule that matches allows, else *default* holds. The order of rules of one kind
    only says whose name is told.
    """

    default: Literal["allow", "deny"] | None = None
    """What holds for the rest; null, as in Istio: deny if any rule allows, else allow."""
    mode: Literal["enforce", "shadow"] = "enforce"
    """`shadow`: every decision is recorded, and nothing is refused."""
    rules: tuple[RuleOptions, ...] = ()
    ignore_case: bool = False
    """Whether paths are compared so, for services that do; Envoy and most servers do not."""
    ambiguous_paths: Literal["refuse", "every_reading"] = "refuse"
    """
    What of paths that can be read in several ways, as `/a/../b`, `//a` or `/a%2Fb`:
    `every_reading` allows those of which each reading is allowed.
    """

    @model_validator(mode="after")
    def _distinct(self) -> AuthorizationOptions:
        names = [rule.name for rule in self.rules]
        for n, name in enumerate(names):
            if name in names[:n]:
                raise ConfigurationError(f"there are two rules {name!r}", path=f"rules[{n}].name")
        return self


def _clear_path(said: str) -> None:
    path_pattern(said)
    plain = said.replace("{**}", "x").replace("{*}", "x").rstrip("*")
    readings = read_path(plain.removeprefix("*") or "/", decoded=True)
    if "?" in said or (said.startswith("/") and readings.unclear):
        why = "it has a query" if "?" in said else readings.unclear
        raise ValueError(f"{said!r} is the normal form of no path: {why}; write it decoded")
