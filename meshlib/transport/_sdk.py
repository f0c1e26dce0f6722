"""
What differs between the HTTP libraries that a mesh can stand on.

The core speaks of requests, responses and errors without naming their library; this
table names them. Another library with the same shapes is another `Sdk`, made by `sdk_of`:
calls of one mesh may then come from clients of either.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import httpcore
import httpx

from .._models import (
    BROKEN,
    CALLER_ERROR,
    NEVER_SENT,
    POOL_TIMEOUT,
    UNWELCOME,
    OutcomeClass,
)
from ._headers import request_maker, response_maker

E = TypeVar("E", bound=Exception)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Sdk:
    """One HTTP library: its classes, its connection layer, and how its errors are classified."""

    name: str
    http: Any
    """The library itself."""
    core: Any
    """Its connection layer."""
    request: Any
    response: Any
    headers: Any
    url: Any
    byte_stream: type
    request_of: Callable[..., Any]
    """Makes a request of valid parts, as `make_request` in the module of headers says."""
    response_of: Callable[..., Any]
    """Makes a response of valid parts."""
    http_error: type[Exception]
    timeout_error: type[Exception]
    pool_timeout: type[Exception]
    errors: Mapping[type[BaseException], OutcomeClass]
    """Outcome class of each error; an error not listed takes its nearest base's."""
    wire_errors: Mapping[type[BaseException], type[Exception]]
    """What each error of the connection layer is raised as."""
    refusals: Mapping[type[BaseException], type[Exception]]
    """The same, for a server that refuses the certificate of this process."""
    stale: tuple[type[Exception], ...]
    """Errors of the connection layer by which a kept connection shows that it was closed."""


class Timeouts(ABC):  # noqa: B024 -- it only collects classes, with those that come later
    """Errors that a passed deadline explains: each library registers its own."""


Timeouts.register(TimeoutError)

BYTE_STREAMS: set[type] = set()
"""The classes of request bodies that are bytes, of every library that is in use."""

ERRORS: dict[type[BaseException], OutcomeClass] = {}
"""The outcome classes of every library that is in use."""

OWN: dict[type, Callable[[type[Exception]], type[Exception]]] = {}
"""By class of request: gives the class that an error has for callers of that library."""

_WIRE_ERRORS = (
    "ConnectTimeout",
    "ReadTimeout",
    "WriteTimeout",
    "PoolTimeout",
    "TimeoutException",
    "ConnectError",
    "ReadError",
    "WriteError",
    "NetworkError",
    "ProxyError",
    "UnsupportedProtocol",
    "ProtocolError",
    "LocalProtocolError",
    "RemoteProtocolError",
)


def sdk_of(
    http: Any, core: Any, connect_refused: type[Exception], read_refused: type[Exception]
) -> Sdk:
    """
    The table of the library *http* with its connection layer *core*; calls may use it from now.

    The other two are what its ConnectError and ReadError are raised as when the server
    refused the certificate of this process.
    """
    errors = {
        connect_refused: UNWELCOME,
        read_refused: UNWELCOME,
        http.ConnectError: NEVER_SENT,
        http.ConnectTimeout: NEVER_SENT,
        http.ProxyError: NEVER_SENT,
        http.PoolTimeout: POOL_TIMEOUT,
        http.UnsupportedProtocol: CALLER_ERROR,
        http.LocalProtocolError: CALLER_ERROR,
        http.TransportError: BROKEN,
    }
    ERRORS.update(errors)
    BYTE_STREAMS.add(http.ByteStream)
    Timeouts.register(http.TimeoutException)
    return Sdk(
        name=http.__name__,
        http=http,
        core=core,
        request=http.Request,
        response=http.Response,
        headers=http.Headers,
        url=http.URL,
        byte_stream=http.ByteStream,
        request_of=request_maker(http.Request, http.Headers),
        response_of=response_maker(http.Response, http.Headers),
        http_error=http.HTTPError,
        timeout_error=http.ReadTimeout,
        pool_timeout=http.PoolTimeout,
        errors=errors,
        wire_errors={getattr(core, name): getattr(http, name) for name in _WIRE_ERRORS},
        refusals={core.ConnectError: connect_refused, core.ReadError: read_refused},
        stale=(core.RemoteProtocolError, core.ReadError, core.WriteError),
    )


class ConnectRefusedError(httpx.ConnectError):
    """The server refused the client certificate in the handshake."""


class ReadRefusedError(httpx.ReadError):
    """The server refused the client certificate after the handshake, as TLS 1.3 has it."""


HTTPX = sdk_of(httpx, httpcore, ConnectRefusedError, ReadRefusedError)


@lru_cache(maxsize=64)
def based(kind: type[T], base: type) -> type[T]:
    """*kind* as a class of *base* too, which libraries ask of what they are given."""
    return type(kind.__name__, (kind, base), {"__module__": kind.__module__})


def own(error: E, request: Any) -> E:
    """
    *error*, made by the mesh, as one of the library of *request*, so that its users catch it.

    It stays itself, with what it says and carries; its class is one that inherits from its
    own and from that of the library.
    """
    if OWN:
        for base in type(request).__mro__:
            kind_of = OWN.get(base)
            if kind_of is not None:
                kind: Any = kind_of(type(error))
                error.__class__ = kind
                break
    return error


def replayable(stream: Any) -> bool:
    """
    Whether a request body can be sent a second time.

    Bytes can; a multipart body can when each of its files can be rewound. Iterators and
    generators cannot: their second sending would be empty.
    """
    if not BYTE_STREAMS.isdisjoint(type(stream).__mro__):
        return True
    fields = getattr(stream, "fields", None)
    if fields is None:
        return False
    return all(
        isinstance(file, str | bytes) or hasattr(file, "seek")
        for file in (getattr(item, "file", b"") for item in fields)
    )
