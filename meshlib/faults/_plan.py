"""The rules of one service, seen from one source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from ._facts import Facts
from ._fault import Fault, Phase
from ._holding import Waits
from ._injection import Injection
from ._rule import Rule

if TYPE_CHECKING:
    from ._injector import FaultInjector

_NOTHING: Mapping[str, str] = MappingProxyType({})


class FaultPlan:
    """
    Decides which attempts and calls to one service are broken.

    Made by a `FaultInjector`, which also changes it: `has_call` and `has_attempt` say
    whether there is now any rule for that phase, `listens` whether requests may bring
    rules, and decisions follow the rules as they are at that moment.

    Thread-safe.
    """

    __slots__ = (
        "__weakref__",
        "_attempt",
        "_call",
        "_injector",
        "has_attempt",
        "has_call",
        "listens",
        "service",
        "source",
    )

    def __init__(self, injector: FaultInjector, service: str, source: str) -> None:
        self._injector = injector
        self.service = service
        self.source = source
        self.follow((), listen=False)

    def decide(
        self,
        phase: Phase,
        *,
        endpoint: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        route: str = "",
        tenant: str = "",
        query: str = "",
        metadata: Mapping[str, str] = _NOTHING,
        timeout: float | None = None,
        left: float | None = None,
    ) -> Fault | None:
        """
        Draw the rules that match; None when nothing is to be injected.

        *endpoint* is an address, or its host and port, and empty in phase `call`, as is its
        *metadata*. *route* is `service/route`, or empty; names of *headers* may be in any
        case; *query* is as it is sent. *timeout* is how many seconds the attempt has in all,
        or the call in phase `call`, and *left* how many it still has; None is no limit. Each
        fault must be given to `release` when it is over.
        """
        facts = Facts(
            phase=phase,
            endpoint=endpoint,
            method=method,
            path=path,
            headers=headers,
            route=route,
            tenant=tenant,
            query=query,
            metadata=metadata,
            timeout=timeout,
            left=left,
            heeded=self._injector.heeds_requests,
        )
        rules: Sequence[Rule] = self._attempt if phase == "attempt" else self._call
        extra = self._injector.extra
        if extra is not None:
            rules = (*rules, *self._mine(extra(self, phase, headers), phase))
        matching = [rule for rule in rules if rule.matcher.matches(facts)]
        return self._injector.draw(matching, facts, self.service) if matching else None

    def release(self, fault: Fault) -> None:
        """End a fault, which then no longer counts towards `max_active`; idempotent."""
        self._injector.release(fault)

    def stands(self, fault: Fault) -> bool:
        """Whether *fault* still acts: not once it was stopped, or all its rules were."""
        return self._injector.stands(fault)

    def hold(self, fault: Fault, waiter: Waits) -> bool:
        """Set *waiter* as soon as *fault* is called off; False when it was already."""
        return self._injector.hold(fault, waiter)

    def let_go(self, waiter: Waits) -> None:
        """Forget *waiter*, which waits no more."""
        self._injector.let_go(waiter)

    def remember(self, injections: Iterable[Injection]) -> None:
        """Log *injections*, whose call is over."""
        self._injector.log.add(injections)

    def follow(self, rules: Sequence[Rule], *, listen: bool) -> None:
        """
        Take over those of *rules* that are enabled and concern this service; internal.

        *listen* asks for decisions also where there is no rule, since requests may bring some.
        """
        self._attempt = self._mine(rules, "attempt")
        self._call = self._mine(rules, "call")
        self.listens = listen
        self.has_attempt = listen or bool(self._attempt)
        self.has_call = listen or bool(self._call)

    def _mine(self, rules: Sequence[Rule], phase: Phase) -> tuple[Rule, ...]:
        return tuple(
            rule
            for rule in rules
            if rule.options.enabled
            and rule.options.phase == phase
            and rule.matcher.concerns(self.service, self.source)
        )
