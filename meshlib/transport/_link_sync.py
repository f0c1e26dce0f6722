"""
One connection of a target, and the deadline of what runs on it.

httpcore gives every read of a response the timeout it had at the start, so a server that
drips bytes is never late. A link is httpcore's network: it caps each read and write by
what is left of the deadline at that moment, without a timer of its own.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from .._clock import Clock
from ._sdk import Sdk, based
from ._target import Target
from ._wire_options import WireOptions
from ._wire_request import is_readable

_INFINITE = float("inf")


class Link:
    """
    A connection to one target; it is also what makes the socket and guards it.

    Used by one exchange at a time.
    """

    __slots__ = (
        "clock",
        "core",
        "context",
        "deadline",
        "ended",
        "http",
        "idle_since",
        "received",
        "sock",
        "stream",
        "target",
        "tls",
        "used",
    )

    def __init__(
        self, options: WireOptions, sdk: Sdk, target: Target, origin: Any, clock: Clock
    ) -> None:
        self.core = sdk.core
        self.clock = clock
        self.target = target
        self.tls = target.tls
        self.context: Any = None
        self.deadline = _INFINITE
        self.ended = True
        self.idle_since = 0.0
        self.received = False
        self.used = 0
        self.sock: Any = None
        self.stream: Any = None
        self.http = self.eased(self._connection(options, origin), options)

    def _connection(self, options: WireOptions, origin: Any) -> Any:
        core = self.core
        scheme, host = origin.scheme.decode("ascii"), origin.host.decode("ascii")
        context: ssl.SSLContext | None = None
        if scheme in ("https", "wss") and self.tls is None:
            context = options.context()
        elif scheme in ("https", "wss"):
            context = self.context = self.tls.context(options.http2)
        proxy = None if options.uds else options.proxy_for(scheme, host, origin.port)
        if proxy is None:
            return core.HTTPConnection(
                origin=origin,
                ssl_context=context,
                http1=options.http1,
                http2=options.http2,
                retries=options.retries,
                local_address=options.local_address,
                uds=options.uds,
                network_backend=self,
                socket_options=options.socket_options,
                keepalive_expiry=options.limits.keepalive_expiry if options.http2 else None,
            )
        url = core.URL(
            scheme=proxy.url.raw_scheme,
            host=proxy.url.raw_host,
            port=proxy.url.port,
            target=proxy.url.raw_path,
        )
        # A pool of httpcore is only used here as the public maker of such a connection.
        if proxy.url.scheme.startswith("socks5"):
            return core.SOCKSProxy(
                proxy_url=url,
                proxy_auth=proxy.raw_auth,
                ssl_context=context,
                http1=options.http1,
                http2=options.http2,
                network_backend=self,
            ).create_connection(origin)
        return core.HTTPProxy(
            proxy_url=url,
            proxy_auth=proxy.raw_auth,
            proxy_headers=proxy.headers.raw,
            ssl_context=context,
            proxy_ssl_context=proxy.ssl_context,
            http1=options.http1,
            http2=options.http2,
            network_backend=self,
            socket_options=options.socket_options,
        ).create_connection(origin)

    def cap(self, timeout: float | None, error: str) -> float | None:
        """*timeout*, no longer than what is left of the deadline; else raise what *error* names."""
        if self.deadline == _INFINITE:
            return timeout
        left = self.deadline - self.clock()
        if left <= 0.0:
            raise getattr(self.core, error)("timed out")
        return left if timeout is None or left < timeout else timeout

    def bound(self, stream: Any) -> Any:
        """*stream* with every read and write capped by the deadline."""
        return based(BoundedStream, self.core.NetworkStream)(self, stream)

    def eased(self, http: Any, options: WireOptions) -> Any:
        """*http*: threads have no locks to save."""
        return http

    def network(self) -> Any:
        """What makes the socket."""
        return self.core.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Any:
        """Open a TCP connection within what is left of the deadline."""
        stream = self.network().connect_tcp(
            host,
            port,
            timeout=self.cap(timeout, "ConnectTimeout"),
            local_address=local_address,
            socket_options=socket_options,
        )
        return self.bound(stream)

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Any:
        """Open a Unix socket within what is left of the deadline."""
        stream = self.network().connect_unix_socket(
            path,
            timeout=self.cap(timeout, "ConnectTimeout"),
            socket_options=socket_options,
        )
        return self.bound(stream)

    def sleep(self, seconds: float) -> None:
        """Wait between the connection attempts that the option `retries` asks for."""
        time.sleep(self.cap(seconds, "ConnectTimeout") or 0.0)

    def shut_down(self) -> None:
        """Cut off the exchange that runs in another thread: its read ends at once."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass  # not connected yet, or not any more

    def drop(self) -> None:
        """Nobody will end the exchange: close the socket as it is."""
        if self.sock is not None:
            self.sock.close()

    def close(self) -> None:
        """Close it, also when it has come no further than the handshake of TLS."""
        self.http.close()
        if self.stream is not None:
            self.stream.close()

    def is_fresh(self, now: float, expiry: float | None) -> bool:
        """Whether an idle link can carry another exchange."""
        if expiry is not None and now - self.idle_since > expiry:
            return False
        if self.tls is not self.target.tls or (self.context is not None and self.context.outdated):
            return False
        return self.http.is_idle() and not is_readable(self.sock)

    def is_outdated(self) -> bool:
        """Whether new connections are made with another certificate."""
        if self.tls is not self.target.tls:
            return True
        return self.context is not None and bool(self.context.outdated)


class BoundedStream:
    """A network stream whose every read and write ends by its link's deadline."""

    __slots__ = ("_link", "_stream")

    def __init__(self, link: Link, stream: Any) -> None:
        self._link = link
        self._stream = stream
        link.stream = stream
        link.sock = stream.get_extra_info("watched") or stream.get_extra_info("socket")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read up to *max_bytes*; empty when the peer has closed."""
        link = self._link
        data: bytes = self._stream.read(max_bytes, link.cap(timeout, "ReadTimeout"))
        if data:
            link.received = True
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of *buffer*."""
        self._stream.write(buffer, self._link.cap(timeout, "WriteTimeout"))

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Speak TLS from here on."""
        stream = self._stream.start_tls(
            ssl_context, server_hostname, self._link.cap(timeout, "ConnectTimeout")
        )
        return self._link.bound(stream)

    def get_extra_info(self, info: str) -> Any:
        """What httpcore and the application ask of a socket."""
        return self._stream.get_extra_info(info)


class Stack:
    """The connections to one target in the process."""

    __slots__ = ("idle", "inherited", "loop", "origin", "retired", "target")

    def __init__(self, target: Target, loop: object, sdk: Sdk) -> None:
        self.target = target
        self.loop = loop
        self.origin = sdk.core.Origin(target.scheme, target.host, target.port)
        self.idle: deque[Link] = deque()
        self.inherited = False
        self.retired = False

    def open_count(self) -> int:
        """How many are open and in nobody's hands."""
        return len(self.idle)
