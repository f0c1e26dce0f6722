"""A line of JSON for each request, without secrets."""

from __future__ import annotations

import json
import logging
from typing import Any

from .._redact import redacted, redacted_value

_LOGGER = logging.getLogger("meshlib.access")
_LONGEST = 2048


def log_access(
    arrival: Any, status: int | None, error: BaseException | None, elapsed: float
) -> None:
    """
    Log a request that is over, at the level INFO.

    The message is an object of JSON, and the record has it as `access` too. Values that
    are not known are left out. Of an error only its type is told, and of a query's
    parameters that may be secret only their names.
    """
    if not _LOGGER.isEnabledFor(logging.INFO):
        return
    head, served, refusal = arrival.head, arrival.served, arrival.refusal
    said: dict[str, Any] = {
        "method": head.method,
        "path": redacted_value(head.path)[:_LONGEST],
        "query": redacted(f"?{head.query}")[1:_LONGEST] if head.query else None,
        "route": arrival.route,
        "status": status,
        "error": None if error is None else type(error).__name__,
        "refused": None if refusal is None else refusal.reason,
        "elapsed": round(elapsed, 6),
        "request_id": served.request_id,
        "attempt": served.attempt,
        "priority": served.priority.name.lower(),
        "tenant": served.tenant,
        "client_ip": served.client_ip,
        "caller": served.caller,
        "origin": served.origin if served.depth else None,
        "trace_id": None if arrival.trace is None else arrival.trace.trace_id or None,
        "fault": None if arrival.fault is None else arrival.fault.rule,
    }
    said = {name: value for name, value in said.items() if value is not None}
    # As an argument, so that a per cent sign in a path is no placeholder.
    _LOGGER.info("%s", json.dumps(said), extra={"access": said})
