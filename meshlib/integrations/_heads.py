"""
What a server says of a request, as a `Head`.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..inbound import Head
from ..security.identity import PeerIdentity, identity_of
from ._tls import peer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOGGER = logging.getLogger("meshlib")
_KEPT = 1024
"""Certificates, and names of headers, that are remembered; anybody may send new ones."""

_UNPREFIXED = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})
_NAMES: dict[str, bytes] = {}
"""The name of a header by its key in an environ; empty for what is no header."""


def head_of_scope(scope: Mapping[str, Any]) -> Head:
    """The head of an ASGI scope; the handshake of a websocket is a GET."""
    return HeadOfScope(scope)


class HeadOfScope(Head):
    """The head of an ASGI *scope*."""

    __slots__ = ()

    def __init__(self, scope: Mapping[str, Any]) -> None:
        client, extensions = scope.get("client"), scope.get("extensions")
        query = scope["query_string"]
        self.method = scope.get("method", "GET")
        self.path = scope["path"]
        self.headers = scope["headers"]
        self.scheme = scope.get("scheme", "http")
        self.peer = client[0] if client else None
        self.identity = _of_extensions(extensions) if extensions else None
        self.route = None
        self.query = query.decode("latin-1") if query else ""


def head_of_environ(environ: Mapping[str, Any]) -> Head:
    """The head of a WSGI environ."""
    certificate = environ.get("meshlib.tls.peer")
    if certificate is None and "gunicorn.socket" in environ:
        # So that nobody is taken for a stranger because the middlewares stand the other way.
        certificate = peer_of(environ["gunicorn.socket"])
    return HeadOfEnviron(environ, identity_in(certificate) if certificate else None)


class HeadOfEnviron(Head):
    """
    The head of *environ*, whose headers are made only when all of them are asked for.

    Everything else is read at once: applications write to their environ.
    """

    __slots__ = ("_environ",)

    def __init__(self, environ: Mapping[str, Any], identity: PeerIdentity | None) -> None:
        self._environ = environ
        self.method = environ["REQUEST_METHOD"]
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        self.path = path if path.isascii() else path_of_environ(environ)
        self.scheme = environ.get("wsgi.url_scheme", "http")
        self.peer = environ.get("REMOTE_ADDR") or None
        self.identity = identity
        self.route = None
        self.query = environ.get("QUERY_STRING", "")

    def __getattr__(self, name: str) -> Any:
        if name != "headers":
            raise AttributeError(f"a head has no attribute {name!r}")
        self.headers = headers_of_environ(self._environ)
        return self.headers

    def among(self, names: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
        """Those of its headers whose name is one of *names*."""
        environ, keys = self._environ, _keys_of(names)
        # Sets meet in C: three times as quick as to look for each.
        among = []  # no comprehension: up to Python 3.11 it is one more function
        for key in keys.keys() & environ.keys():
            value: bytes = environ[key].encode("latin-1", "replace")
            among.append((keys[key], value))
        return among


@lru_cache(16)
def _keys_of(names: frozenset[bytes]) -> dict[str, bytes]:
    """The headers called *names*, by their keys in an environ."""
    return {_key_of(name.decode("latin-1")): name for name in names}


def _key_of(name: str) -> str:
    key = name.replace("-", "_").upper()
    return key if key in _UNPREFIXED else f"HTTP_{key}"


def path_of_environ(environ: Mapping[str, Any]) -> str:
    """The whole path, unquoted, as an application under any prefix was asked for it."""
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    # WSGI has bytes in the guise of latin-1.
    return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")


def headers_of_environ(environ: Mapping[str, Any]) -> Sequence[tuple[bytes, bytes]]:
    """The headers that a WSGI server has turned into variables."""
    headers = []
    names = _NAMES
    for key, value in environ.items():
        name = names.get(key)
        if name is None:
            name = _name_of(key)
        if name:
            headers.append((name, value.encode("latin-1", "replace")))
    return headers


def _name_of(key: str) -> bytes:
    if key.startswith("HTTP_"):
        name = key[5:].replace("_", "-").lower().encode("latin-1", "replace")
    elif key in _UNPREFIXED:
        name = key.replace("_", "-").lower().encode("ascii")
    else:
        name = b""
    if len(_NAMES) < _KEPT:
        _NAMES[key] = name
    return name


def _of_extensions(extensions: Mapping[str, Any]) -> PeerIdentity | None:
    """The identity in the extensions of an ASGI scope, of ours or of the specification."""
    ours = extensions.get("meshlib.tls")
    if ours:
        certificate = ours.get("peer")
        return identity_in(certificate) if certificate else None
    tls = extensions.get("tls")
    if not tls or tls.get("client_cert_error"):
        return None  # without a certificate, or with one that was not verified
    chain = tls.get("client_cert_chain")
    return _identity_in_pem(chain[0]) if chain else None


@lru_cache(_KEPT)
def identity_in(certificate: bytes) -> PeerIdentity | None:
    """The identity in a certificate (DER) that was verified; None when it cannot be read."""
    try:
        return identity_of(certificate)
    except ValueError as exc:  # of which a library that is not installed is one
        _LOGGER.warning("a verified certificate names nobody: %s", exc)
        return None


@lru_cache(_KEPT)
def _identity_in_pem(certificate: str) -> PeerIdentity | None:
    try:
        return identity_in(ssl.PEM_cert_to_DER_cert(certificate))
    except ValueError:
        return None
