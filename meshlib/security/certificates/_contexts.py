"""
TLS contexts of certificates that are in force.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import certifi

from ..._exceptions import CertificateError, HandshakeError
from ..identity import PeerIdentity, identity_of
from ._material import Material
from ._options import CertificateOptions, ServerTLSOptions, TLSOptions

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_VERIFY = {
    "required": ssl.CERT_REQUIRED,
    "requested": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE,
}
_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class CheckedObject(ssl.SSLObject):
    """One side of a connection in memory, as event loops use it."""

    _judged = False
    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Shake hands, then judge the peer."""
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError as exc:
            if not self.server_side or isinstance(exc, ssl.SSLSyscallError | ssl.SSLEOFError):
                raise
            # An event loop that is told of a failure drops the alert with the connection;
            # asked to wait for more, it sends the alert first.
            self._failure = exc
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "an alert is to be sent") from exc
        judge(self)
        self._judged = True

    def read(self, *args: Any) -> Any:
        """Read, by nobody who was not judged: reading shakes hands by itself."""
        if not self._judged:
            self.do_handshake()
        return super().read(*args)

    def write(self, *args: Any) -> int:
        """Write, to nobody who was not judged."""
        if not self._judged:
            self.do_handshake()
        return super().write(*args)


class CheckedSocket(ssl.SSLSocket):
    """One side of a connection of a socket."""

    _judged = False

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands, then judge the peer."""
        super().do_handshake(block)
        judge(self)
        self._judged = True

    def read(self, *args: Any) -> Any:
        """Read, by nobody who was not judged: reading shakes hands by itself."""
        if not self._judged:
            self.do_handshake()
        return super().read(*args)

    def write(self, *args: Any) -> int:
        """Write, to nobody who was not judged."""
        if not self._judged:
            self.do_handshake()
        return super().write(*args)

    def send(self, *args: Any) -> int:
        """Send, to nobody who was not judged."""
        if not self._judged:
            self.do_handshake()
        return super().send(*args)


class CheckedContext(ssl.SSLContext):
    """
    A context whose handshakes end by judging who the peer is.

    *wanted* are the patterns of which the peer's certificate must fit one; without any, the
    name of the host decides, or for a server its roots alone. *outdated* says that another
    certificate is in force: connections go on, and no new ones should be made.
    """

    sslobject_class = CheckedObject
    sslsocket_class = CheckedSocket
    wanted: tuple[str, ...] = ()
    outdated: bool = False


def judge(peer: Any) -> None:
    """Raise HandshakeError unless the other side of *peer* is who it must be."""
    wanted = getattr(peer.context, "wanted", ())
    if not wanted:
        return
    der = peer.getpeercert(True)
    identity = PeerIdentity() if der is None else identity_of(der)
    if any(map(identity.serves, wanted)):
        return
    presented, names = str(identity), " or ".join(wanted)
    raise HandshakeError(
        f"wrong identity: it presented {presented}, and must be {names}",
        reason="wrong_identity",
        presented=presented,
        wanted=names,
    )


def client_side(options: TLSOptions, material: Material) -> CheckedContext:
    """A context for connections to what *options* describe."""
    context = CheckedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = not options.identity
    context.wanted = options.identity
    if not options.ca and not any(name in os.environ for name in _AUTHORITIES):
        context.load_verify_locations(certifi.where())  # the roots that httpx trusts
    elif not options.ca:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return _filled(context, options, material)


def server_side(options: ServerTLSOptions, material: Material) -> CheckedContext:
    """A context for connections from callers."""
    context = CheckedContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = _VERIFY[options.client_certificates]
    context.set_alpn_protocols(list(options.alpn))
    return _filled(context, options, material)


def try_out(options: CertificateOptions, material: Material) -> None:
    """Raise CertificateError if TLS cannot use *material*, such as a key that is too short."""
    try:
        _filled(CheckedContext(ssl.PROTOCOL_TLS_SERVER), options, material)
    except ssl.SSLError as exc:
        reason = exc.reason or "it is not what TLS takes"
        raise CertificateError(f"TLS refuses it: {reason}", reason="malformed") from None


def _filled(
    context: CheckedContext, options: CertificateOptions, material: Material
) -> CheckedContext:
    context.minimum_version = _VERSIONS[options.min_version]
    # Whatever is given as a root is one, as bundles of SPIFFE may hold intermediates.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if material.roots:
        context.load_verify_locations(cadata=material.roots.decode("ascii", "replace"))
    if material.certificate:
        password: Callable[[], bytes] | None = None
        if material.password is not None:
            held = material.password
            password = lambda: held  # noqa: E731 -- ssl asks for a callable, or keeps a copy
        with _file(material.certificate + b"\n" + material.key) as path:
            context.load_cert_chain(path, password=password)
    return context


@contextmanager
def _file(content: bytes) -> Iterator[str]:
    """
    A file that holds *content*, as ssl takes certificates from files only.

    The real files may be another pair by now, which was not looked at. On Linux this one
    is in memory; elsewhere only this user can read it, for as long as it takes.
    """
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("meshlib")
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.TemporaryDirectory() as directory:  # pragma: no cover -- not on Linux
        path = Path(directory) / "pair.pem"
        path.touch(0o600)
        path.write_bytes(content)
        yield str(path)
