"""Two versions of a service behind a transport that keeps what it was sent."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

V1 = {"url": "http://one:80", "metadata": {"version": "v1"}}
V2 = {"url": "http://two:80", "metadata": {"version": "v2"}}

Answer = Callable[[httpx.Request], httpx.Response]


class Versions:
    """
    Answers every request with 200, or as *answer* says, and remembers it.

    For blocking and asynchronous clients; thread-safe.
    """

    def __init__(self, answer: Answer | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self.answer: Answer = answer or (lambda request: httpx.Response(200))
        self.transport = httpx.MockTransport(self._handle)
        self._lock = threading.Lock()

    def _handle(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
        return self.answer(request)

    @property
    def last(self) -> httpx.Request:
        """The request that came last."""
        return self.requests[-1]

    @property
    def hosts(self) -> Counter[str]:
        """How many requests each endpoint got."""
        return Counter(request.url.host for request in self.requests)


def users(*routes: Any, **settings: Any) -> dict[str, Any]:
    """A document of one service, `users`, with two versions and these routes."""
    service = {"endpoints": [V1, V2], "routes": list(routes), **settings}
    return {"name": "shop", "services": {"users": service}}
