"""Where a call is made: the same place in every run of a test."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

_VARIABLE = re.compile(r"\d+|[0-9a-fA-F]{8,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def template(path: str) -> str:
    """*path* with every segment that is a number, a UUID or long hex as `{id}`."""
    return "/".join(
        "{id}" if _VARIABLE.fullmatch(segment) else segment for segment in path.split("/")
    )


@dataclass(frozen=True, slots=True)
class CallSite:
    """
    One place from which a service is called, as a distributed execution index names it.

    *source* calls *service* with *method* on *route*, a path template. *stack* holds the
    functions that led to the call, the outermost first, as `module:qualname`, without line
    numbers, so that an edit elsewhere in a function leaves the place the same. *parent* is the
    `key` of the call that was being served meanwhile, empty for one of the test's own.
    *occurrence* counts the calls that agree in all of that, from 1.
    """

    source: str
    service: str
    method: str
    route: str
    stack: tuple[str, ...] = ()
    parent: str = ""
    occurrence: int = 1

    @property
    def edge(self) -> str:
        """Who calls whom: `source -> service`."""
        return f"{self.source} -> {self.service}"

    @property
    def key(self) -> str:
        """The whole place in one string, of which equal sites have equal ones."""
        parts = self.parent, self.source, self.service, self.method, self.route
        return "|".join((*parts, ">".join(self.stack), str(self.occurrence)))

    def __str__(self) -> str:
        again = f" #{self.occurrence}" if self.occurrence > 1 else ""
        return f"{self.service} {self.method} {self.route}{again}"

    def to_json(self) -> dict[str, Any]:
        """The site as what JSON can hold."""
        return {**asdict(self), "stack": list(self.stack)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> CallSite:
        """The site that `to_json` wrote; TypeError or KeyError for anything else."""
        return cls(**{**value, "stack": tuple(value["stack"])})


class SiteIndex:
    """
    Gives the calls of one run their sites, in the order in which they begin.

    Not thread-safe: whoever observes the run holds a lock.
    """

    def __init__(self) -> None:
        self._counts: Counter[CallSite] = Counter()

    def site(
        self,
        *,
        source: str,
        service: str,
        method: str,
        path: str,
        stack: tuple[str, ...] = (),
        parent: CallSite | None = None,
    ) -> CallSite:
        """The site of the call that begins now."""
        above = "" if parent is None else parent.key
        place = CallSite(source, service, method, template(path), stack, above)
        self._counts[place] += 1
        return replace(place, occurrence=self._counts[place])
