"""
The endpoints of several sources together.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import anyio.lowlevel

from ..._exceptions import DiscoveryError
from ..._models import Endpoint
from .._settings import seconds
from .._snapshot import Snapshot
from .._timing import Timing
from ._alongside import News
from ._follower import Follower
from ._nested import check_sources, make_sources

_LOGGER = logging.getLogger("meshlib")
_SLICE = 500
"""Endpoints that are merged before others get a turn: a few milliseconds at the most."""


class UnionDiscovery:
    """
    All endpoints of all *sources*; of two with the same address, the first source's counts.

    *sources* are sources, or what a document says of them. The first list is sent when
    each of them has answered or failed, and *wait* seconds (default 2: a call waits 5
    seconds for its first endpoints) after the first has answered at the latest; a later
    answer is added. A source that fails keeps its own last endpoints while it is tried
    again; the lists that are sent meanwhile have its error as `Snapshot.error`. When all
    of them fail, so does the union.
    """

    name = "union"

    def __init__(
        self,
        sources: Sequence[Any],
        *,
        wait: Any = 2.0,
        _timing: Timing | None = None,
    ) -> None:
        self._sources = make_sources(sources)
        self._wait = seconds(wait, "wait")
        self._timing = Timing() if _timing is None else _timing
        self._memory: dict[str, tuple[tuple[Endpoint, ...] | None, ...]] = {}

    @staticmethod
    def check_settings(settings: Mapping[str, Any], path: str) -> None:
        """Check the sources that a document names, without making them."""
        check_sources(settings, path)

    async def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """The endpoints of *service* in all sources."""
        news = News(self._timing)
        followers = [Follower(one, service, news.tell, self._timing) for one in self._sources]
        # What a source said before all of them failed is still its last list.
        for follower, endpoints in zip(followers, self._memory.get(service, ()), strict=False):
            follower.endpoints = endpoints
        merger = _Merger()
        report = _Report(service)
        try:
            for follower in followers:
                follower.start()
            await self._first(news, followers)
            while True:
                report.failing(followers)
                if all(follower.failing for follower in followers):
                    raise self._all_failed(service, followers)
                yield await self._snapshot(merger, followers)
                await news.wait()
        finally:
            self._memory[service] = tuple(follower.endpoints for follower in followers)
            for follower in followers:
                await follower.aclose()

    async def _first(self, news: News, followers: Sequence[Follower]) -> None:
        """Wait until every source was heard, or long enough for the others."""
        deadline: float | None = None
        while not all(follower.heard for follower in followers):
            rest: float | None = None
            if any(follower.answers for follower in followers):
                now = self._timing.clock()
                deadline = now + self._wait if deadline is None else deadline
                rest = deadline - now
                if rest <= 0:
                    return
            if not await news.wait(rest):
                return

    async def _snapshot(self, merger: _Merger, followers: Sequence[Follower]) -> Snapshot:
        errors = [one.error for one in followers if one.error is not None]
        return Snapshot(
            await merger.merged(followers),
            age=min(one.age for one in followers if one.answers),
            error=errors[0] if errors else None,
        )

    def _all_failed(self, service: str, followers: Sequence[Follower]) -> DiscoveryError:
        reasons = "; ".join(f"{one.name}: {one.error}" for one in followers)
        error = DiscoveryError(
            f"every source of the union fails: {reasons}", service=service, source=self.name
        )
        error.__cause__ = followers[0].error
        return error


class _Report:
    """Logs when one source of several begins to fail, and when it works again."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._failing: set[int] = set()

    def failing(self, followers: Sequence[Follower]) -> None:
        for number, follower in enumerate(followers):
            if follower.failing and number not in self._failing:
                self._failing.add(number)
                _LOGGER.warning(
                    "%s of the union for %s fails, its last endpoints stay: %s",
                    follower.name,
                    self._service,
                    follower.error,
                )
            elif not follower.failing and number in self._failing:
                self._failing.remove(number)
                _LOGGER.info("%s of the union for %s answers again", follower.name, self._service)


class _Merger:
    """Merges lists again only when one of them has changed."""

    def __init__(self) -> None:
        self._versions: list[int] = []
        self._merged: tuple[Endpoint, ...] = ()
        self._addresses: dict[str, str] = {}

    async def merged(self, followers: Sequence[Follower]) -> tuple[Endpoint, ...]:
        versions = [follower.version for follower in followers]
        if versions != self._versions:
            self._versions = versions
            self._merged = await self._merge([follower.endpoints or () for follower in followers])
        return self._merged

    async def _merge(self, lists: Sequence[Sequence[Endpoint]]) -> tuple[Endpoint, ...]:
        known, seen = self._addresses, {}
        found: dict[str, Endpoint] = {}
        for endpoints in lists:
            for number, endpoint in enumerate(endpoints, 1):
                if number % _SLICE == 0:
                    await anyio.lowlevel.checkpoint()
                # Most URLs are as before, and working an address out costs as much as all else.
                url = endpoint.url
                address = seen[url] = known.get(url) or endpoint.address
                found.setdefault(address, endpoint)
        self._addresses = seen
        return tuple(found.values())
