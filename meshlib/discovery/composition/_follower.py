"""
One of several sources that another source is made of.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from ..._models import Endpoint
from ...events import DiscoveryFailed, Event
from .._base import Discovery, source_name
from .._snapshot import age_of, error_of
from .._supervisor import Supervisor
from .._timing import Timing
from ._alongside import Alongside

_SAME = 1.0
"""Seconds by which two ages of one snapshot may differ: they are told by the wall clock."""


class Follower:
    """
    Keeps *source* running for *service* and remembers what it said last.

    *news* is called after each list and each failure. A source that fails is tried again
    as any source is, by a supervisor of its own. `endpoints` are those of the last list,
    None before the first. `error` is what has failed since, `failing_since` the instant
    when that began, and `good_at` the last one at which the endpoints were told to be right.
    """

    def __init__(
        self, source: Discovery, service: str, news: Callable[[], object], timing: Timing
    ) -> None:
        self.name = source_name(source)
        self.endpoints: tuple[Endpoint, ...] | None = None
        self.version = 0
        """Counts the lists that differ."""
        self.answers = 0
        """Counts the lists."""
        self.error: BaseException | None = None
        self.failing_since: float | None = None
        self.good_at: float | None = None
        self._lives = False
        self.started_at: float | None = None
        self._source = source
        self._news = news
        self._clock = timing.clock
        self._supervisor = Supervisor(
            self,
            service,
            publish=self._publish,
            on_event=self._on_event,
            timing=timing,
        )
        self._task = Alongside(self._supervisor.run)

    @property
    def heard(self) -> bool:
        """Whether it has answered or failed."""
        return self.answers > 0 or self.error is not None

    @property
    def failing(self) -> bool:
        """Whether it failed and has not answered since."""
        return self.failing_since is not None

    @property
    def age(self) -> float:
        """Seconds since the endpoints were known to be right: 0 while the source lives."""
        if self.good_at is None or self._lives:
            return 0.0
        return max(0.0, self._clock() - self.good_at)

    def start(self) -> None:
        """Begin to follow. Once only."""
        self.started_at = self._clock()
        self._task.start()

    async def aclose(self) -> None:
        """Follow no more."""
        await self._task.aclose()

    def watch(self, service: str) -> Any:
        """What the source sends, each time noticing that the supervisor has taken it."""
        snapshots: Any = self._source.watch(service)
        return self._heard(snapshots) if hasattr(snapshots, "__aiter__") else snapshots

    async def _heard(self, snapshots: Any) -> AsyncIterator[Sequence[Endpoint]]:
        try:
            async for snapshot in snapshots:
                yield snapshot
                self._answered(snapshot)
        finally:
            close = getattr(snapshots, "aclose", None)
            if close is not None:
                await close()

    def _answered(self, snapshot: object) -> None:
        age = age_of(snapshot)
        good_at = self._clock() - age
        # An old snapshot that is sent again, as from disk at each try, is no sign of life.
        if not age or self.good_at is None or good_at > self.good_at + _SAME:
            self.good_at = good_at
            self.failing_since = None
            self.error = None
        self._lives = not age
        self.error = error_of(snapshot) or self.error
        self.answers += 1
        self._news()

    def _publish(self, endpoints: tuple[Endpoint, ...]) -> None:
        self.endpoints = endpoints
        self.version += 1
        self._news()

    def _on_event(self, event: Event) -> None:
        assert isinstance(event, DiscoveryFailed)  # a supervisor without a guard tells no other
        now = self._clock()
        if self._lives:
            self._lives, self.good_at = False, now
        if self.failing_since is None:
            self.failing_since = now
        self.error = event.error
        self._news()
