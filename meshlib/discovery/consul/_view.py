"""
What one watch knows of its service.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import anyio.lowlevel

from ..._exceptions import ConfigurationError
from ..._models import Endpoint
from ._errors import ConsulError
from ._memory import Memory
from ._parse import parse_record

_LOGGER = logging.getLogger("meshlib")
_SLICE = 100
"""Instances to parse before the event loop has its turn."""


class View:
    """
    Turns answers into lists of endpoints, and tells which of them say something new.

    *read* takes an answer apart. An instance that cannot be called is left out, with a
    warning when it is first seen.
    """

    def __init__(
        self,
        service: str,
        read: Callable[[bytes], Iterator[Any]],
        *,
        health: str,
        scheme: str,
        limit: int | None,
    ) -> None:
        self._service = service
        self._read = read
        self._health = health
        self._scheme = scheme
        self._limit = limit
        self._memory = Memory(self._judge)
        self._bad: set[str] = set()
        self._last: dict[str, Endpoint] | None = None
        self._digest = b""

    async def changed(self, content: bytes) -> tuple[Endpoint, ...] | None:
        """The endpoints in *content*, or None when they are those of the last answer."""
        # Most waits end without news.
        digest = hashlib.blake2b(content, digest_size=16).digest()
        if digest == self._digest:
            return None
        endpoints = self._taken(await self._results(content))
        self._digest = digest
        # The order means something only as long as the list is not whole.
        known = {endpoint.url: endpoint for endpoint in endpoints}
        if known == self._last:
            return None
        self._last = known
        return tuple(endpoints)

    async def _results(self, content: bytes) -> list[Endpoint | str | None]:
        try:
            return await _patiently(self._memory.results(content))
        except (ValueError, RecursionError):
            return await _patiently(self._judge(record) for record in self._read(content))

    def _judge(self, record: Any) -> Endpoint | str | None:
        """An endpoint, None for one that takes no traffic, or why it cannot be called."""
        try:
            return parse_record(record, health=self._health, scheme=self._scheme)
        except ConfigurationError as exc:
            return str(exc)

    def _taken(self, results: list[Endpoint | str | None]) -> list[Endpoint]:
        bad = {one for one in results if isinstance(one, str)}
        for problem in sorted(bad - self._bad):
            _LOGGER.warning("consul: %s: an instance is left out: %s", self._service, problem)
        self._bad = bad
        endpoints = [one for one in results if isinstance(one, Endpoint)]
        if bad and not endpoints:
            raise ConsulError(f"nothing in Consul can be called: {min(bad)}")
        return endpoints[: self._limit]


async def _patiently(
    results: Iterator[Endpoint | str | None],
) -> list[Endpoint | str | None]:
    """All *results*, which take their time."""
    found = []
    for number, result in enumerate(results, 1):
        if number % _SLICE == 0:
            await anyio.lowlevel.checkpoint()
        found.append(result)
    return found
