"""
A request that asks an endpoint for nothing but how loaded it is.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import anyio

from .._models import Endpoint
from ._checker import CheckFailedError
from ._http import HttpChecker
from ._options import HttpCheckOptions, TrustOptions
from ._trust import CredentialsOf, Trust


class LoadProbe:
    """
    Asks one endpoint at *path*, over a connection that is kept. For one event loop.

    *credentials* tells those of the service.
    """

    def __init__(self, path: str, credentials: CredentialsOf = lambda: None) -> None:
        self.path = path
        options = HttpCheckOptions(
            path=path, headers={"x-mesh-load": "probe"}, status=((200, 299),)
        )
        trust = Trust(TrustOptions(), credentials=credentials)
        self._checker = HttpChecker(options, trust=trust, port=None, reuse=True)

    @property
    def is_connected(self) -> bool:
        """Whether a connection is open."""
        return self._checker.wire is not None

    async def ask(self, endpoint: Endpoint) -> Mapping[str, str] | None:
        """The headers of the answer, their names in lower case; None when there is none."""
        try:
            await self._checker.check(endpoint)
        except (CheckFailedError, OSError, ssl.SSLError, anyio.BrokenResourceError):
            return None
        return self._checker.headers

    async def aclose(self) -> None:
        """Close the connection. Idempotent."""
        await self._checker.aclose()
