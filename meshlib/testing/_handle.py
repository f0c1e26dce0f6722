"""One fault of a test: whether it fired, and what absorbed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

from ..faults import FaultRule, Injection

Absorber = Literal["retry", "hedge", "fallback", "patience", "breaker"]
"""
What kept a fault from the caller. `patience`: it only cost time, and nothing ran out of it;
`breaker`: the endpoint's breaker was open afterwards, which spares the calls that follow.
"""
Unused = Literal["error", "warn", "ignore"]
"""What becomes of a test that passes though its fault never fired."""

ABSORBERS: tuple[str, ...] = get_args(Absorber)


class FaultHandle:
    """
    A fault rule in every mesh of a test, and the proof of what it did.

    Made by the fixture `fault` and by `Stage.fault`. Thread-safe.
    """

    def __init__(
        self,
        rule: FaultRule,
        *,
        unused: Unused,
        fired: Callable[[str], int],
        injections: Callable[[str], Sequence[Injection]],
        tell: Callable[[str | None], str],
        switch: Callable[[str, bool], None],
    ) -> None:
        self.rule = rule
        self.unused: Unused = unused
        self._fired = fired
        self._injections = injections
        self._tell = tell
        self._switch = switch

    @property
    def name(self) -> str:
        """The name of its rule, as reports and logs have it."""
        return self.rule.name

    @property
    def injections(self) -> tuple[Injection, ...]:
        """What it did to calls that are over, one by one, in the order of time."""
        return tuple(self._injections(self.name))

    @property
    def fired(self) -> int:
        """How many attempts or calls it touched."""
        return self._fired(self.name)

    def stop(self) -> None:
        """Do nothing any more; what was done is remembered."""
        self._switch(self.name, False)

    def resume(self) -> None:
        """Go on after `stop`."""
        self._switch(self.name, True)

    def assert_fired(self, times: int | None = None) -> None:
        """Fail unless it fired, or unless it did so *times* times."""
        __tracebackhide__ = True
        fired = self.fired
        if times is None and not fired:
            self._fail("never fired")
        if times is not None and fired != times:
            self._fail(f"fired {_times(fired)}, not {_times(times)}")

    def assert_absorbed(self) -> None:
        """Fail unless it fired, and no call that it touched went wrong for its caller."""
        __tracebackhide__ = True
        self._assert_over()
        lost = [each for each in self.injections if each.absorbed_by is None]
        if lost:
            self._fail(f"reached the caller {_times(len(lost))}, as {_results(lost)}")

    def assert_absorbed_by(self, absorber: Absorber) -> None:
        """Fail unless it fired, and *absorber* helped each time it did."""
        __tracebackhide__ = True
        if absorber not in ABSORBERS:
            raise ValueError(f"{absorber!r} absorbs nothing; known are {', '.join(ABSORBERS)}")
        self._assert_over()
        others = [each for each in self.injections if absorber not in absorbers(each)]
        if others:
            became = Counter(_by(each) for each in others)
            words = ", ".join(f"{_times(n)} {what}" for what, n in sorted(became.items()))
            self._fail(f"was not always absorbed by {absorber}: {words}")

    def assert_not_absorbed(self) -> None:
        """Fail unless it fired, and each call that it touched went wrong for its caller."""
        __tracebackhide__ = True
        self._assert_over()
        absorbed = [each for each in self.injections if each.absorbed_by is not None]
        if absorbed:
            became = sorted({str(each.absorbed_by) for each in absorbed})
            self._fail(f"was absorbed {_times(len(absorbed))}, by {', '.join(became)}")

    def _assert_over(self) -> None:
        __tracebackhide__ = True
        self.assert_fired()
        if not self.injections:
            self._fail("fired in a call that is not over: read or close its response first")

    def complaint(self) -> str:
        """What to tell whoever expected it to fire."""
        return self._message("never fired")

    def _fail(self, what: str) -> None:
        __tracebackhide__ = True
        raise AssertionError(self._message(what))

    def _message(self, what: str) -> str:
        lines = [f"the fault {self.name!r} {what}"]
        lines += [f"  {_line(each)}" for each in self.injections]
        return "\n".join([*lines, self._tell(self.rule.match.service)])

    def __repr__(self) -> str:
        return f"<FaultHandle {self.name!r}: fired {_times(self.fired)}>"


def absorbers(injection: Injection) -> tuple[str, ...]:
    """What answered *injection*; nothing when its call failed and the next one will try again."""
    breaker = ("breaker",) if injection.breaker == "open" else ()
    return breaker if injection.absorbed_by is None else (injection.absorbed_by, *breaker)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _results(injections: Sequence[Injection]) -> str:
    return ", ".join(sorted({str(each.result) for each in injections}))


def _line(injection: Injection) -> str:
    parts: list[Any] = [f"{injection.id}: {injection.kind} {injection.what}"]
    if injection.endpoint:
        parts.append(f"at {injection.endpoint}")
    parts.append(f"-> {injection.result}, {injection.retries} retries,")
    return " ".join([*parts, _by(injection)])


def _by(injection: Injection) -> str:
    by = absorbers(injection)
    return f"absorbed by {' and '.join(by)}" if by else "not absorbed"
