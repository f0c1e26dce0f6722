"""
The events of calls, built only when somebody listens, and those of breakers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .._exceptions import CallRejectedError
from .._models import Endpoint
from ..breaker import BreakerState
from ..events import (
    AttemptFinished,
    BreakerChanged,
    CallFinished,
    CallRejected,
    EndpointsChanged,
    Event,
    FallbackUsed,
    FaultInjected,
    PanicChanged,
)
from ..faults import Fault
from ._target import Target

if TYPE_CHECKING:
    from ._attempt import Attempt


def tell_attempt(call: Any, attempt: Attempt) -> None:
    """An attempt has its outcome."""
    assert attempt.outcome is not None
    call.service.emit(
        AttemptFinished(
            service=call.service.name,
            endpoint=attempt.target.endpoint,
            number=attempt.number,
            outcome=attempt.outcome.name,
            status=attempt.status,
            error=attempt.error,
            elapsed=attempt.elapsed,
            fault=None if attempt.fault is None else attempt.fault.rule,
            method=call.request.method,
            span=call.span,
            stalled=attempt.stalled,
        )
    )


def tell_end(call: Any, status: int | None, error: BaseException | None) -> None:
    """The call has ended for its caller."""
    service = call.service
    if isinstance(error, CallRejectedError):
        service.emit(CallRejected(service=service.name, error=error))
    service.emit(
        CallFinished(
            service=service.name,
            method=call.request.method,
            status=status,
            error=error,
            attempts=call.number,
            elapsed=call.clock() - call.started,
            span=call.span,
            **({} if call.routed is None else call.routed.told()),
        )
    )


def tell_fallback(call: Any, kind: str, error: BaseException | None) -> None:
    """A fallback answers."""
    call.service.emit(FallbackUsed(service=call.service.name, kind=kind, error=error))


def tell_fault(call: Any, fault: Fault) -> None:
    """A fault was drawn."""
    call.service.emit(
        FaultInjected(
            service=call.service.name,
            rule=fault.rule,
            delay=fault.delay,
            status=fault.status,
            error=fault.error,
            kind=fault.kinds,
            phase=fault.phase,
            injections=fault.injections,
        )
    )


def tell_breaker(
    service: Any, target: Target, old: BreakerState, new: BreakerState, cause: object
) -> None:
    """A breaker of *service* changed its state."""
    service.emit(
        BreakerChanged(
            service=service.name,
            endpoint=target.endpoint,
            old=old.value,
            new=new.value,
            cause=cause,
            shadow=service.policies.breaker.shadow,
        )
    )


def tell_endpoints(service: Any, came: tuple[Endpoint, ...], gone: tuple[Target, ...]) -> None:
    """A snapshot of *service* took the place of the one before."""
    service.emit(
        EndpointsChanged(
            service=service.name,
            added=came,
            removed=tuple(target.endpoint for target in gone),
            total=len(service.targets),
        )
    )


def panics(service: str, before: Iterable[int], after: Iterable[int]) -> list[Event]:
    """The events of levels that began or ceased to panic."""
    return [
        PanicChanged(service=service, priority=priority, active=priority in after)
        for priority in sorted(set(before) ^ set(after))
    ]
