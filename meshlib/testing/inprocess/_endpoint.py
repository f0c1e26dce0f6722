"""
How an application is served.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI 3 application."""
WSGIApp = Callable[[dict[str, Any], Any], Iterable[bytes]]
"""A WSGI application."""


@dataclass(frozen=True, slots=True)
class ASGIEndpoint:
    """
    An ASGI 3 application at one address.

    A client that leaves early is told of by `http.disconnect`, and the application goes on,
    as under a server: what was begun may be finished although its answer is lost.
    An application at several addresses starts up once.
    """

    app: ASGIApp
    _: KW_ONLY
    root_path: str = ""
    """Where the application is mounted."""
    client: tuple[str, int] | None = None
    """Whom it sees as its client; None: 127.0.0.1 and a port of the connection's own."""
    raise_app_exceptions: bool = False
    """
    Raise in the caller what the application raises. By default that is logged and answered
    with 500, or breaks off a response that has begun, as a server does it.
    """
    share_context: bool = True
    """
    Let it see the caller's context variables, those excepted that reach a real service only
    in headers: deadlines, tenants, OpenTelemetry's. What it sets stays its own.
    """
    lifespan: Literal["auto", "on", "off"] = "auto"
    """Whether it takes part in the lifespan protocol; `auto` tolerates one that raises instead."""
    cancel_on_disconnect: bool = False
    """
    Cancel it when its client leaves before the response is complete. By default it is
    cancelled no sooner than the transport is closed.
    """


@dataclass(frozen=True, slots=True)
class WSGIEndpoint:
    """
    A WSGI application at one address, each request in a thread of its own.

    A client that leaves early is noticed when the next chunk is written; the iterable's
    `close` is then called, and nothing else: threads cannot be cancelled.
    """

    app: WSGIApp
    _: KW_ONLY
    root_path: str = ""
    """Where the application is mounted: `SCRIPT_NAME`."""
    client: tuple[str, int] | None = None
    """Whom it sees as its client; None: 127.0.0.1 and a port of the connection's own."""
    raise_app_exceptions: bool = False
    """Raise in the caller what the application raises, as with `ASGIEndpoint`."""
    share_context: bool = True
    """Let it see the caller's context variables, as with `ASGIEndpoint`."""


def endpoint_of(app: Any) -> ASGIEndpoint | WSGIEndpoint:
    """
    *app* as an endpoint: ASGI if it, or its `__call__`, is a coroutine function or takes
    three arguments, WSGI otherwise.
    """
    if isinstance(app, (ASGIEndpoint, WSGIEndpoint)):
        return app
    if not callable(app):
        raise TypeError(f"{app!r} is no application, endpoint or transport")
    call = app if inspect.isroutine(app) else type(app).__call__
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(call):
        return ASGIEndpoint(app)
    try:
        inspect.signature(app).bind(None, None, None)
    except (TypeError, ValueError):
        return WSGIEndpoint(app)
    return ASGIEndpoint(app)
