"""
The decisions about one request, and what is to be done when it is over.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from .._context import ServedRequest
from .._marks import FAULTS, RETRIES, SPENT, fault_name, write_faults
from ..events import RequestRefused, RequestServed
from ..telemetry import ServedTrace
from ._access_log import log_access
from ._current import Current
from ._fault import ArrivalFault
from ._head import Head
from ._refusal import Refusal

if TYPE_CHECKING:
    from ._inbound import Inbound
    from ._parts import Parts

_OVERLOADED = (503, 504)
"""Statuses that say that there was no answer in time, here or further on."""


class Arrival:
    """
    A request that has arrived. Driven by one thread or task at a time.

    When `refusal` is set, it is the answer, and the application must not run. Else the
    driver carries out `fault`, if there is one, and runs the application inside `context`.
    Whatever happens, it calls `finish` at the end of the response's body: the permit is
    given back there. `route` may be set as soon as the application has matched it.
    """

    __slots__ = (
        "_ended", "_inbound", "client_ip", "deadline", "decision", "detail", "fault", "head", "now",
        "parts", "permit", "refusal", "route", "served", "tenant", "trace", "trusted",
    )  # fmt: skip

    def __init__(self, inbound: Inbound, parts: Parts, head: Head, now: float) -> None:
        self._inbound = inbound
        self._ended = False
        self.parts = parts
        self.head = head
        self.now = now
        """When it arrived, on the mesh clock."""
        self.route = head.route
        self.served: ServedRequest
        """What calls made for it need to know."""
        self.client_ip: str | None = None
        self.tenant: str | None = None
        self.deadline: float | None = None
        """The instant on the mesh clock by which the answer must have been given."""
        self.refusal: Refusal | None = None
        self.detail = ""
        """What of a refusal only this side is told."""
        self.decision: Any = None
        """What authorization decided; None where nothing does."""
        self.fault: ArrivalFault | None = None
        self.permit = False
        self.trace: ServedTrace | None = None
        self.trusted = False
        """Whether all of its way is trusted, and it may be told of what happens within."""

    @property
    def left(self) -> float | None:
        """Seconds until the deadline; None without one."""
        return None if self.deadline is None else self.deadline - self._inbound.clock()

    def context(self) -> AbstractContextManager[ServedRequest]:
        """
        Have the calls made inside the block carry on the deadline, the trace and the rest.

        To be left where it was entered, that is in the same task or copied context.
        """
        return Current(self)

    def marks(self) -> tuple[tuple[bytes, bytes], ...]:
        """Headers that an answer with a status from 400 on has beside its own; mostly none."""
        if not self.trusted:
            return ()
        marks = self.served.marks
        if self.fault is not None and self.fault.stands():
            marks.add((fault_name(self._inbound.name, self.fault.rule),))
        said = []
        if marks.faults:
            said.append((FAULTS.encode("ascii"), write_faults(marks.faults)))
        if marks.spent:
            said.append((RETRIES.encode("ascii"), SPENT.encode("ascii")))
        return tuple(said)

    def finish(self, status: int | None, error: BaseException | None = None) -> None:
        """
        The response has been sent with *status*, or *error* ended it. Idempotent.

        Gives the permit back, and tells metrics, listeners, the span and the access log.
        """
        if self._ended:
            return
        self._ended = True
        inbound, parts, refusal = self._inbound, self.parts, self.refusal
        now = inbound.clock()
        elapsed = now - self.now
        if refusal is None:
            if self.permit:
                self._leave(now, elapsed, status, error)
            if self.fault is not None:
                self.fault.end(status, elapsed)
            failed = error is not None or status is None or status >= 500
            inbound.counters.ended(elapsed, failed, self.fault is not None)
        else:
            inbound.counters.refused(refusal.reason)
        if inbound.listening:  # before the span is over, which the event has
            self._tell(status, error, elapsed)
        if self.trace is not None:
            assert parts.tracing is not None
            parts.tracing.end(self.trace, status, error, self.route)
        if parts.access_log:
            log_access(self, status, error, elapsed)

    def _leave(
        self, now: float, elapsed: float, status: int | None, error: BaseException | None
    ) -> None:
        """Give the permit back; of what failed only being late says anything about the load."""
        late = self.deadline is not None and now >= self.deadline
        dropped = late or status in _OVERLOADED
        broken = error is not None or status is None or status >= 500 or status == 429
        if self.fault is not None:  # what was made up says nothing
            dropped, broken = False, True
        assert self.parts.gate is not None  # it gave the permit
        self.parts.gate.leave(now, None if broken else elapsed, dropped)

    def _tell(self, status: int | None, error: BaseException | None, elapsed: float) -> None:
        refusal = self.refusal
        said: dict[str, Any] = {
            "service": self._inbound.name,
            "method": self.head.method,
            "route": self.route or "",
            "request": self.served,
            "decision": self.decision,
            "span": None if self.trace is None else self.trace.span,
        }
        if refusal is not None:
            self._inbound.emit(
                RequestRefused(
                    status=refusal.status, reason=refusal.reason, detail=self.detail, **said
                )
            )
            return
        fault = None if self.fault is None else self.fault.rule
        self._inbound.emit(
            RequestServed(status=status, error=error, elapsed=elapsed, fault=fault, **said)
        )
