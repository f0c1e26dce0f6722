"""One fault out of what several rules drew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ._abort import NO_ABORT, Abort
from ._facts import Facts
from ._fault import Fault
from ._injection import Injection, Kind
from ._response import done, merge
from ._rule import Drawn, Rule

_NAMES = 1000
"""Of rules whose numbers are known; documents that are made by programs name them anew."""


def choose(drawn: Sequence[tuple[Rule, Drawn]]) -> tuple[list[tuple[Rule, Drawn]], Abort | None]:
    """
    What of *drawn* acts together, and the abort among it.

    The first abort wins. Without a response there is nothing to hold back or to alter.
    """
    winner = next((each for each in drawn if each[1].abort is not None), None)
    if winner is None:
        return [*drawn], None
    abort = winner[1].abort
    sent = winner[0].options.when == "after" or (
        abort is not None and abort.after_bytes is not None
    )
    acting: list[tuple[Rule, Drawn]] = []
    for each in drawn:
        rule, (delay, _, _) = each
        if rule.options.when == "after" and not sent:
            delay = None
        mine = abort if each is winner else None
        if delay is not None or mine is not None:
            acting.append((rule, Drawn(delay, mine, None)))
    return acting, abort


def combine(
    acting: Sequence[tuple[Rule, Drawn]],
    abort: Abort | None,
    facts: Facts,
    injections: tuple[Injection, ...],
) -> Fault:
    """The fault of the rules that act; their delays add up."""
    before = after = 0.0
    when = "before"
    for rule, drawn in acting:
        if rule.options.when == "after":
            after += drawn.delay or 0.0
        else:
            before += drawn.delay or 0.0
        if drawn.abort is not None:
            when = rule.options.when
    effects = [drawn.response for _, drawn in acting if drawn.response is not None]
    given = abort or NO_ABORT
    return Fault(
        rule="+".join(rule.options.name for rule, _ in acting),
        delay=before,
        status=given.status,
        error=given.error,
        retry_after=given.retry_after,
        body=given.body,
        phase=facts.phase,
        headers=given.headers,
        after_bytes=given.after_bytes,
        blackhole=given.blackhole,
        when="after" if when == "after" else "before",
        delay_after=after,
        response=merge(effects) if effects else None,
        injections=injections,
        active=[rule for rule, _ in acting],
    )


def effects_of(drawn: Drawn) -> Iterator[tuple[Kind, str]]:
    """The kind of each thing that was drawn, and what it is."""
    if drawn.delay is not None:
        yield "delay", f"{drawn.delay:g}"
    if drawn.abort is not None:
        yield drawn.abort.kind, drawn.abort.what
    if drawn.response is not None:
        yield from done(drawn.response)


class Records:
    """
    Numbers the injections of each rule, by its name, also when it leaves and comes back.

    Of names that come and do not come back, the oldest are forgotten.

    Not thread-safe: the injector holds its lock.
    """

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def record(
        self, acting: Sequence[tuple[Rule, Drawn]], facts: Facts, service: str, now: float
    ) -> tuple[Injection, ...]:
        """One record for each thing that each rule does."""
        records: list[Injection] = []
        for rule, drawn in acting:
            name = rule.options.name
            self._make_room(name)
            for kind, what in effects_of(drawn):
                number = self._numbers[name] = self._numbers[name] + 1
                records.append(
                    Injection(
                        id=f"{name}#{number}",
                        rule=name,
                        kind=kind,
                        phase=facts.phase,
                        time=now,
                        what=what,
                        service=service,
                        endpoint=facts.endpoint,
                    )
                )
        return tuple(records)

    def _make_room(self, name: str) -> None:
        # Those that act move to the end, so what is first has not acted for longest.
        number = self._numbers.pop(name, 0)
        if len(self._numbers) >= _NAMES:
            del self._numbers[next(iter(self._numbers))]
        self._numbers[name] = number
