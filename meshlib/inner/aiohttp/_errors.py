"""
What an error of aiohttp is called in httpx.

The adapter calls each `ClientConnectionError` a `ConnectTimeout`, which says that nothing
was sent; most of them come when a request has been sent. And it does not know
`ClientResponseError`, which is how aiohttp calls an answer that is not HTTP.
"""

from __future__ import annotations

from typing import Any, NoReturn

import aiohttp

NAMES: dict[type[BaseException], str] = {
    aiohttp.ClientError: "ReadError",
    aiohttp.ClientPayloadError: "RemoteProtocolError",
    aiohttp.ClientResponseError: "RemoteProtocolError",
    aiohttp.ClientHttpProxyError: "ProxyError",
    aiohttp.ClientConnectionError: "ReadError",
    aiohttp.ClientConnectionResetError: "WriteError",
    aiohttp.ClientOSError: "ReadError",
    aiohttp.ClientConnectorError: "ConnectError",
    aiohttp.ClientProxyConnectionError: "ProxyError",
    aiohttp.ServerConnectionError: "ReadError",
    aiohttp.ServerDisconnectedError: "RemoteProtocolError",
    aiohttp.ServerFingerprintMismatch: "ConnectError",
    aiohttp.ServerTimeoutError: "ReadTimeout",
    aiohttp.ConnectionTimeoutError: "ConnectTimeout",
    aiohttp.SocketTimeoutError: "ReadTimeout",
    aiohttp.InvalidURL: "LocalProtocolError",
    aiohttp.NonHttpUrlClientError: "UnsupportedProtocol",
    TimeoutError: "ReadTimeout",
    OSError: "ReadError",
    ValueError: "LocalProtocolError",
}
"""By class of aiohttp's tree: the name that httpx and httpx2 share; others take their base's."""

_UNSENT = "Failed to send bytes into the underlying connection"
"""How aiohttp begins what it says when the source of a request's body failed."""


class LostError(aiohttp.ClientError):
    """Hides an error, its cause, for which a session would send the request once more."""


def reraise(exc: Exception, library: Any) -> NoReturn:
    """
    Raise what *exc*, which came out of the adapter, is called in *library*.

    An error of the application, met while its body was read, stays what it is.
    """
    found: BaseException = exc
    while isinstance(found, (LostError, library.TransportError)) and found.__cause__ is not None:
        found = found.__cause__
    if type(found) is aiohttp.ClientConnectionError and str(found).startswith(_UNSENT):
        found = found.__cause__ or found
        if not isinstance(found, OSError | aiohttp.ClientError):
            raise found
    name = None if isinstance(found, library.TransportError) else name_of(type(found))
    if name is None:
        raise found
    raise getattr(library, name)(str(found) or type(found).__name__) from found


def name_of(kind: type[BaseException]) -> str | None:
    """The name of the nearest class of *kind* that has one."""
    for base in kind.__mro__:
        name = NAMES.get(base)
        if name is not None:
            return name
    return None
