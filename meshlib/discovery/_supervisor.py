"""
Keeping one source running for one service, whatever the source does.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from .._clock import Clock
from .._events import DiscoveryFailed, Event
from .._exceptions import DiscoveryError
from .._models import Endpoint
from ._base import Discovery, source_name
from ._endpoint import parse_endpoint
from ._reconcile import reconcile

_LOGGER = logging.getLogger("meshlib")
_CLOSING = 5.0
"""Seconds a source may take to close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """
    How a source is doing for one service.

    *last_success* is the instant, on the mesh clock, of the last good list, and *error*
    what has failed since; *snapshots* counts the good lists.
    """

    source: str
    last_success: float | None
    error: BaseException | None
    snapshots: int

    def age(self, now: float) -> float | None:
        """Seconds since the last good list; None before the first."""
        return None if self.last_success is None else max(0.0, now - self.last_success)


class Supervisor:
    """
    Runs `source.watch(service)` for as long as it is not cancelled.

    A list of endpoints is checked, rid of double addresses and published, if it differs
    from the last one. A source that fails, ends, or sends what is no list of endpoints is
    closed and asked again after a pause, which doubles from *backoff* to *max_backoff*
    seconds with jitter; what was published last stays. The pause is short again once the
    source has worked for longer than the last one lasted.

    `status` may be read from any thread.
    """

    def __init__(
        self,
        source: Discovery,
        service: str,
        publish: Callable[[tuple[Endpoint, ...]], object],
        on_event: Callable[[Event], object],
        *,
        clock: Clock,
        rng: random.Random,
        sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
        backoff: float = 1.0,
        max_backoff: float = 30.0,
    ) -> None:
        self._source = source
        self._service = service
        self._publish = publish
        self._on_event = on_event
        self._clock = clock
        self._rng = rng
        self._sleep = sleep
        self._backoff = backoff
        self._max_backoff = max_backoff
        self._published: tuple[Endpoint, ...] | None = None
        self._known: dict[str, tuple[Endpoint, str]] = {}
        self._name = source_name(source)
        self.status = SourceStatus(source=self._name, last_success=None, error=None, snapshots=0)

    async def run(self) -> None:
        """Publish what the source says, for ever. Ends only by cancellation."""
        pause = 0.0
        while True:
            began, before = self._clock(), self.status.snapshots
            try:
                await self._follow()
                if self.status.snapshots == before:
                    self._failed(self._error("ended without saying anything"))
            except Exception as exc:
                self._failed(exc)
            except anyio.get_cancelled_exc_class() as exc:
                if _is_cancelled():
                    raise
                # Such as a gRPC stream that its own channel cancelled.
                error = self._error("was cancelled from inside")
                error.__cause__ = exc
                self._failed(error)
            worked = self.status.snapshots > before and self._clock() - began > pause
            pause = self._backoff if worked or not pause else pause * 2
            pause = min(pause, self._max_backoff)
            await self._sleep(pause * (0.5 + self._rng.random() / 2))

    async def _follow(self) -> None:
        snapshots = self._source.watch(self._service)
        if not hasattr(snapshots, "__aiter__"):
            if hasattr(snapshots, "close"):
                snapshots.close()  # a coroutine, which nobody will await
            raise self._error("returned no async generator from watch()")
        try:
            async for snapshot in snapshots:
                self._accept(snapshot)
        finally:
            await self._close(snapshots)

    async def _close(self, snapshots: AsyncIterator[Sequence[Endpoint]]) -> None:
        close = getattr(snapshots, "aclose", None)
        if close is None:
            return
        # Shielded, or a cancelled source could not say goodbye to its server.
        with anyio.move_on_after(_CLOSING, shield=True):
            try:
                await close()
            except Exception:
                _LOGGER.warning(
                    "closing %s for %s failed", self._name, self._service, exc_info=True
                )

    def _accept(self, snapshot: object) -> None:
        endpoints = self._checked(snapshot)
        if self._published is None or not reconcile(self._published, endpoints).unchanged:
            self._publish(endpoints)
        self._published = endpoints
        self.status = SourceStatus(
            source=self._name,
            last_success=self._clock(),
            error=None,
            snapshots=self.status.snapshots + 1,
        )

    def _checked(self, snapshot: Any) -> tuple[Endpoint, ...]:
        """The endpoints of *snapshot*, one for each address."""
        if isinstance(snapshot, str | bytes | dict) or not hasattr(snapshot, "__iter__"):
            raise self._error(f"sent {snapshot!r:.200} in place of a list of endpoints")
        # Most of a list is as it was before; parsing ten thousand URLs takes 80 ms.
        known, seen = self._known, {}
        endpoints: dict[str, Endpoint] = {}
        for endpoint in snapshot:
            if not isinstance(endpoint, Endpoint):
                raise self._error(f"sent {endpoint!r:.200} in place of an endpoint")
            before = known.get(endpoint.url)
            if before is None or before[0] != endpoint:
                checked = parse_endpoint(endpoint)
                before = (checked, checked.address)
            seen[endpoint.url] = before
            endpoints.setdefault(before[1], before[0])
        self._known = seen
        return tuple(endpoints.values())

    def _error(self, what: str) -> DiscoveryError:
        return DiscoveryError(
            f"the source {self._name} {what}", service=self._service, source=self._name
        )

    def _failed(self, error: BaseException) -> None:
        status = self.status
        self.status = SourceStatus(
            source=self._name,
            last_success=status.last_success,
            error=error,
            snapshots=status.snapshots,
        )
        event = DiscoveryFailed(
            service=self._service,
            source=self._name,
            error=error,
            age=status.age(self._clock()),
        )
        try:
            self._on_event(event)
        except Exception:
            _LOGGER.exception("a listener failed on DiscoveryFailed")


def _is_cancelled() -> bool:
    """Whether this task is being cancelled, and not only something that it awaited."""
    if anyio.current_effective_deadline() == -math.inf:
        return True
    if anyio.get_cancelled_exc_class() is not asyncio.CancelledError:
        return True  # trio never raises it for anything else
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
