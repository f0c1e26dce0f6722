"""What may be broken at a call site, as the fields of a fault rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ._site import CallSite

SLOW = 5.0
"""Seconds by which `slow` holds an answer back."""


@dataclass(frozen=True)
class FaultKind:
    """
    One way to break a call: *rule* holds the fields of a `FaultRule`, less its name and match.

    It acts on every attempt of the call. With *once* it is also tried on the first attempt
    alone, where the mesh made several: what a retry sends a second time, though the first
    was processed, shows only there.
    """

    name: str
    rule: Mapping[str, Any]
    once: bool = False

    def __hash__(self) -> int:
        return hash(self.name)


DEFAULT_KINDS: tuple[FaultKind, ...] = (
    FaultKind("500", {"abort": {"status": 500}}),
    FaultKind("503", {"abort": {"status": 503}}),
    FaultKind("429", {"abort": {"status": 429}}),
    FaultKind("refused", {"abort": {"error": "refused"}}),
    FaultKind("read_timeout", {"abort": {"error": "read_timeout"}}),
    FaultKind("response_lost", {"when": "after", "abort": {"error": "read_timeout"}}, once=True),
    FaultKind("slow", {"delay": {"fixed": SLOW}}),
    FaultKind("malformed", {"response": {"corrupt": "json"}}),
)
"""What is tried on every edge unless a test says otherwise."""

_BY_NAME = {kind.name: kind for kind in DEFAULT_KINDS}


class Faults:
    """
    Which kinds are tried where, as the marker's `faults=` says it.

    *given* is None for the default kinds everywhere; a sequence of them for everywhere; or a
    mapping of edges to sequences, of which the first that fits counts. An edge is
    `source -> service` or a service, with `*` and `?` as in file names. A kind is the name
    of a default kind, a status, or a mapping with a `name` and the fields of a `FaultRule`.

    Raises ValueError for anything else.
    """

    def __init__(self, given: Any = None) -> None:
        if given is None:
            given = {"*": DEFAULT_KINDS}
        elif not isinstance(given, Mapping):
            given = {"*": given}
        self._table = [(edge, _kinds(kinds)) for edge, kinds in given.items()]

    def at(self, site: CallSite) -> tuple[FaultKind, ...]:
        """The kinds to try at *site*."""
        return self.on(site.source, site.service)

    def on(self, source: str, service: str) -> tuple[FaultKind, ...]:
        """The kinds to try when *source* calls *service*."""
        for pattern, kinds in self._table:
            subject = f"{source} -> {service}" if "->" in pattern else service
            if fnmatchcase(subject, pattern):
                return kinds
        return ()


def _kinds(given: Any) -> tuple[FaultKind, ...]:
    if isinstance(given, str | int | Mapping | FaultKind) or not isinstance(given, Iterable):
        given = [given]
    return tuple(dict.fromkeys(kind(value) for value in given))


def kind(value: Any) -> FaultKind:
    """The kind that *value* names or describes; ValueError when there is none."""
    if isinstance(value, FaultKind):
        return value
    if isinstance(value, Mapping):
        rule = dict(value)
        if not isinstance(name := rule.pop("name", None), str) or not rule:
            raise ValueError(f"a fault needs a name and what it does, not {value!r}")
        return FaultKind(name, rule, once=bool(rule.pop("once", False)))
    if isinstance(value, str) and value in _BY_NAME:
        return _BY_NAME[value]
    text = str(value)
    if text.isdecimal() and 200 <= int(text) <= 599:
        return _BY_NAME.get(text) or FaultKind(text, {"abort": {"status": int(text)}})
    raise ValueError(f"no fault is called {value!r}; there are {', '.join(_BY_NAME)}")
