"""
TLS under uvicorn: certificates that reload, and who the caller is.

```python
uvicorn.run(app, port=8443, **tls_options(mesh))
```

uvicorn tells an application nothing of the certificate that a caller has shown. It builds
one protocol object for each connection, and that hands each request to its application;
so these protocols, which are subclasses of uvicorn's own, put the certificate into the
scope there, as `scope["extensions"]["meshlib.tls"]["peer"]`, in DER form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

from ..security import ReloadingContext
from ._tls import Source, context_of, is_outdated, peer_of

__all__ = ["HTTPProtocol", "WebSocketProtocol", "tls_options"]

_CLOSE = (b"connection", b"close")
_GOODBYE = 1.0
"""Seconds that an idle connection has to answer that it is closed."""


def tls_options(source: Source) -> dict[str, Any]:
    """
    Options of `uvicorn.run` and `uvicorn.Config` for TLS by *source*.

    It is a mesh, whose document has `server_tls`; `ServerTLSOptions`, of which each of
    several worker processes makes its own context; or a context of `server_context`.
    """
    options = {"ssl_context_factory": _Factory(source), "http": HTTPProtocol}
    if AutoWebSocketsProtocol is not None:
        options["ws"] = WebSocketProtocol
    return options


@dataclass(frozen=True)
class _Factory:
    source: Source

    def __call__(self, config: Any, default: Any) -> ReloadingContext:
        return context_of(self.source)


class _Shown:
    """Tells the application of a connection who is at the other end of it."""

    if TYPE_CHECKING:
        app: Any

    def connection_made(self, transport: Any) -> None:
        """A connection is ready; under TLS, its handshake is over."""
        super().connection_made(transport)  # type: ignore[misc]  # stands before a protocol
        connection = transport.get_extra_info("ssl_object")
        if connection is not None:
            self.app = _Application(self.app, connection)


if TYPE_CHECKING:
    HTTPProtocol: Any
    WebSocketProtocol: Any
else:

    class HTTPProtocol(_Shown, AutoHTTPProtocol):
        """uvicorn's protocol for HTTP, whose scopes have the certificate of the caller."""

        def shutdown(self) -> None:
            """The server ends."""
            super().shutdown()
            # Who does not look at its idle connections answers no goodbye of TLS: asyncio
            # would wait 30 s for one, and the end of the server with it.
            if self.transport.is_closing():
                self.loop.call_later(_GOODBYE, self.transport.abort)

    class WebSocketProtocol(_Shown, AutoWebSocketsProtocol or object):
        """uvicorn's protocol for WebSockets, whose scopes have the certificate of the caller."""


class _Application:
    """The application as one connection calls it."""

    __slots__ = ("_app", "_connection", "_tls")

    def __init__(self, app: Any, connection: Any) -> None:
        self._app = app
        self._connection = connection
        self._tls = {"peer": peer_of(connection)}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"] = {**(scope.get("extensions") or {}), "meshlib.tls": self._tls}
        if is_outdated(self._connection) and scope["type"] == "http":
            send = _closing(send)  # so that who is not trusted any more comes to know
        await self._app(scope, receive, send)


def _closing(send: Any) -> Any:
    async def last(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), _CLOSE]}
        await send(message)

    return last
