"""
What only some calls need at their beginning.
"""

from __future__ import annotations

from typing import Any

from .._models import CallOptions


def take_options(call: Any, options: CallOptions, idempotent: bool | None) -> bool | None:
    """Have *call* go by *options*; return whether it may be sent twice, None for its method."""
    if options.timeout is not None:
        call.deadline = call.now + options.timeout
        call.callers_deadline = True
    if options.attempt_timeout is not None:
        call.attempt_timeout = options.attempt_timeout
    if options.retry is False:
        call.max_attempts = 1
    call.hash_key = options.hash_key
    return idempotent if options.idempotent is None else options.idempotent


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
