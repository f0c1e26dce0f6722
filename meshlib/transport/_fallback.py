"""
What answers a call whose final outcome is a failure.
"""

from __future__ import annotations

from typing import Any

from .._libraries import stranger
from ._sdk import Sdk
from ._throttling import note_unsent


def fallback_of(call: Any, sdk: Sdk) -> tuple[str | None, Any]:
    """
    The kind of fallback that applies to the final outcome of *call*, and its value.

    The call's own comes before its service's. A cached response counts only while it is
    young enough; without one there is no fallback.
    """
    if call.counted:
        note_unsent(call)
    options = call.options
    if options is not None and options.fallback is not None:
        return _kind(options.fallback), options.fallback
    settings = call.policies.fallback
    if settings is None or callable(settings):
        return (None if settings is None else "callable"), settings
    if getattr(settings, "cached", None) is not None:
        cache = call.service.cache
        kept = None if cache is None else cache.get(call.request, sdk)
        return (None, None) if kept is None else ("cached", kept)
    response = getattr(settings, "response", None)
    return "value", response(sdk.response) if response is not None else settings


def _kind(value: Any) -> str:
    return "callable" if callable(value) else "value"


def as_response(value: Any, request: Any, sdk: Sdk) -> Any:
    """
    *value* as a response to *request*.

    A response is itself; bytes and text are the body of a 200, anything else its JSON.
    Raises TypeError for a response of another library than the caller's.
    """
    if isinstance(value, sdk.response):
        return value
    other = stranger(value, sdk.name)
    if other is not None:
        raise TypeError(
            f"the fallback is a response of {other}, and the caller uses {sdk.name}; "
            "give bytes, text or JSON, which go with both"
        )
    if isinstance(value, bytes):
        return sdk.response(200, content=value, request=request)
    if isinstance(value, str):
        return sdk.response(200, text=value, request=request)
    return sdk.response(200, json=value, request=request)
