"""
The errors of meshlib that are those of httpx2 too.

Each is caught as what it is in `meshlib` and as what the code around an httpx2 client
catches. An error that the mesh has made becomes one of these where it leaves the mesh: the
same object, with its message, facts, cause and traceback, of a class that inherits from both.
"""

from __future__ import annotations

from typing import Any, TypeVar

import httpx
import httpx2

from .. import _exceptions as plain
from ._public import public

E = TypeVar("E", bound=Exception)


@public
class CallRejectedError(plain.CallRejectedError, httpx2.TransportError):
    """The mesh refused a call; this call's rejection sent nothing."""

    request: Any
    _request: Any


@public
class NoEndpointError(plain.NoEndpointError, CallRejectedError):
    """No endpoint is known for `service`."""


@public
class CircuitOpenError(plain.CircuitOpenError, CallRejectedError):
    """Every endpoint of `service` is held open by its breaker."""


@public
class BulkheadFullError(plain.BulkheadFullError, CallRejectedError):
    """`max_concurrency` calls were in flight and this one could not be queued long enough."""


@public
class RouteDeniedError(plain.RouteDeniedError, CallRejectedError):
    """The configuration denies this destination, or a route or rule denies this call."""


@public
class CredentialsError(plain.CredentialsError, CallRejectedError):
    """The token that calls to `service` are made with could not be had."""


@public
class ThrottledError(plain.ThrottledError, CallRejectedError):
    """`service` accepts so few calls that a `share` of them is refused without being sent."""


@public
class DeadlineExceededError(plain.DeadlineExceededError, httpx2.TimeoutException):
    """The deadline of a call passed before its outcome was known."""

    request: Any
    _request: Any


class ConnectRefusedError(httpx2.ConnectError):
    """The server refused the client certificate in the handshake."""


class ReadRefusedError(httpx2.ReadError):
    """The server refused the client certificate after the handshake, as TLS 1.3 has it."""


_KINDS: dict[type[Exception], type[Exception]] = {
    plain.CallRejectedError: CallRejectedError,
    plain.NoEndpointError: NoEndpointError,
    plain.CircuitOpenError: CircuitOpenError,
    plain.BulkheadFullError: BulkheadFullError,
    plain.RouteDeniedError: RouteDeniedError,
    plain.CredentialsError: CredentialsError,
    plain.ThrottledError: ThrottledError,
    plain.DeadlineExceededError: DeadlineExceededError,
    # What a mesh says of a URL before it knows whose it is.
    httpx.ConnectError: httpx2.ConnectError,
    httpx.InvalidURL: httpx2.InvalidURL,
    httpx.UnsupportedProtocol: httpx2.UnsupportedProtocol,
}

MADE_BY_MESH = (plain.MeshError, httpx.ConnectError, httpx.InvalidURL, httpx.UnsupportedProtocol)
"""What a mesh raises before there is a call."""


def kind_of(kind: type[Exception]) -> type[Exception]:
    """The class that an error of the class *kind* has for users of httpx2."""
    found = _KINDS.get(kind)
    if found is None:
        found = _KINDS[kind] = _made(kind)
    return found


def _made(kind: type[Exception]) -> type[Exception]:
    for ours, theirs in (
        (plain.CallRejectedError, CallRejectedError),
        (plain.DeadlineExceededError, DeadlineExceededError),
    ):
        if issubclass(kind, ours) and not issubclass(kind, theirs):  # of somebody's own
            return type(kind.__name__, (kind, theirs), {"__module__": kind.__module__})
    return kind


def adopt(error: E) -> E:
    """*error* itself, as one of httpx2."""
    kind: Any = kind_of(type(error))
    error.__class__ = kind
    return error
