"""
An httpx client that skips what a request does not use.

httpx walks every request through auth flows, redirects, hooks, mounts, cookies and two
layers of body decoding. Most requests use none of these; for them this client does what
httpx would have done, and for all others it calls httpx. The same tests run through both
ways. The twin of `_direct_async.py`.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any, Self

import httpx
from httpx._client import BoundSyncStream, ClientState, UseClientDefault

from ._shortcuts import body_is_plain, has_cookie, quick_request
from .transport import Driver

_LOGGER = logging.getLogger("httpx")


def bind(response: httpx.Response, start: float) -> None:
    """Have the time that *response* took set when it is closed."""
    body = response.stream
    assert isinstance(body, httpx.SyncByteStream)
    response.stream = BoundSyncStream(body, response=response, start=start)


class DirectClient(httpx.Client):
    """
    An `httpx.Client` over one driver, equal to it in all that can be observed.

    `shortcuts = False` sends every request through httpx's own code.
    """

    shortcuts = True
    _entered = False

    def __init__(self, driver: Driver, **options: Any) -> None:
        self._driver = driver
        self._urls: dict[str, Any] = {}
        super().__init__(transport=driver, **options)

    def __enter__(self) -> Self:
        if self._state is not ClientState.OPENED or self._entered:
            self._entered = True
            return super().__enter__()
        # httpx refuses to open a client that has sent something before.
        self._entered = True
        self._transport.__enter__()
        for transport in self._mounts.values():
            if transport is not None:
                transport.__enter__()
        return self

    def quick_request(self, method: str, url: httpx.URL | str) -> httpx.Request | None:
        """The request that httpx would build, or None when it needs more than its URL."""
        return quick_request(self, self._urls, method, url) if self.shortcuts else None

    def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: Any = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: Any = httpx.USE_CLIENT_DEFAULT,
    ) -> httpx.Response:
        """Send a request, as `httpx.Client.send` does."""
        hooks = self._event_hooks
        if (
            not self.shortcuts
            or self._auth is not None
            or not (auth is None or type(auth) is UseClientDefault)
            or hooks["request"]
            or hooks["response"]
            or self._mounts
            or self._transport is not self._driver
            or self._state is ClientState.CLOSED
            or not isinstance(request.stream, httpx.SyncByteStream)
            or request.url.userinfo
        ):
            return super().send(
                request, stream=stream, auth=auth, follow_redirects=follow_redirects
            )
        self._state = ClientState.OPENED
        if "timeout" not in request.extensions:
            self._set_timeout(request)
        start = time.perf_counter()
        try:
            response = self._driver.handle_request(request)
        except httpx.RequestError as exc:
            exc.request = request
            raise
        response.request = request
        response.default_encoding = self._default_encoding
        if has_cookie(response):
            self.cookies.extract_cookies(response)
        if _LOGGER.isEnabledFor(logging.INFO):
            _LOGGER.info(
                'HTTP Request: %s %s "%s %d %s"',
                request.method,
                request.url,
                response.http_version,
                response.status_code,
                response.reason_phrase,
            )
        if 300 <= response.status_code < 400 and response.has_redirect_location:
            bind(response, start)
            return self._redirect(request, response, stream, follow_redirects)
        if not stream and body_is_plain(response):
            return self._read(request, response, start)
        bind(response, start)
        if not stream:
            try:
                response.read()
            except BaseException:
                response.close()
                raise
        return response

    def _read(
        self, request: httpx.Request, response: httpx.Response, start: float
    ) -> httpx.Response:
        """Read a body that needs no decoding."""
        body = response.stream
        assert isinstance(body, httpx.SyncByteStream)
        response.is_stream_consumed = True
        try:
            content = b"".join([chunk for chunk in body])  # noqa: C416 -- as its twin has it
        except BaseException as exc:
            if isinstance(exc, httpx.RequestError):
                exc.request = request
            response.is_closed = True
            response.elapsed = timedelta(seconds=time.perf_counter() - start)
            body.close()
            raise
        response.is_closed = True
        response.elapsed = timedelta(seconds=time.perf_counter() - start)
        body.close()
        response._content = content
        response._num_bytes_downloaded = len(content)
        return response

    def _redirect(
        self, request: httpx.Request, response: httpx.Response, stream: bool, follow: Any
    ) -> httpx.Response:
        """Go on as httpx does after a response that redirects."""
        if isinstance(follow, UseClientDefault):
            follow = self.follow_redirects
        try:
            following = self._build_redirect_request(request, response)
            if follow:
                response.read()
                response = self._send_handling_redirects(
                    following, follow_redirects=True, history=[response]
                )
            else:
                response.next_request = following
            if not stream:
                response.read()
        except BaseException:
            response.close()
            raise
        return response
