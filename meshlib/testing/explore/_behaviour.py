"""
What each service was seen to do, and what that foretells.

A *behaviour* is one serving of one request: the calls it made meanwhile, how each of them ended
for it, and how it ended itself. The test is the outermost of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ._plan import Plan
from ._site import CallSite

_Request = tuple[CallSite | None, str]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """
    One call as it went: who was called with what, what it called in turn, how it ended.

    *site* is None for the test itself. *request* and *outcome* are digests or words, which
    are equal when nobody could tell the difference. *injected* is the label of the fault
    that fired here, *fired* how often it did. *sent* is False for a call that the mesh
    itself refused: there was nothing to break.
    """

    site: CallSite | None
    outcome: str
    calls: tuple[Behaviour, ...] = ()
    request: str = ""
    injected: str | None = None
    fired: int = 0
    sent: bool = True

    def walk(self) -> Iterator[Behaviour]:
        """Every call below this one, in the order in which they began."""
        for call in self.calls:
            yield call
            yield from call.walk()

    @property
    def view(self) -> frozenset[tuple[CallSite | None, str, str, str | None]]:
        """
        What whoever served this call saw of others.

        A fault at one of its calls belongs to it, though two faults may look the same: with
        one the other service did its work, and with the other it did not.
        """
        calls = self.calls
        return frozenset((one.site, one.request, one.outcome, one.injected) for one in calls)


class Behaviours:
    """
    Foretells runs from those that were seen.

    It supposes that services are *encapsulated*: what one does with a request, and what a
    test thinks of it, depends on that request and on how the calls made for it ended, and on
    nothing else, such as state that two services share. A run is then known without being
    made when, from the test inwards, each service would see what it has seen before.
    """

    def __init__(self) -> None:
        self._seen: dict[_Request, list[Behaviour]] = {}
        self.contradicted: str | None = None
        """Whose behaviour changed though nothing it saw did: a call site, or "the test"."""

    def add(self, behaviour: Behaviour) -> None:
        """Remember what was seen, and everything below it."""
        known = self._seen.setdefault((behaviour.site, behaviour.request), [])
        alike = [
            other
            for other in known
            if other.injected == behaviour.injected and other.view == behaviour.view
        ]
        if not alike:
            known.append(behaviour)
        elif alike[0].outcome != behaviour.outcome:
            self._contradict(behaviour.site)
        for call in behaviour.calls:
            self.add(call)

    def foretell(self, plan: Plan) -> str | None:
        """How the test would end under *plan*; None when that is not known."""
        ends = None if self.contradicted else self._ends(plan, (None, ""), {})
        return None if self.contradicted else ends

    def _ends(self, plan: Plan, request: _Request, known: dict[_Request, str | None]) -> str | None:
        if request in known:
            return known[request]
        known[request] = None
        label = _label(plan, request[0])
        fitting = [
            behaviour
            for behaviour in self._seen.get(request, ())
            if behaviour.injected == label
            and all(
                call.injected == _label(plan, call.site)
                and self._ends(plan, (call.site, call.request), known) == call.outcome
                for call in behaviour.calls
            )
        ]
        if len(fitting) > 1:  # it called others, or otherwise, though it saw the same
            self._contradict(request[0])
        elif fitting:
            known[request] = fitting[0].outcome
        return known[request]

    def _contradict(self, site: CallSite | None) -> None:
        self.contradicted = "the test" if site is None else str(site)


def _label(plan: Plan, site: CallSite | None) -> str | None:
    injection = None if site is None else plan.at(site)
    return None if injection is None else injection.label
