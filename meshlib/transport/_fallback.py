"""
What answers a call whose final outcome is a failure.
"""

from __future__ import annotations

from typing import Any

import httpx


def fallback_of(call: Any) -> tuple[str | None, Any]:
    """
    The kind of fallback that applies to the final outcome of *call*, and its value.

    The call's own comes before its service's. A cached response counts only while it is
    young enough; without one there is no fallback.
    """
    options = call.options
    if options is not None and options.fallback is not None:
        return _kind(options.fallback), options.fallback
    settings = call.policies.fallback
    if settings is None or callable(settings):
        return (None if settings is None else "callable"), settings
    if getattr(settings, "cached", None) is not None:
        kept = None if call.service.cache is None else call.service.cache.get(call.request)
        return (None, None) if kept is None else ("cached", kept)
    response = getattr(settings, "response", None)
    return "value", response() if response is not None else settings


def _kind(value: Any) -> str:
    return "callable" if callable(value) else "value"


def as_response(value: Any, request: httpx.Request) -> httpx.Response:
    """
    *value* as a response to *request*.

    A response is itself; bytes and text are the body of a 200, anything else its JSON.
    """
    if isinstance(value, httpx.Response):
        return value
    if isinstance(value, bytes):
        return httpx.Response(200, content=value, request=request)
    if isinstance(value, str):
        return httpx.Response(200, text=value, request=request)
    return httpx.Response(200, json=value, request=request)
