"""
Which context variables an application sees.
"""

from __future__ import annotations

from contextvars import Context, copy_context

import sniffio

from ..._context import ambient_deadline, served_request, tenants

_LEFT_BEHIND = {
    # What this library says in headers: another process learns it from nothing else.
    ambient_deadline,
    served_request,
    tenants,
    # Which event loop runs here; another one may run the application.
    sniffio.current_async_library_cvar,
}


def context_for(share: bool) -> Context:
    """
    A copy of the caller's context without what reaches a real service only in headers.

    Those are deadlines, tenants and the request that is served, of this library, and
    whatever OpenTelemetry keeps: a test in which they came along would pass although nothing
    propagates them. Without *share* it is empty.
    """
    context = Context()
    if share:
        for variable, value in copy_context().items():
            if variable not in _LEFT_BEHIND and not _is_telemetry(value):
                context.run(variable.set, value)
    return context


def _is_telemetry(value: object) -> bool:
    # Also what this library makes of its classes.
    return any(kind.__module__.partition(".")[0] == "opentelemetry" for kind in type(value).__mro__)
