"""
What failures of the wire look like, down to their causes: built, not suffered.

A fault raises what httpx raises after the real thing: the same class, the same text, and
beneath it the error of the connection layer and that of the system. Threads and event
loops word the same failure differently, so there is a table for each.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import anyio
import h11
import sniffio

from ._sdk import Sdk

Cause = BaseException | None
"""The error beneath that of the connection layer, where there is one."""
Address = tuple[str, int]
Blow = tuple[str, Cause]
"""The name of what the connection layer raises, and why; its text is that of the cause."""
Build = Callable[[Address], Blow]

DISCONNECTED = "Server disconnected without sending a response."
DISCONNECTED_H2 = "Server disconnected"
_INCOMPLETE = "peer closed connection without sending complete message body"


def wire_error(
    sdk: Sdk, builds: Mapping[str, Build], name: str, address: Address = ("", 0)
) -> Exception:
    """
    The error that a failure raises for an endpoint at this address.

    *name* is one of the errors that a fault may have, *builds* the table of the driver.
    """
    if name == "pool_timeout":
        return sdk.pool_timeout("timed out")
    if name == "disconnected":
        return disconnected(sdk, False)
    kind, cause = builds[name](address)
    return _raised(sdk, kind, "" if cause is None else str(cause), cause)


def disconnected(sdk: Sdk, http2: bool) -> Exception:
    """The server closed the connection instead of answering."""
    text = DISCONNECTED_H2 if http2 else DISCONNECTED
    return _raised(sdk, "RemoteProtocolError", text, None)


def incomplete(sdk: Sdk, http2: bool, received: int, expected: int | None) -> Exception:
    """The server closed the connection within a body; *expected* is None for a chunked one."""
    if http2:
        return disconnected(sdk, True)
    how = "incomplete chunked read"
    if expected is not None:
        how = f"received {received} bytes, expected {expected}"
    text = f"{_INCOMPLETE} ({how})"
    return _raised(sdk, "RemoteProtocolError", text, h11.RemoteProtocolError(text))


def _raised(sdk: Sdk, kind: str, text: str, cause: Cause) -> Exception:
    inner = getattr(sdk.core, kind)(text)
    inner.__cause__ = cause
    error = sdk.wire_errors[type(inner)](text)
    error.__cause__ = inner
    return error


def _system(number: int) -> OSError:
    return OSError(number, os.strerror(number))


# Of threads: what the socket raised, as it is.


def _socket(kind: str, number: int) -> Build:
    return lambda _: (kind, _system(number))


def _timeout(kind: str) -> Build:
    return lambda _: (kind, TimeoutError("timed out"))


# Of event loops: AnyIO's errors, whose text is often empty, around those of the loop.


def _unconnected(number: int) -> Build:
    def build(address: Address) -> Blow:
        where = (*address, 0, 0) if ":" in address[0] else address
        text = f"Connect call failed {where}"
        if sniffio.current_async_library() == "trio":
            text = f"Error connecting to {where}: {os.strerror(number)}"
        cause = OSError("All connection attempts failed")
        cause.__cause__ = OSError(number, text)
        return "ConnectError", cause

    return build


def _broken(kind: str, number: int) -> Build:
    def build(_: Address) -> Blow:
        cause = anyio.BrokenResourceError()
        cause.__cause__ = _system(number)
        return kind, cause

    return build


def _timeout_in_loop(kind: str) -> Build:
    return lambda _: (kind, TimeoutError())


# Of both


def _garbage(_: Address) -> Blow:
    said = bytearray(b"garbage")
    return "RemoteProtocolError", h11.RemoteProtocolError(f"illegal status line: {said}")


def _dns(_: Address) -> Blow:
    return "ConnectError", _unresolved()


def _unresolved() -> OSError:
    """What the system says of an unknown name, asked without asking any name server."""
    try:
        socket.getaddrinfo("no address", None, flags=socket.AI_NUMERICHOST)
    except OSError as exc:
        return exc.with_traceback(None)
    raise AssertionError  # no text with a space is an address


def _certificate(code: int, reason: str) -> Build:
    def build(address: Address) -> Blow:
        host, said = address[0], reason
        if code == _HOSTNAME and _is_address(host):
            said = f"IP address mismatch, certificate is not valid for {host!r}."
        elif code == _HOSTNAME:
            said = f"Hostname mismatch, certificate is not valid for {host!r}."
        text = f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {said}{_place()}"
        error: Any = ssl.SSLCertVerificationError(1, text)
        error.verify_code, error.verify_message = code, said
        if said is not reason and _is_address(host):
            error.verify_code = _ADDRESS
        error.library, error.reason = "SSL", "CERTIFICATE_VERIFY_FAILED"
        return "ConnectError", error

    return build


# What OpenSSL calls X509_V_ERR_...
_EXPIRED, _UNKNOWN, _HOSTNAME, _ADDRESS = 10, 20, 62, 64


def _is_address(host: str) -> bool:
    return ":" in host or re.fullmatch(r"[0-9.]+", host) is not None


@lru_cache(maxsize=1)
def _place() -> str:
    """
    Where the interpreter raises errors of a handshake, which it writes into their text.

    The line is another one in each release, so a handshake is made to fail.
    """
    incoming = ssl.MemoryBIO()
    incoming.write(b"no record of TLS")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        context.wrap_bio(incoming, ssl.MemoryBIO()).do_handshake()
    except ssl.SSLError as exc:
        found = re.search(r" \(\S+:\d+\)$", str(exc))
        return found[0] if found else ""
    raise AssertionError  # those bytes are no handshake


_SHARED: dict[str, Build] = {
    "protocol_error": _garbage,
    "dns": _dns,
    "tls_expired": _certificate(_EXPIRED, "certificate has expired"),
    "tls_hostname": _certificate(_HOSTNAME, ""),
    "tls_unknown_ca": _certificate(_UNKNOWN, "unable to get local issuer certificate"),
}

BLOCKING: Mapping[str, Build] = {
    **_SHARED,
    "refused": _socket("ConnectError", errno.ECONNREFUSED),
    "unreachable": _socket("ConnectError", errno.EHOSTUNREACH),
    "broken_pipe": _socket("WriteError", errno.EPIPE),
    "reset": _socket("ReadError", errno.ECONNRESET),
    "connect_timeout": _timeout("ConnectTimeout"),
    "read_timeout": _timeout("ReadTimeout"),
    "write_timeout": _timeout("WriteTimeout"),
}
"""Failures as a thread meets them."""

SUSPENDING: Mapping[str, Build] = {
    **_SHARED,
    "refused": _unconnected(errno.ECONNREFUSED),
    "unreachable": _unconnected(errno.EHOSTUNREACH),
    "reset": _broken("ReadError", errno.ECONNRESET),
    "broken_pipe": _broken("WriteError", errno.EPIPE),
    "connect_timeout": _timeout_in_loop("ConnectTimeout"),
    "read_timeout": _timeout_in_loop("ReadTimeout"),
    "write_timeout": _timeout_in_loop("WriteTimeout"),
}
"""Failures as a task meets them."""
