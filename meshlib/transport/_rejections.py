"""
The errors of a call that the mesh itself ends, with their facts.
"""

from __future__ import annotations

from typing import Any

from .._exceptions import (
    BulkheadFullError,
    CallRejectedError,
    CircuitOpenError,
    DeadlineExceededError,
    MeshError,
    NoEndpointError,
)
from ._pickable import Pickable, breaker_of
from ._sdk import Sdk, own
from ._throttling import note_unsent


def deadline_exceeded(call: Any, now: float) -> DeadlineExceededError:
    """The deadline of *call* has passed."""
    elapsed = now - call.started
    error = DeadlineExceededError(
        f"the deadline of a call to {call.service.name!r} passed after {elapsed:.3f} s "
        f"and {call.number} attempt{'' if call.number == 1 else 's'}",
        attempts=call.number,
        elapsed=elapsed,
    )
    return own(error, call.request)


def nothing_to_pick(call: Any, pickable: Pickable, now: float) -> CallRejectedError:
    """No target of the service may be picked: none is known, or every breaker is open."""
    service = call.service
    name = service.name
    if not pickable.total:
        looked = service.sources
        detail = "" if service.ready else ", which has not answered yet"
        return NoEndpointError(
            f"no endpoint is known for {_of(call)}; looked in {looked}{detail}", service=name
        )
    breakers = [breaker_of(pickable, target) for target in pickable.targets]
    retry_after, soonest = min(
        ((breaker.retry_after(now), breaker) for breaker in breakers), key=lambda pair: pair[0]
    )
    cause = soonest.cause
    return CircuitOpenError(
        f"every endpoint of {_of(call)} ({len(breakers)}) is held open by its breaker; the next "
        f"probe is in {retry_after:.3f} s; the last failure was {cause!r}",
        service=name,
        retry_after=retry_after,
        cause=cause,
    )


def _of(call: Any) -> str:
    """The service, and which of its endpoints if not all."""
    name, destination = call.service.name, None
    if call.routed is not None:
        destination = call.lane.destination
    return repr(name) if destination is None else f"{name!r} in {destination.name!r}"


def bulkhead_full(call: Any, waited: float) -> BulkheadFullError:
    """The call found no permit and no place, or waited in vain."""
    service = call.service
    bulkhead = call.lane.bulkhead
    limit, queued = bulkhead.max_concurrency or 0, bulkhead.queued
    tenant = None if call.routed is None else call.lane.tenant
    whose = "" if tenant is None else f" of the tenant {tenant!r}"
    how = f"after waiting {waited:.3f} s" if waited else "and the queue is full"
    return BulkheadFullError(
        f"{limit} calls{whose} to {service.name!r} are in flight and {queued} are queued, {how}",
        service=service.name,
        max_concurrency=limit,
        queued=queued,
    )


def full(call: Any) -> Exception:
    """The error of a call that found no permit in time."""
    now = call.clock()
    if now >= call.deadline:
        return deadline_exceeded(call, now)
    return bulkhead_full(call, now - call.started)


def status_error(call: Any, response: Any, sdk: Sdk) -> Exception:
    """What an attempt ended with that *response* made fail."""
    message = f"{call.service.name!r} answered {response.status_code}"
    error: Exception = sdk.http.HTTPStatusError(message, request=call.request, response=response)
    return error


def is_late(call: Any, error: Exception) -> bool:
    """Whether *error* is but the way in which the deadline of *call* showed itself."""
    return (
        isinstance(error, call.service.timeouts)
        and not isinstance(error, DeadlineExceededError)
        and call.clock() >= call.deadline
    )


def late(call: Any) -> DeadlineExceededError:
    """End *call* because its deadline has passed; returns what its caller gets."""
    error = deadline_exceeded(call, call.clock())
    conclude(call, error)
    return error


def conclude(call: Any, error: BaseException) -> None:
    """
    End *call* with *error*.

    A rejection after a failed attempt names that attempt's outcome as its cause.
    """
    if isinstance(error, MeshError):
        own(error, call.request)
    cause = call.last_error
    if cause is not None and isinstance(error, CallRejectedError | DeadlineExceededError):
        error.__cause__ = cause
    call.close()
    if call.counted:
        note_unsent(call)
    call.finished(None, error)
    call.forget_errors()
