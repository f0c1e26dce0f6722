"""
The decisions about one request, and what is to be done when it is over.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .._context import ServedRequest, ambient_deadline, served_request, tenants
from .._marks import FAULTS, RETRIES, SPENT, fault_name, write_faults
from ..events import RequestRefused, RequestServed
from ..telemetry import ServedTrace, attach, detach
from ._access_log import log_access
from ._fault import ArrivalFault
from ._head import Head
from ._headers import LOAD
from ._load_meter import LoadMeter
from ._refusal import PROBED, Refusal

if TYPE_CHECKING:
    from ._inbound import Inbound
    from ._parts import Parts

_MOST_UNCOUNTED = 250
_OVERLOADED = (503, 504)
"""Statuses that say that there was no answer in time, here or further on."""


class Arrival(AbstractContextManager[ServedRequest]):
    """
    A request that has arrived. Driven by one thread or task at a time.

    When `refusal` is set, it is the answer, and the application must not run. Else the
    driver carries out `fault`, if there is one, and runs the application inside `context`.
    Whatever happens, it calls `finish` at the end of the response's body: the permit is
    given back there. `route` may be set as soon as the application has matched it.
    """

    __slots__ = (
        "_deadline", "_inbound", "_number", "_served", "_tenants", "_trace",
        "deadline", "decision", "detail", "ended", "fault", "head", "met", "meter", "now", "parts",
        "permit", "refusal", "reports", "route", "served", "tenant", "trace", "trusted",
    )  # fmt: skip

    def __init__(self, inbound: Inbound, parts: Parts, head: Head, now: float, number: int) -> None:
        self._inbound = inbound
        self._number = number
        self.ended = False
        self.parts = parts
        self.head = head
        self.now = now
        """When it arrived, on the mesh clock."""
        self.route = head.route
        self.served: ServedRequest
        """What calls made for it need to know."""
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
        self.meter: LoadMeter | None = None
        self.met = 0
        """How many others were in flight, if *meter* counts it."""
        self.reports = False
        """Whether the answer tells how loaded this process is."""
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

        A deadline that is around already stays in force where it is the nearer one. To be
        left where it was entered, that is in the same task or copied context, and entered
        once.
        """
        return self

    # The arrival itself, because every object more is felt in what a request costs.

    def __enter__(self) -> ServedRequest:
        served = self.served
        self._served = served_request.set(served)
        if self.tenant is not None:
            self._tenants = tenants.set((self.tenant, *tenants.get()))
        self._deadline: Token[float | None] | None = None
        deadline = self.deadline
        if deadline is not None:
            outer = ambient_deadline.get()
            if outer is None or deadline < outer:
                self._deadline = ambient_deadline.set(deadline)
        if self.trace is not None:
            self._trace = attach(self.trace.context)
        return served

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        served_request.reset(self._served)
        if self.tenant is not None:
            tenants.reset(self._tenants)
        if self._deadline is not None:
            ambient_deadline.reset(self._deadline)
        if self.trace is not None:
            detach(self._trace)

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

    def report(self) -> tuple[bytes, bytes]:
        """The header that tells how loaded this process is, this request aside."""
        assert self.meter is not None  # who reports counts
        return LOAD, self.meter.header(without=1)

    def finish(self, status: int | None, error: BaseException | None = None) -> None:
        """
        The response has been sent with *status*, or *error* ended it. Idempotent.

        Gives the permit back, and tells metrics, listeners, the span and the access log.
        """
        if self.ended:
            return
        self.ended = True
        inbound, parts, refusal = self._inbound, self.parts, self.refusal
        now = inbound.clock()
        elapsed = now - self.now
        if refusal is None:
            if self.permit:
                self._leave(now, elapsed, status, error)
            if self.fault is not None:
                self.fault.end(status, elapsed)
            counters, number = inbound.counters, self._number
            failed = error is not None or status is None or status >= 500
            if failed or self.fault is not None or number < counters.first:
                counters.ended(number, elapsed, failed, self.fault is not None)
            else:
                counters.log.append(elapsed)
                if len(counters.log) > _MOST_UNCOUNTED:
                    counters.add_up()
        elif refusal.reason == PROBED:
            inbound.counters.probed(self._number)
            self._end_trace(status, error)
            return
        else:
            inbound.counters.refused(self._number, refusal.reason)
        if self.meter is not None:
            failed = error is not None or status is None or status >= 500
            usual = not failed and refusal is None and self.fault is None
            self.meter.end(self.met, elapsed if usual else None)
        if inbound.listening:  # before the span is over, which the event has
            self._tell(status, error, elapsed)
        if self.trace is not None:
            self._end_trace(status, error)
        if parts.access_log:
            log_access(self, status, error, elapsed)

    def _end_trace(self, status: int | None, error: BaseException | None) -> None:
        if self.trace is not None and self.trace.made is not None:
            assert self.parts.tracing is not None
            self.parts.tracing.end(self.trace, status, error, self.route)

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
