"""A fault that is to be injected into a request that is served."""

from __future__ import annotations

from typing import Any

from ..faults import Fault, FaultPlan
from ._refusal import Refusal

_BODILESS = (204, 304)


class ArrivalFault:
    """
    Wait for *delay* seconds, then answer with *answer* if there is one and the fault stands.

    A driver that waits by something which can be set, as an `Event`, gives that to `hold`
    before and to `let_go` after, so that stopping the faults ends the wait.
    """

    __slots__ = ("_fault", "_plan", "answer", "delay", "rule")

    def __init__(self, plan: FaultPlan, fault: Fault) -> None:
        self._plan = plan
        self._fault = fault
        self.rule = fault.rule
        self.delay = fault.delay
        self.answer = None if fault.status is None else _answer(fault.status, fault)

    def stands(self) -> bool:
        """Whether it still acts: not once faults were stopped."""
        return self._plan.stands(self._fault)

    def hold(self, waiter: Any) -> bool:
        """Set *waiter* as soon as the fault is called off; False when it was already."""
        return self._plan.hold(self._fault, waiter)

    def let_go(self, waiter: Any) -> None:
        """Forget *waiter*, which waits no more."""
        self._plan.let_go(waiter)

    def end(self, status: int | None, elapsed: float) -> None:
        """The request is over: log what became of it, and count the fault no more."""
        for injection in self._fault.injections:
            injection.result = str(status)
            injection.added_latency = min(self.delay, elapsed)
        self._plan.remember(self._fault.injections)
        self._plan.release(self._fault)


def _answer(status: int, fault: Fault) -> Refusal:
    given = {"content-type": "text/plain; charset=utf-8"} if fault.body else {}
    if fault.retry_after is not None:
        given["retry-after"] = f"{fault.retry_after:g}"
    given |= {name.lower(): value for name, value in fault.headers.items()}
    body = b"" if status in _BODILESS else fault.body.encode()
    if status not in _BODILESS:
        given["content-length"] = str(len(body))
    headers = [
        (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in given.items()
    ]
    return Refusal("fault", status, tuple(headers), body)
