"""
How sources and registrations speak HTTP to their servers.
"""

from __future__ import annotations

import os
import socket as sockets
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx

from .._exceptions import ConfigurationError
from ._settings import flag, text

_CONNECT_TIMEOUT = 5.0
"""Seconds; a server that takes longer to accept is as good as away."""
_PROBES = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""A server whose machine vanished is noticed after a minute, though a watch waits for ever."""
_TLS_KEYS = ("ca", "cert", "key", "verify", "server_name")


class Tls:
    """
    What a document says of TLS: `{ca: FILE, cert: FILE, key: FILE, verify: true}`.

    *ca* replaces the system's roots, *cert* and *key* say who we are, *server_name* is
    expected in the server's certificate in place of its host. Files are read again when
    they have changed, so certificates may be rotated.
    """

    def __init__(self, settings: Any = None, path: str = "tls") -> None:
        settings = {} if settings is None else settings
        if not isinstance(settings, Mapping):
            raise ConfigurationError(f"a mapping is needed, not {settings!r}", path=path)
        for key in settings:
            if key not in _TLS_KEYS:
                raise ConfigurationError(
                    f"unknown key {key!r}; known are {', '.join(_TLS_KEYS)}", path=f"{path}.{key}"
                )
        self._path = path
        files = {key: settings.get(key) for key in ("ca", "cert", "key")}
        self._files = {
            key: text(os.fspath(value), f"{path}.{key}")
            for key, value in files.items()
            if value is not None
        }
        if "key" in self._files and "cert" not in self._files:
            raise ConfigurationError("a key needs its certificate", path=f"{path}.cert")
        self._verify = flag(settings.get("verify", True), f"{path}.verify")
        name = settings.get("server_name")
        self.server_name = None if name is None else text(name, f"{path}.server_name")
        self._made: tuple[object, ssl.SSLContext] | None = None

    def context(self) -> ssl.SSLContext:
        """The context for a new connection; raises OSError when a file is missing or wrong."""
        state = tuple((path, Path(path).stat().st_mtime_ns) for path in self._files.values())
        if self._made is None or self._made[0] != state:
            context = ssl.create_default_context(cafile=self._files.get("ca"))
            if not self._verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if "cert" in self._files:
                context.load_cert_chain(self._files["cert"], self._files.get("key"))
            self._made = (state, context)
        return self._made[1]


class Http:
    """
    Makes clients for one server.

    *address* is `http://host:port` or `https://host:port`, and may have a path; *socket*
    is a Unix socket to reach it by, and *proxy* the URL of a proxy. *headers* go with each
    request. Environment variables for proxies are not obeyed: a registry is near.
    """

    def __init__(
        self,
        address: Any,
        *,
        headers: Mapping[str, str] | None = None,
        tls: Any = None,
        socket: str | None = None,
        proxy: str | None = None,
        path: str = "address",
    ) -> None:
        self.address = _checked(address, path)
        self._headers = dict(headers or {})
        self._tls = tls if isinstance(tls, Tls) else Tls(tls)
        self._socket = socket
        self._proxy = proxy

    def client(
        self, *, timeout: float = 10.0, read: float | None = None, **options: Any
    ) -> httpx.AsyncClient:
        """
        A client to be used in `async with`, on the loop that it is used from.

        *timeout* is for everything, in seconds; *read* replaces it for reading, and 0.0
        means that reading may take for ever, as a watch does.
        """
        reading = timeout if read is None else (read or None)
        transport = httpx.AsyncHTTPTransport(
            verify=self._tls.context() if self.address.startswith("https:") else False,
            uds=self._socket,
            proxy=self._proxy,
            socket_options=_keepalive() if self._socket is None else None,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=4),
        )
        extensions: dict[str, Any] = {}
        if self._tls.server_name is not None:
            extensions["sni_hostname"] = self._tls.server_name
        headers = {**self._headers, **options.pop("headers", {})}
        client = httpx.AsyncClient(
            base_url=self.address,
            headers=headers,
            transport=transport,
            timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_TIMEOUT), read=reading),
            trust_env=False,
            **options,
        )
        if self.address.startswith("https:"):
            client.event_hooks["request"].append(_with(extensions))
        return client


def _keepalive() -> list[tuple[int, int, int]]:
    """The options that probe an idle connection; what a system lacks is left out."""
    named = ((getattr(sockets, name, None), value) for name, value in _PROBES.items())
    probes = [(sockets.IPPROTO_TCP, one, value) for one, value in named if one is not None]
    return [(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE, 1), *probes]


def _with(extensions: dict[str, Any]) -> Any:
    async def extend(request: httpx.Request) -> None:
        request.extensions = {"trace": _closing(), **extensions, **request.extensions}

    return extend


def _closing() -> Any:
    """
    Closes the connection of a TLS handshake that is cancelled.

    httpcore 1.0.9 does so for errors only, and leaves the socket to the collector.
    """
    stream: Any = None

    async def trace(event: str, info: dict[str, Any]) -> None:
        nonlocal stream
        if event.endswith("connect_tcp.complete"):
            stream = info["return_value"]
        elif event.endswith("start_tls.failed") and stream is not None:
            with anyio.CancelScope(shield=True):
                await stream.aclose()

    return trace


def _checked(address: Any, path: str) -> str:
    url = text(address, path).rstrip("/")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        valid = valid and parts.port != 0 and not parts.query and not parts.fragment
    except ValueError:
        valid = False
    if not valid:
        raise ConfigurationError(
            f"{address!r} is not the address of a server",
            path=path,
            hint="write http://host:port",
        )
    return url
