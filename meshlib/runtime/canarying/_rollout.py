"""
The canary of one route: how this process takes part in what all of them decide.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

import anyio

from ..._clock import Clock
from ...events import CanaryChanged, CanaryStoreChanged, Event
from ...routing import RouteOptions, Split
from ...routing.canary import (
    PROCESS,
    CanaryRecord,
    CanaryState,
    CanaryStore,
    Progress,
    advance,
    command,
    contribute,
    exchange,
    may_lead,
    parse_record,
    suspend,
)
from .._background import Background
from ._share import CanaryShare

_SHORTEST = 0.01
"""Seconds between two looks at least, however short the interval is."""

Change = Callable[[CanaryRecord | None], CanaryRecord | None]


class Rollout(CanaryShare):
    """
    Moves the weights of a route's split as the record of its canary says.

    A *look* reads the record, changes it if there is something to change, and takes it
    over. Looks come a few times within an interval and a lease; what others change is
    heard of at once. While the store cannot be reached the share stays as it is.

    `samples`, `attach` and `breakers_opened` may be used from any thread; what is asynchronous
    belongs to the background loop.
    """

    def __init__(
        self,
        service: str,
        route: str,
        options: RouteOptions,
        split: Split,
        store: CanaryStore,
        *,
        me: str,
        background: Background,
        emit: Callable[[Event], None],
        wall: Clock,
        rng: random.Random,
    ) -> None:
        super().__init__(options, split, rng)
        self.service = service
        self.route = route
        self.me = me
        self.error: BaseException | None = None
        """Why the store cannot be reached now."""
        self.thread: int | None = None
        """The thread in which it runs."""
        self._store = store
        self._background = background
        self._emit = emit
        self._wall = wall
        self._wake: anyio.Event | None = None
        self._told = (CanaryState.WAITING.value, "", 0.0)

    @property
    def store_name(self) -> str:
        """The kind of its store; never its settings, which may hold secrets."""
        settings = self.options.store
        if isinstance(settings, Mapping):
            return str(next(iter(settings), ""))
        return settings.partition(":")[0] if isinstance(settings, str) else repr(settings)

    def breakers_opened(self) -> None:
        """
        Give the canary no call: the last breaker of its endpoints has just opened.

        At once here, and as soon as they hear of it in other processes. Never blocks. Call
        it when a breaker opens, and not as long as it is open: after the next check the
        canary is given its share again, so that breakers can probe.
        """
        if self.open():
            self.nudge()

    def attach(self, options: RouteOptions, split: Split, tenant: str | None = None) -> None:
        """Go on with a *split* that was made anew; what its *options* ask for is done soon."""
        before = self.options, self.revision
        super().attach(options, split, tenant)
        if before != (self.options, self.revision):
            self.nudge()

    def nudge(self) -> None:
        """Have the next look come now, from any thread."""
        self._background.start_soon(self._rouse)

    async def run(self) -> None:
        """Look for as long as it is not cancelled."""
        self.thread = threading.get_ident()
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch)
            while True:
                self._wake = anyio.Event()
                await self.look()
                with anyio.move_on_after(self._pause):
                    await self._wake.wait()

    async def look(self) -> None:
        """Read the record, change it if that is due, and take it over."""
        now, record, tally = self._wall(), self.record, self.tally
        if record is not None:
            leads = may_lead(record, self.options, now, self.me)
            tally.collect(record.progress.checked_at, now, leads=leads)
        step = _Step(self, now)
        try:
            written = await self._exchange(step)
        except Exception:  # the store's, which was told of; `command` lets it through
            if step.offers:
                tally.drop()  # it may have been written: better lost than counted twice
        else:
            if written and step.offers:
                tally.told(now)

    async def command(self, change: Callable[[Progress], Progress]) -> None:
        """
        Make a *change* by hand.

        Raises what the store raises, and TimeoutError when too many others write.
        """
        if self.record is None:
            await self.look()

        def by_hand(found: CanaryRecord | None) -> CanaryRecord | None:
            if found is None or found.progress.revision != self.revision:
                return None
            return command(found, change)

        if not await self._exchange(by_hand) and by_hand(self.record) is not None:
            raise TimeoutError("others go on changing the record of the canary; try again")

    async def _exchange(self, change: Change) -> bool:
        """Have the record changed, and take it over; whether it was written."""
        known = 0 if self.record is None else self.record.generation
        try:
            with anyio.fail_after(self.options.lease / 3):
                found, written = await exchange(self._store, change)
        except Exception as exc:  # a store may raise whatever its library does
            self._in_touch(exc)
            raise
        self._in_touch(None)
        # One that is older than what was known before it was read: the key was made anew.
        if found is not None and (self._is_new(found) or found.generation < known):
            self.take(found)
        return written

    async def _watch(self) -> None:
        while True:
            with suppress(Exception):  # the looks find out, and tell
                async for stored in self._store.watch():
                    record = parse_record(stored.content)
                    if self._is_new(record):
                        self.take(record)
            await anyio.sleep(self._pause)

    async def _rouse(self) -> None:
        if self._wake is not None:
            self._wake.set()

    @property
    def _pause(self) -> float:
        return max(_SHORTEST, min(self.options.lease / 4, self.options.interval / 8))

    def _is_new(self, record: CanaryRecord) -> bool:
        return self.record is None or record.generation > self.record.generation

    def take(self, record: CanaryRecord) -> None:
        """Go by *record* from now on, and tell what is new in it."""
        super().take(record)
        self._tell(record)

    def _tell(self, record: CanaryRecord) -> None:
        progress, share = record.progress, self.share or 0.0
        old, self._told = self._told, (progress.state.value, progress.revision, share)
        if old == self._told:
            return
        self._emit(
            CanaryChanged(
                service=self.service,
                route=self.route,
                revision=progress.revision,
                old=old[0],
                new=progress.state.value,
                weight=share,
                reason=self.reason(record),
                store=self.store_name,
            )
        )

    def reason(self, record: CanaryRecord) -> str:
        """Why the canary has the share that it has here."""
        if record.progress.revision != self.revision:
            return f"the document of this process has another revision, {self.revision}"
        if self.opened(record):
            return "every breaker of the canary's endpoints was open"
        return record.progress.reason

    def _in_touch(self, error: BaseException | None) -> None:
        before, self.error = self.error, error
        if (before is None) != (error is None):
            self._emit(
                CanaryStoreChanged(
                    service=self.service,
                    route=self.route,
                    store=self.store_name,
                    reachable=error is None,
                    error=error,
                )
            )
        if error is not None and self.record is not None:
            self._tell(self.record)  # breakers may have opened meanwhile

    def follow(self, me: str) -> None:
        """A forked child is another process, called *me*, with no calls and no thread."""
        self.renew()
        self._wake = self.thread = None
        if self.options.store != PROCESS:  # else the record is a copy, with the lease
            self.me = me


class _Step:
    """What a look writes in place of what it finds; *offers* whether that has its report."""

    def __init__(self, rollout: Rollout, now: float) -> None:
        self._rollout = rollout
        self._now = now
        self._tally = rollout.tally
        self.offers = False

    def __call__(self, found: CanaryRecord | None) -> CanaryRecord | None:
        """The record to write, or None to write nothing."""
        rollout, now, tally = self._rollout, self._now, self._tally
        suspended = None
        if found is not None and rollout.opened(found):
            suspended = command(found, suspend)
        start = found if suspended is None else suspended
        options, report, me = rollout.options, tally.pending, rollout.me
        changed = advance(start, options, rollout.revision, now, me, report)
        if changed is None and start is not None and report is not None and tally.is_due(now):
            changed = contribute(start, rollout.revision, report)
        self.offers = changed is not None and report is not None
        return suspended if changed is None else changed
