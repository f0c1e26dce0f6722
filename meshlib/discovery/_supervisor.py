"""
Keeping one source running for one service, whatever the source does.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import anyio
import anyio.lowlevel

from .._exceptions import DiscoveryError
from .._models import Endpoint
from ..events import DiscoveryFailed, Event
from ._base import Discovery, source_name
from ._endpoint import parse_endpoint
from ._options import DropGuardOptions
from ._publisher import Publisher
from ._snapshot import age_of, error_of
from ._timing import Timing

_LOGGER = logging.getLogger("meshlib")
_CLOSING = 5.0
"""Seconds a source may take to close."""
_SAME = 1.0
"""Seconds by which two ages of one list may differ: they are told by the wall clock."""
_SLICE = 1000
"""Endpoints that are checked before others get a turn: less than a millisecond of known ones."""
_TURN = 0.001
"""Seconds of that turn. Who only yields has the interpreter's lock again before others wake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """
    How a source is doing for one service.

    *last_success* is the instant, on the mesh clock, at which the endpoints were last known
    to be right; while *live* that is now, since a source that says nothing has nothing new
    to say. *error* is what fails now, be it only one source of several; *snapshots* counts
    the good lists, and *held* the endpoints that are kept though the last list lacks them.
    """

    source: str
    last_success: float | None = None
    live: bool = False
    error: BaseException | None = None
    snapshots: int = 0
    held: int = 0

    def age(self, now: float) -> float | None:
        """Seconds since the endpoints were known to be right; None before the first list."""
        if self.last_success is None:
            return None
        return 0.0 if self.live else max(0.0, now - self.last_success)


class Supervisor:
    """
    Runs `source.watch(service)` for as long as it is not cancelled.

    A list of endpoints is checked, rid of double addresses and published, if it differs
    from the last one: at most once in *interval* seconds, and guarded against a drop as
    *guard* says, None being no guard. A source that fails, ends, or sends what is no list
    of endpoints is closed and asked again after a pause, which doubles from *backoff* to
    *max_backoff* seconds with jitter; what was published last stays. The pause is short
    again once the source has worked for longer than the last one lasted.

    `status` may be read from any thread.
    """

    def __init__(
        self,
        source: Discovery,
        service: str,
        publish: Callable[[tuple[Endpoint, ...]], object],
        on_event: Callable[[Event], object],
        *,
        timing: Timing,
        interval: float = 0.0,
        guard: DropGuardOptions | None = None,
        backoff: float = 1.0,
        max_backoff: float = 30.0,
    ) -> None:
        self._source = source
        self._service = service
        self._on_event = on_event
        self._timing = timing
        self._backoff = backoff
        self._max_backoff = max_backoff
        self._known: dict[str, tuple[Endpoint, Endpoint, str]] = {}
        """By URL: an endpoint as it was sent, as it was checked, and its address."""
        self._name = source_name(source)
        self._publisher = Publisher(
            service, self._name, publish, self._tell, interval=interval, guard=guard
        )
        self._offered: anyio.Event | None = None
        self._status = SourceStatus(source=self._name)

    @property
    def status(self) -> SourceStatus:
        """How the source is doing now."""
        return replace(self._status, held=len(self._publisher.held))

    async def run(self) -> None:
        """Publish what the source says, for ever. Ends only by cancellation."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._deliver)
            await self._watch()

    async def _deliver(self) -> None:
        """Publish later what was not to be published at once."""
        while True:
            self._offered = anyio.Event()
            wait = self._publisher.due - self._timing.clock()
            if wait > 0:
                with anyio.move_on_after(None if wait == math.inf else wait):
                    await self._offered.wait()
            try:
                self._publisher.work(self._timing.clock())
            except Exception as exc:
                self._failed(exc)

    async def _watch(self) -> None:
        clock, pause = self._timing.clock, 0.0
        while True:
            began, before = clock(), self._status.snapshots
            try:
                await self._follow()
                if self._status.snapshots == before:
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
            worked = self._status.snapshots > before and clock() - began > pause
            pause = self._backoff if worked or not pause else pause * 2
            pause = min(pause, self._max_backoff)
            await self._timing.sleep(pause * (0.5 + self._timing.rng.random() / 2))

    async def _follow(self) -> None:
        snapshots = self._source.watch(self._service)
        if not hasattr(snapshots, "__aiter__"):
            if hasattr(snapshots, "close"):
                snapshots.close()  # a coroutine, which nobody will await
            raise self._error("returned no async generator from watch()")
        try:
            async for snapshot in snapshots:
                await self._accept(snapshot)
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

    async def _accept(self, snapshot: object) -> None:
        endpoints = await self._checked(snapshot)
        status, now = self._status, self._timing.clock()
        age, error = age_of(snapshot), error_of(snapshot)
        if error is not None and error is not status.error:
            self._failed(error)
        if age and status.last_success is not None and now - age < status.last_success - _SAME:
            return  # such as one from a disk, which knows less than is known already
        if status.error is not None:
            self._publisher.doubt(now)
        self._publisher.offer(endpoints, now)
        if self._offered is not None:
            self._offered.set()
        self._status = SourceStatus(
            source=self._name,
            last_success=now - age,
            live=not age,
            error=error,
            snapshots=status.snapshots + 1,
        )

    async def _checked(self, snapshot: Any) -> tuple[Endpoint, ...]:
        """The endpoints of *snapshot*, one for each address."""
        if isinstance(snapshot, str | bytes | dict) or not hasattr(snapshot, "__iter__"):
            raise self._error(f"sent {snapshot!r:.200} in place of a list of endpoints")
        # Most of a list is as it was before; parsing ten thousand URLs takes 80 ms. What is
        # as it was is the same object again, by which a publisher knows it.
        known, seen = self._known, {}
        endpoints: dict[str, Endpoint] = {}
        for number, endpoint in enumerate(snapshot, 1):
            if number % _SLICE == 0:
                await self._timing.sleep(_TURN)
            if not isinstance(endpoint, Endpoint):
                raise self._error(f"sent {endpoint!r:.200} in place of an endpoint")
            before = known.get(endpoint.url)
            if before is None or not _same(before[0], endpoint):
                checked = parse_endpoint(endpoint)
                before = (endpoint, checked, checked.address)
            seen[endpoint.url] = before
            endpoints.setdefault(before[2], before[1])
        self._known = seen
        return tuple(endpoints.values())

    def _error(self, what: str) -> DiscoveryError:
        return DiscoveryError(
            f"the source {self._name} {what}", service=self._service, source=self._name
        )

    def _failed(self, error: BaseException) -> None:
        status, now = self._status, self._timing.clock()
        last_success = now if status.live else status.last_success
        self._status = replace(status, last_success=last_success, live=False, error=error)
        age = self._status.age(now)
        self._tell(DiscoveryFailed(service=self._service, source=self._name, error=error, age=age))

    def _tell(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception:
            _LOGGER.exception("a listener failed on %s", type(event).__name__)


def _same(one: Endpoint, other: Endpoint) -> bool:
    """Whether endpoints with one URL are equal; twice as fast as `==`, which makes tuples."""
    return one is other or (
        one.weight == other.weight
        and one.priority == other.priority
        and one.kind == other.kind
        and one.metadata == other.metadata
    )


def _is_cancelled() -> bool:
    """Whether this task is being cancelled, and not only something that it awaited."""
    if anyio.current_effective_deadline() == -math.inf:
        return True
    if anyio.get_cancelled_exc_class() is not asyncio.CancelledError:
        return True  # trio never raises it for anything else
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
