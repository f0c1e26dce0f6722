"""
aiohttp as an inner transport, through the adapter httpx-aiohttp.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx

from ...transport import WireOptions
from ._body import Body
from ._errors import reraise
from ._session import Session, connector_of

_MODULES = {"httpx": "httpx_aiohttp", "httpx2": "httpx_aiohttp.httpx2"}
"""Where the adapter to aiohttp is, for the requests of each library."""
_CHUNK = 64 * 1024
"""Bytes of a body that are read at once, as many as httpx reads; each chunk has its price."""


if TYPE_CHECKING:
    _Base = httpx.AsyncBaseTransport
else:
    _Base = object  # what inherits from one library's class is refused by clients of the other


class AiohttpTransport(_Base):
    """
    Sends HTTP/1.1 requests with aiohttp, on asyncio.

    *verify*, *cert*, *trust_env*, *limits*, *proxy*, *uds*, *local_address* and
    *socket_options* mean what they mean to the connections of a mesh: proxies are those of
    the environment unless *trust_env* is false, and *limits* bounds nothing by default,
    as the bulkhead does; idle connections end after 5 s. Two bounds of httpx have nothing
    here that obeys them: `max_keepalive_connections` and the `write` timeout. A deadline
    of a call still ends a write.

    Requests of httpx and of httpx2 are answered alike, each with the responses and the
    errors of its library. Each event loop gets a session of its own, and `aclose` closes
    the one of the loop it is awaited in. There are no upgrades and no `trace` extension.
    """

    def __init__(
        self,
        *,
        verify: ssl.SSLContext | str | bool = True,
        cert: Any = None,
        trust_env: bool = True,
        limits: Any = None,
        proxy: Any = None,
        uds: str | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> None:
        given = {} if limits is None else {"limits": limits}
        self._options = WireOptions(
            verify=verify,
            cert=cert,
            trust_env=trust_env,
            proxy=proxy,
            uds=uds,
            local_address=local_address,
            socket_options=None if socket_options is None else tuple(socket_options),
            **given,
        )
        self._homes: dict[asyncio.AbstractEventLoop, _Home] = {}

    async def handle_async_request(self, request: Any) -> Any:
        """The response to *request*, its body unread; raises as its library does."""
        loop = asyncio.get_running_loop()
        home = self._homes.get(loop)
        if home is None:
            for ended in [known for known in self._homes if known.is_closed()]:
                del self._homes[ended]
            home = self._homes[loop] = _Home(self._options)
        return await home.send(request)

    async def __aenter__(self) -> Self:
        """Nothing is opened before the first request."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Close the connections of this event loop."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        home = self._homes.pop(asyncio.get_running_loop(), None)
        if home is not None:
            await home.session.close()


class _Home:
    """What belongs to one event loop: connections, permits, and an adapter to them."""

    def __init__(self, options: WireOptions) -> None:
        limits = options.limits
        self.options = options
        self.session = Session(
            connector_of(
                uds=options.uds,
                local_address=options.local_address,
                keepalive=limits.keepalive_expiry,
                socket_options=options.socket_options or (),
            ),
            options.context,
        )
        most = limits.max_connections
        self.permits = None if most is None else asyncio.Semaphore(most)
        self.proxied = options.proxy is not None or options.trust_env
        self.adapters: dict[tuple[str, str | None], Any] = {}

    async def send(self, request: Any) -> Any:
        """The response to *request*."""
        name = "httpx" if isinstance(request, httpx.Request) else "httpx2"
        library = _library(name)
        if isinstance(request.stream, library.ByteStream):
            request.read()  # the adapter sends in chunks what was not read
        adapter = self._adapter(name, request.url)
        release = _nothing
        if self.permits is not None:
            await self._enter(self.permits, request, library)
            release = self.permits.release
        try:
            response = await adapter.handle_async_request(request)
        except Exception as exc:
            release()
            reraise(exc, library)
        except BaseException:
            release()
            raise
        response.stream.CHUNK_SIZE = _CHUNK
        response.stream = _body_class(name)(response.stream, library, release)
        return response

    def _adapter(self, name: str, url: Any) -> Any:
        proxy = None
        if self.proxied and self.options.uds is None:
            scheme = url.scheme
            port = url.port or (443 if scheme == "https" else 80)
            proxy = self.options.proxy_for(scheme, url.host, port)
        key = (name, None if proxy is None else str(proxy.url))
        adapter = self.adapters.get(key)
        if adapter is None:
            # The session has the context; one given here saves the adapter from building it.
            adapter = self.adapters[key] = import_module(_MODULES[name]).AiohttpTransport(
                verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                proxy=proxy,
                client=self.session,
            )
        return adapter

    @staticmethod
    async def _enter(permits: asyncio.Semaphore, request: Any, library: Any) -> None:
        """Wait for a connection as httpx does: by the pool timeout, then PoolTimeout."""
        if not permits.locked():
            await permits.acquire()
            return
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("pool")):
                await permits.acquire()
        except TimeoutError as exc:
            raise library.PoolTimeout("timed out") from exc


def _nothing() -> None:
    """Release what was not taken."""


@lru_cache(maxsize=4)
def _library(name: str) -> Any:
    return import_module(name)


@lru_cache(maxsize=4)
def _body_class(name: str) -> Callable[..., Any]:
    # Each library wants to see its own base class in a response.
    return type("Body", (Body, _library(name).AsyncByteStream), {})
