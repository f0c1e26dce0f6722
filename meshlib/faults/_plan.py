"""The rules of one service, seen from one source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ._fault import Fault, Phase
from ._rule import Rule

if TYPE_CHECKING:
    from ._injector import FaultInjector


class FaultPlan:
    """
    Decides which attempts and calls to one service are broken.

    Made by a `FaultInjector`, which also changes it: `has_call` and `has_attempt` say
    whether there is now any rule for that phase, and decisions follow the rules as they
    are at that moment.

    Thread-safe.
    """

    __slots__ = (
        "__weakref__",
        "_attempt",
        "_call",
        "_injector",
        "has_attempt",
        "has_call",
        "service",
        "source",
    )

    def __init__(self, injector: FaultInjector, service: str, source: str) -> None:
        self._injector = injector
        self.service = service
        self.source = source
        self.follow(())

    def decide(
        self,
        phase: Phase,
        *,
        endpoint: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        route: str = "",
    ) -> Fault | None:
        """
        Draw the rules that match; None when nothing is to be injected.

        *endpoint* is an address, or its host and port, and empty in phase `call`; *route* is
        `service/route`, or empty; names of *headers* may be in any case. Each fault must be
        given to `release` when it is over.
        """
        matching = [
            rule
            for rule in (self._attempt if phase == "attempt" else self._call)
            if rule.matcher.matches(
                endpoint=endpoint, method=method, path=path, headers=headers, route=route
            )
        ]
        return self._injector.draw(matching, phase) if matching else None

    def release(self, fault: Fault) -> None:
        """End a fault, which then no longer counts towards `max_active`; idempotent."""
        self._injector.release(fault)

    def follow(self, rules: tuple[Rule, ...]) -> None:
        """Take over those of *rules* that are enabled and concern this service; internal."""
        mine = [
            rule
            for rule in rules
            if rule.options.enabled and rule.matcher.concerns(self.service, self.source)
        ]
        self._attempt = tuple(rule for rule in mine if rule.options.phase == "attempt")
        self._call = tuple(rule for rule in mine if rule.options.phase == "call")
        self.has_attempt = bool(self._attempt)
        self.has_call = bool(self._call)
