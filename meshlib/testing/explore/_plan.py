"""What one run injects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._kind import FaultKind
from ._site import CallSite


@dataclass(frozen=True, slots=True)
class Injection:
    """*kind* at *site*: on every attempt of that call, or, *first*, on its first one alone."""

    site: CallSite
    kind: FaultKind
    first: bool = False

    @property
    def label(self) -> str:
        """What is injected, without where."""
        return f"{self.kind.name} once" if self.first else self.kind.name

    def __str__(self) -> str:
        return f"{self.site} -> {self.label}"

    def to_json(self) -> dict[str, Any]:
        """The injection as what JSON can hold."""
        fault = {"name": self.kind.name, **self.kind.rule}
        attempts = "first" if self.first else "all"
        return {"site": self.site.to_json(), "fault": fault, "attempts": attempts}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Injection:
        """The injection that `to_json` wrote; KeyError or TypeError for anything else."""
        rule = dict(value["fault"])
        fault = FaultKind(rule.pop("name"), rule)
        return cls(CallSite.from_json(value["site"]), fault, value["attempts"] == "first")


@dataclass(frozen=True, slots=True)
class Plan:
    """
    The injections of one run, in the order in which they were thought of.

    *depth* counts them without those that were only needed to reach the place of another.
    """

    injections: tuple[Injection, ...] = ()
    depth: int = 0

    def at(self, site: CallSite) -> Injection | None:
        """What happens at *site*."""
        for injection in self.injections:
            if injection.site == site:
                return injection
        return None

    def with_one_more(self, injection: Injection, depth: int) -> Plan:
        """This plan and *injection*."""
        return Plan((*self.injections, injection), depth)

    def __str__(self) -> str:
        return ", ".join(map(str, self.injections)) or "no fault"
