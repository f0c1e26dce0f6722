"""
The last good response of each request, for a service that falls back to it.
"""

from __future__ import annotations

import threading
from typing import Any

from cachetools import TTLCache

from .._clock import Clock
from ._sdk import Sdk

MAX_BODY = 1 << 20
"""Bytes of a body that is kept; a longer one is not worth holding for a fallback."""

Key = tuple[str, str, str, str]

_DECODED = frozenset({b"content-encoding", b"content-length"})
"""Headers that are not true of a body that was decoded already."""
_AS_SENT = frozenset({b"transfer-encoding"})
"""Headers that are not true of a body that lies in memory."""


class ResponseCache:
    """
    Good responses to GET requests, for *ttl* seconds, *size* of them at the most.

    The key holds Authorization and Cookie, so that nobody is answered with what another
    was told; `Cache-Control: no-store` is honoured. Thread-safe.
    """

    def __init__(self, *, ttl: float, size: int, clock: Clock) -> None:
        self._entries: TTLCache[Key, tuple[int, list[tuple[bytes, bytes]], bytes]] = TTLCache(
            maxsize=size, ttl=ttl, timer=clock
        )
        self._lock = threading.Lock()

    def offer(self, request: Any, response: Any) -> None:
        """Keep *response* to *request* if it is good, now or when its body has come."""
        if (
            request.method != "GET"
            or response.status_code >= 300
            or "no-store" in response.headers.get("cache-control", "")
            or int(response.headers.get("content-length", 0)) > MAX_BODY
        ):
            return
        if response.is_closed:
            self._put(request, response, response.content, _DECODED)
        else:
            response.stream.keep(lambda body: self._put(request, response, body, _AS_SENT))

    @staticmethod
    def _key(request: Any) -> Key:
        headers = request.headers
        return (
            request.method,
            str(request.url),
            headers.get("authorization", ""),
            headers.get("cookie", ""),
        )

    def _put(self, request: Any, response: Any, body: bytes, drop: frozenset[bytes]) -> None:
        if len(body) > MAX_BODY:
            return
        headers = [pair for pair in response.headers.raw if pair[0].lower() not in drop]
        with self._lock:
            self._entries[self._key(request)] = (response.status_code, headers, body)

    def get(self, request: Any, sdk: Sdk) -> Any:
        """The kept response to *request*, if it is young enough."""
        with self._lock:
            kept = self._entries.get(self._key(request))
        if kept is None:
            return None
        status, headers, body = kept
        return sdk.response(status, headers=headers, content=body, request=request)
