"""
An httpx client that skips what a request does not use.

httpx walks every request through auth flows, redirects, hooks, mounts, cookies and two
layers of body decoding. Most requests use none of these; for them this client does what
httpx would have done, and for all others it calls httpx. The same tests run through both
ways. The twin of `_direct.py`.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

import httpx
from httpx._client import BoundAsyncStream

from ._shortcuts import DEFAULT, HTTPX_CLIENT, Library, body_is_plain, has_cookie, quick_request

if TYPE_CHECKING:
    # Mixed into the client of either library; a checker reads it with that of httpx.
    from httpx import AsyncClient as Base
else:
    Base = object


class AsyncShortcuts(Base):
    """
    What a client over one driver does, equal to that of its library in all that can be observed.

    `shortcuts = False` sends every request through the library's own code.
    """

    shortcuts = True
    insides: Library
    _entered = False

    def __init__(self, driver: Any, **options: Any) -> None:
        self._driver: Any = driver
        self._urls: dict[str, Any] = {}
        library = self.insides
        self._closed_state = library.closed
        self._opened_state = library.opened
        self._logger = library.logger
        self._stream_kind: Any = library.http.AsyncByteStream
        self._unset = library.unset
        super().__init__(transport=self._driver, **options)

    def bind(self, response: Any, start: float) -> None:
        """Have the time that *response* took set when it is closed."""
        raise NotImplementedError  # each library times responses by a class of its own

    def note_next(self, request: Any, response: Any) -> None:
        """Give *response*, which redirects, the request that would follow it."""
        raise NotImplementedError  # each library builds it by a method of its own

    async def __aenter__(self) -> Self:
        if self._state is not self._opened_state or self._entered:
            self._entered = True
            return await super().__aenter__()
        # httpx refuses to open a client that has sent something before.
        self._entered = True
        await self._transport.__aenter__()
        for transport in self._mounts.values():
            if transport is not None:
                await transport.__aenter__()
        return self

    def quick_request(self, method: str, url: httpx.URL | str) -> httpx.Request | None:
        """The request that httpx would build, or None when it needs more than its URL."""
        return quick_request(self, self._urls, method, url) if self.shortcuts else None

    async def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: Any = DEFAULT,
        follow_redirects: Any = DEFAULT,
    ) -> httpx.Response:
        """Send a request, as `httpx.AsyncClient.send` does."""
        hooks = self._event_hooks
        if (
            not self.shortcuts
            or self._auth is not None
            or not (auth is DEFAULT or auth is None or type(auth) is self._unset)
            or hooks["request"]
            or hooks["response"]
            or self._mounts
            or self._transport is not self._driver
            or self._state is self._closed_state
            or not isinstance(request.stream, self._stream_kind)
            or request.url.userinfo
        ):
            default = self.insides.default
            self.insides.check(request)
            return await super().send(
                request,
                stream=stream,
                auth=default if auth is DEFAULT else auth,
                follow_redirects=default if follow_redirects is DEFAULT else follow_redirects,
            )
        self._state = self._opened_state
        if "timeout" not in request.extensions:
            self._set_timeout(request)
        start = time.perf_counter()
        try:
            response = await self._driver.handle_async_request(request)
        except self.insides.request_error as exc:
            exc.request = request
            raise
        response.request = request
        response.default_encoding = self._default_encoding
        if has_cookie(response):
            self.cookies.extract_cookies(response)
        if self._logger.isEnabledFor(logging.INFO):
            self._logger.info(
                'HTTP Request: %s %s "%s %d %s"',
                request.method,
                request.url,
                response.http_version,
                response.status_code,
                response.reason_phrase,
            )
        if 300 <= response.status_code < 400 and response.has_redirect_location:
            self.bind(response, start)
            return await self._redirect(request, response, stream, follow_redirects)
        if not stream and body_is_plain(response):
            return await self._read(request, response, start)
        self.bind(response, start)
        if not stream:
            try:
                await response.aread()
            except BaseException:
                await response.aclose()
                raise
        return response

    async def _read(
        self, request: httpx.Request, response: httpx.Response, start: float
    ) -> httpx.Response:
        """Read a body that needs no decoding."""
        body: Any = response.stream
        response.is_stream_consumed = True
        try:
            content = b"".join([chunk async for chunk in body])
        except BaseException as exc:
            if isinstance(exc, self.insides.request_error):
                exc.request = request
            response.is_closed = True
            response.elapsed = timedelta(seconds=time.perf_counter() - start)
            await body.aclose()
            raise
        response.is_closed = True
        response.elapsed = timedelta(seconds=time.perf_counter() - start)
        await body.aclose()
        response._content = content
        response._num_bytes_downloaded = len(content)
        return response

    async def _redirect(
        self, request: httpx.Request, response: httpx.Response, stream: bool, follow: Any
    ) -> httpx.Response:
        """Go on as httpx does after a response that redirects."""
        if follow is DEFAULT or isinstance(follow, self._unset):
            follow = self.follow_redirects
        try:
            if follow:
                following = self._build_redirect_request(request, response)
                await response.aread()
                response = await self._send_handling_redirects(
                    following, follow_redirects=True, history=[response]
                )
            else:
                self.note_next(request, response)
            if not stream:
                await response.aread()
        except BaseException:
            await response.aclose()
            raise
        return response


class AsyncDirectClient(AsyncShortcuts, httpx.AsyncClient):
    """An `httpx.AsyncClient` over one driver."""

    insides = HTTPX_CLIENT

    def bind(self, response: Any, start: float) -> None:
        """Have the time that *response* took set when it is closed."""
        response.stream = BoundAsyncStream(response.stream, response=response, start=start)

    def note_next(self, request: Any, response: Any) -> None:
        """Give *response*, which redirects, the request that would follow it."""
        response.next_request = self._build_redirect_request(request, response)
