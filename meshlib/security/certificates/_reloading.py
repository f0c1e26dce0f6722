"""
A TLS context that goes on with the certificates that are in force.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any

from ...events import Event
from ._certificates import Certificates, nobody
from ._contexts import CheckedContext, client_side, server_side
from ._material import Material
from ._options import ServerTLSOptions, TLSOptions

Make = Callable[[Material], CheckedContext]


class ReloadingContext(ssl.SSLContext):
    """
    An `ssl.SSLContext` for any library: each connection has what is in force when it begins.

    *make* makes the real contexts, and connections are theirs. A context in use cannot be
    changed safely, since certificate and key are set one after the other. Thread-safe; in
    a forked child, too. Of settings made on this object only ALPN is carried over.
    """

    def __new__(cls, *_: Any, server: bool) -> ReloadingContext:
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, certificates: Certificates, make: Make, *, server: bool) -> None:
        self.certificates = certificates
        self._make = make
        self._alpn: tuple[str, ...] | None = None
        self._made: CheckedContext = certificates.context(make)
        # Libraries look at these, and a warning of theirs would be wrong.
        self.check_hostname = self._made.check_hostname
        self.verify_mode = self._made.verify_mode

    @property
    def current(self) -> CheckedContext:
        """The context of the next connection."""
        self.certificates.look_if_due()
        made = self._made
        if made.outdated:
            made = self._made = self.certificates.context(self._with_alpn)
        return made

    def _with_alpn(self, material: Material) -> CheckedContext:
        made = self._make(material)
        if self._alpn is not None:
            made.set_alpn_protocols(list(self._alpn))
        return made

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """Offer these protocols from now on."""
        alpn = tuple(alpn_protocols)
        if alpn != self._alpn:  # some clients say it again for each connection
            self._alpn = alpn
            self._made.set_alpn_protocols(list(alpn))

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Begin TLS on a socket, as `ssl.SSLContext.wrap_socket`."""
        return self.current.wrap_socket(*args, **options)

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Begin TLS in memory, as `ssl.SSLContext.wrap_bio`."""
        return self.current.wrap_bio(*args, **options)


def client_context(
    options: TLSOptions | None = None,
    *,
    emit: Callable[[Event], None] = nobody,
    **fields: Any,
) -> ReloadingContext:
    """
    A context that reloads itself, for the transports of other libraries.

    *options*, or their fields: `client_context(cert=..., key=..., ca=..., identity=...)`.
    The peer's identity is checked in the handshake, so every library refuses a wrong one.
    *emit* receives the events of the certificates. Raises ConfigurationError for wrong
    options and CertificateError for wrong files.
    """
    chosen = TLSOptions(**fields) if options is None else options
    return ReloadingContext(
        Certificates(chosen, emit=emit),
        lambda material: client_side(chosen, material),
        server=False,
    )


def server_context(
    options: ServerTLSOptions | None = None,
    *,
    emit: Callable[[Event], None] = nobody,
    **fields: Any,
) -> ReloadingContext:
    """
    A context that reloads itself, for servers.

    *options*, or their fields: `server_context(cert=..., key=..., ca=...)`. *emit* receives
    the events of the certificates. Raises ConfigurationError for wrong options and
    CertificateError for wrong files.
    """
    chosen = ServerTLSOptions(**fields) if options is None else options
    return serve_with(chosen, Certificates(chosen, emit=emit))


def serve_with(options: ServerTLSOptions, certificates: Certificates) -> ReloadingContext:
    """A context for a server by *options*, whose files are those of *certificates*."""
    return ReloadingContext(
        certificates, lambda material: server_side(options, material), server=True
    )
