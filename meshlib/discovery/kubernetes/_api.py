"""
Listing and watching the EndpointSlices of one Service.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx

from .._timing import Timing
from ._answers import GoneError, Question, Server, UnknownError, reason
from ._lines import Lines
from ._slices import SliceReader

_LOGGER = logging.getLogger("meshlib")
_VERSIONS = ("v1", "v1beta1")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,251}[a-z0-9])?")
_LABEL = "kubernetes.io/service-name"


class BrokenOffError(Exception):
    """A watch that had begun was cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How the server is asked: *page* objects at once, and times in seconds."""

    page: int = 500
    timeout: float = 10.0
    watch_timeout: float = 300.0


@dataclass(frozen=True, slots=True)
class _Place:
    """What a resource version belongs to: it says nothing of another server's objects."""

    address: str
    namespace: str
    version: str

    @property
    def path(self) -> str:
        group = f"/apis/discovery.k8s.io/{self.version}"
        return f"{group}/namespaces/{self.namespace}/endpointslices"


class SlicesApi:
    """
    The slices of the Service *name*, for one use of one source.

    *namespace* None is the one of the access. Failures are a DiscoveryError.
    """

    def __init__(
        self,
        server: Server,
        reader: SliceReader,
        *,
        name: str,
        namespace: str | None,
        reach: Reach,
        timing: Timing,
    ) -> None:
        self._server = server
        self._reader = reader
        self._name = name
        self._namespace = namespace
        self._reach = reach
        self._timing = timing
        self._version = _VERSIONS[0]
        self._place: _Place | None = None

    async def fetch(self) -> tuple[list[Any], str]:
        """
        Every slice, and the version to watch from.

        Asks for `v1`, and for `v1beta1` where that is unknown, as before Kubernetes 1.21.
        """
        for version in _VERSIONS:
            self._version = version
            try:
                return await self._fetch_all()
            except UnknownError:
                continue
        raise self._server.error(
            f"serves no endpointslices of discovery.k8s.io in {' or '.join(_VERSIONS)}"
        )

    async def _fetch_all(self) -> tuple[list[Any], str]:
        try:
            return await self._fetch(self._reach.page)
        except UnknownError:
            raise
        except GoneError:
            _LOGGER.debug("the pages of %s took longer than they were known", self._name)
        try:
            # The documentation's way out: what comes at once has no pages to expire.
            return await self._fetch(None)
        except UnknownError:
            raise
        except GoneError as exc:
            raise self._server.error(f"answered a list with {exc}") from exc

    async def _fetch(self, limit: int | None) -> tuple[list[Any], str]:
        documents: list[Any] = []
        parameters = {} if limit is None else {"limit": str(limit)}
        while True:
            async with self._ask("list", parameters) as response:
                with self._server.failing():
                    content = await response.aread()
            answer = self._decoded(content)
            items = answer.get("items") or []
            if not isinstance(items, list):
                raise self._reader.error("a list of EndpointSlices", items)
            documents += items
            version = self._reader.version(answer)
            more = answer["metadata"].get("continue") or ""
            if not isinstance(more, str):
                raise self._reader.error("the mark of a next page", more)
            if not more:
                return documents, version
            parameters["continue"] = more

    async def watch(self, version: str) -> AsyncGenerator[list[Any], None]:
        """
        What changes after *version*, as events that came together, until the server ends it.

        Raises GoneError or BrokenOffError, after which a list or a watch goes on.
        """
        # Spread as client-go does, so that not all clients come again at the same time.
        timeout = self._reach.watch_timeout * (1.0 + self._timing.rng.random())
        parameters = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(round(timeout)),
        }
        lines = Lines()
        async with self._ask("watch", parameters, read=timeout) as response:
            chunks = aiter(response.aiter_bytes())
            try:
                while (chunk := await self._next(chunks)) is not None:
                    try:
                        found = lines.feed(chunk)
                    except ValueError as exc:
                        raise self._server.error(f"sent {exc}") from exc
                    if found:
                        yield [self._decoded(line) for line in found]
            finally:
                await _end(chunks)

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        try:
            return await anext(chunks, None)
        except httpx.TransportError as exc:
            raise BrokenOffError(reason(exc)) from exc

    @asynccontextmanager
    async def _ask(
        self, verb: str, parameters: Mapping[str, str], read: float = 0.0
    ) -> AsyncIterator[httpx.Response]:
        session = await self._server.session()
        access = session.access
        place = _Place(access.address, self._namespace or access.namespace, self._version)
        for name in (self._name, place.namespace):
            if not _NAME.fullmatch(name):
                raise self._server.error(f"cannot be asked for {name!r}, which is no name there")
        if verb == "watch" and place != self._place:
            raise GoneError("the list came from elsewhere")
        self._place = place
        parameters = {"labelSelector": f"{_LABEL}={self._name}", **parameters}
        question = Question(place.path, parameters, verb, place.namespace, read)
        async with self._server.answer(session, question) as response:
            yield response

    def _decoded(self, content: bytes) -> dict[Any, Any]:
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise self._reader.error("a JSON object", content[:100])
        return document


async def _end(chunks: AsyncIterator[bytes]) -> None:
    """
    Read no more of *chunks*.

    They come through several generators of httpx and httpcore. Closing the outermost would
    leave the others to the garbage collector; a read that is cancelled ends them all.
    """
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            while True:  # what has arrived already comes first
                await anext(chunks)
        except (StopAsyncIteration, httpx.HTTPError, httpx.StreamError):
            pass
