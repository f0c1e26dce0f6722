"""
What spans and metrics alike say of a request, by OpenTelemetry's HTTP semantic conventions.
"""

from __future__ import annotations

from typing import Any

INSTRUMENTATION = "meshlib"
SCHEMA = "https://opentelemetry.io/schemas/1.37.0"

# RFC 9110, PATCH of RFC 5789, and QUERY, which the conventions list too.
_METHODS = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE")
)


def method_attributes(method: str) -> dict[str, Any]:
    """The method; one that is not known is named apart, so that metrics stay few."""
    if method in _METHODS:
        return {"http.request.method": method}
    return {"http.request.method": "_OTHER", "http.request.method_original": method}


def span_name(method: str) -> str:
    """The method, or `HTTP` for one that is not known: names of spans are to be few."""
    return method if method in _METHODS else "HTTP"


def result_attributes(status: int | None, error: BaseException | None) -> dict[str, Any]:
    """How a request ended: its status, and the type of error for a failure."""
    told: dict[str, Any] = {}
    if status is not None:
        told["http.response.status_code"] = status
        if status >= 400:
            told["error.type"] = str(status)
    if error is not None:
        told["error.type"] = error_type(error)
    return told


def server_result(status: int | None, error: BaseException | None) -> dict[str, Any]:
    """The same of a request that was served: what the caller did wrong is no failure."""
    told: dict[str, Any] = {} if status is None else {"http.response.status_code": status}
    if error is not None:
        told["error.type"] = error_type(error)
    elif status is not None and status >= 500:
        told["error.type"] = str(status)
    return told


def error_type(error: BaseException) -> str:
    """The class of *error* with its module, which built-in ones go without."""
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
