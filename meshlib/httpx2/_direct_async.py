"""
An httpx2 client that skips what a request does not use.

The twin of `_direct.py`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Unpack

import httpx2
from httpx2._client import BoundAsyncStream

from .._direct_async import AsyncShortcuts
from ._client_options import service_url
from ._options_of_calls import BodyOptions
from ._sdk import HTTPX2_CLIENT

if TYPE_CHECKING:
    from ..runtime import Mesh

    class AsyncSkipping(httpx2.AsyncClient):
        """As a checker is to see it: with the types of httpx2."""

        shortcuts: bool
        mesh: Mesh

        def __init__(self, driver: Any, **options: Any) -> None: ...

        def quick_request(self, method: str, url: httpx2.URL | str) -> httpx2.Request | None: ...
else:

    class AsyncSkipping(AsyncShortcuts, httpx2.AsyncClient):
        """An `httpx2.AsyncClient` with shortcuts."""


class AsyncDirectClient(AsyncSkipping):
    """An `httpx2.AsyncClient` over one driver."""

    insides = HTTPX2_CLIENT

    def bind(self, response: Any, start: float) -> None:
        """Have the time that *response* took set when it is closed."""
        response.stream = BoundAsyncStream(response.stream, start=start)

    def note_next(self, request: Any, response: Any) -> None:
        """Give *response*, which redirects, the request that would follow it."""
        with suppress(httpx2.RemoteProtocolError):
            response.next_request = self._build_redirect_request(request, response)

    async def query(
        self, url: httpx2.URL | str, path: str | None = None, **options: Unpack[BodyOptions]
    ) -> httpx2.Response:
        """Send a QUERY request to a URL, or to *path* of the service called *url*."""
        if path is not None:
            url = service_url(self.mesh, url, path)
        return await self.request("QUERY", url, **options)
