"""
What differs between the HTTP libraries that a mesh can stand on.

The core speaks of requests, responses and errors without naming their library; this
table names them. Another library with the same shapes is another `Sdk`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Sdk:
    """One HTTP library: its classes, and how its errors are classified."""

    request: Any
    response: Any
    headers: Any
    url: Any
    byte_stream: type
    timeout_error: type[Exception]
    pool_timeout: type[Exception]
    errors: Mapping[type[BaseException], OutcomeClass]
    """Outcome class of each error; an error not listed takes its nearest base's."""
    wire_errors: Mapping[type[BaseException], type[Exception]]
    """What each error of the connection layer is raised as."""
    refusals: Mapping[type[BaseException], type[Exception]]
    """The same, for a server that refuses the certificate of this process."""


class ConnectRefusedError(httpx.ConnectError):
    """The server refused the client certificate in the handshake."""


class ReadRefusedError(httpx.ReadError):
    """The server refused the client certificate after the handshake, as TLS 1.3 has it."""


def _wire_errors() -> dict[type[BaseException], type[Exception]]:
    names = (
        "ConnectTimeout ReadTimeout WriteTimeout PoolTimeout TimeoutException ConnectError "
        "ReadError WriteError NetworkError ProxyError UnsupportedProtocol ProtocolError "
        "LocalProtocolError RemoteProtocolError"
    )
    return {getattr(httpcore, name): getattr(httpx, name) for name in names.split()}


HTTPX = Sdk(
    request=httpx.Request,
    response=httpx.Response,
    headers=httpx.Headers,
    url=httpx.URL,
    byte_stream=httpx.ByteStream,
    timeout_error=httpx.ReadTimeout,
    pool_timeout=httpx.PoolTimeout,
    errors={
        ConnectRefusedError: UNWELCOME,
        ReadRefusedError: UNWELCOME,
        httpx.ConnectError: NEVER_SENT,
        httpx.ConnectTimeout: NEVER_SENT,
        httpx.ProxyError: NEVER_SENT,
        httpx.PoolTimeout: POOL_TIMEOUT,
        httpx.UnsupportedProtocol: CALLER_ERROR,
        httpx.LocalProtocolError: CALLER_ERROR,
        httpx.TransportError: BROKEN,
    },
    wire_errors=_wire_errors(),
    refusals={
        httpcore.ConnectError: ConnectRefusedError,
        httpcore.ReadError: ReadRefusedError,
    },
)


def replayable(stream: Any) -> bool:
    """
    Whether a request body can be sent a second time.

    Bytes can; a multipart body can when each of its files can be rewound. Iterators and
    generators cannot: their second sending would be empty.
    """
    if isinstance(stream, httpx.ByteStream):
        return True
    fields = getattr(stream, "fields", None)
    if fields is None:
        return False
    return all(
        isinstance(file, str | bytes) or hasattr(file, "seek")
        for file in (getattr(item, "file", b"") for item in fields)
    )
