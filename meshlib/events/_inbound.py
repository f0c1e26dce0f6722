"""
What happened to requests that this process serves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestServed(Event):
    """
    A request was served, to its last byte or to its *error*; *service* is this process.

    *status* is None when no answer was begun. *route* is the template that the application
    matched, empty when it told none. *request* is the `ServedRequest`, *decision* what
    authorization decided, None where nothing does. *fault* names the rules that acted on it.
    *span* is OpenTelemetry's, None where nothing traces the request.
    """

    method: str
    route: str
    status: int | None
    error: BaseException | None
    elapsed: float
    request: Any
    decision: Any = None
    fault: str | None = None
    span: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused(Event):
    """
    A request was answered with *status* before the application saw it; *service* is this process.

    *reason* is `deadline`, `shed`, `token` or `authorization`. *detail* is what the caller
    is not told, such as what is wrong with its token. *request*, *decision* and *span* are
    those of `RequestServed`.
    """

    method: str
    route: str
    status: int
    reason: str
    request: Any
    decision: Any = None
    detail: str = ""
    span: Any = None
