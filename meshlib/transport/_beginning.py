"""
What only some calls need at their beginning.
"""

from __future__ import annotations

from typing import Any

from .._models import CallOptions


def take_options(call: Any, options: CallOptions) -> None:
    """Have *call* go by *options*."""
    call.options = options
    if options.timeout is not None:
        call.deadline = call.now + options.timeout
        call.callers_deadline = True
    if options.attempt_timeout is not None:
        call.attempt_timeout = options.attempt_timeout
    call.hash_key = options.hash_key


def is_idempotent(call: Any) -> bool:
    """Whether *call* may be sent twice: as its options say, its policies, or its method."""
    options, policies, request = call.options, call.policies, call.request
    for said in (None if options is None else options.idempotent, policies.idempotent):
        if said is not None:
            return bool(said)
    return request.method in policies.methods or "idempotency-key" in request.headers


def look_closer(call: Any, options: CallOptions | None) -> None:
    """Work out keys, hedges, fallbacks, and what must be done before the first attempt."""
    service, policies = call.service, call.policies
    call.special = True
    if call.hash_key is None and policies.key_source is not None:
        call.hash_key = policies.key_source(call.request)
    call.must_buffer = not call.replayable and policies.retry.buffer_body > 0
    call.unprepared = call.must_buffer or not service.ready
    call.hedged = (
        call.lane.hedge is not None
        and call.idempotent
        and (call.replayable or call.must_buffer)
        and not (options is not None and options.hedge is False)
    )
    call.may_fall_back = policies.fallback is not None or (
        options is not None and options.fallback is not None
    )
