"""
What a rule has to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..._problems import Location, Place

Severity = Literal["error", "warning", "info"]
"""
`error`: something never works; `warning`: it does less than it seems to; `info`: worth
knowing, and right as often as not.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One thing that a rule found.

    *path* is the place in the document, *location* that in its file, when it has one.
    """

    rule: str
    severity: Severity
    path: str
    message: str
    remedy: str
    location: Location | None = None

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        path = f"{self.path}: " if self.path else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{where}{self.severity} {self.rule}: {path}{self.message}{remedy}"


class Told(NamedTuple):
    """What a check tells: the place, the message with its figures, and a remedy."""

    place: Place
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Rule:
    """
    A rule by its *name*, such as `ML101`.

    *check* is asked for each service and each route that overrides it (*of* is `calls`),
    for each service (`service`), or once (`document`).
    """

    name: str
    severity: Severity
    title: str
    of: Literal["calls", "service", "document"]
    check: Callable[[Any], Iterator[Told]]
