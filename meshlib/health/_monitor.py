"""
Checking the endpoints of one service for as long as it is used.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping

import anyio
import anyio.lowlevel

from .._bell import Bell
from .._clock import Clock, monotonic
from .._fork import survive_fork
from .._models import Endpoint
from ..events import EndpointHealthChanged, Event
from ._crew import Crew
from ._make import checker_maker
from ._options import HealthCheckOptions
from ._schedule import Entry, Schedule
from ._status import CheckStatus
from ._trust import CredentialsOf

_LOGGER = logging.getLogger("meshlib")
_INTERVAL = 0.1
"""Seconds between two publications: each may have a snapshot of all endpoints made anew."""


class HealthMonitor:
    """
    Checks every endpoint of *service* by *options*, and publishes what it found.

    *publish* gets addresses with whether they are healthy: those whose state has changed,
    and those that passed again, as a passing check also ends an ejection. What is found at
    about the same time is published together. A changed state is also told to *on_event*,
    unless it is what was assumed of the endpoint before.

    `update` says which endpoints there are, `run` does the work until it is cancelled, on
    asyncio or trio; `snapshot` tells the state of all. All but `run` are thread-safe.
    *sleep* replaces waiting by real time; *credentials* tells those of the service. Raises
    ConfigurationError when a library for this kind of check is missing.
    """

    def __init__(
        self,
        service: str,
        options: HealthCheckOptions,
        publish: Callable[[Mapping[str, bool]], object],
        *,
        on_event: Callable[[Event], object] | None = None,
        clock: Clock = monotonic,
        rng: random.Random | None = None,
        sleep: Callable[[float], Awaitable[object]] | None = None,
        credentials: CredentialsOf = lambda: None,
    ) -> None:
        self.service = service
        self.options = options
        self._publish = publish
        self._on_event = on_event
        self._clock = clock
        self._sleep = sleep
        self._make = checker_maker(options, credentials)
        self._assumed = options.assume == "healthy"
        self._schedule = Schedule(options, rng or random.Random())
        self._lock = threading.Lock()
        self._bell: Bell | None = None
        self._left: list[Entry] = []
        self._found: dict[str, bool] = {}
        self._events: list[Event] = []
        self._next_publication = -float("inf")
        self._in_flight = 0
        self._withdrawn = False
        survive_fork(self)

    # From any thread

    def update(self, endpoints: Iterable[Endpoint]) -> None:
        """
        Take a whole new list of endpoints, reconciled by address.

        New ones that are assumed to be unhealthy are published as that before this returns.
        """
        with self._lock:
            came, left = self._schedule.update(endpoints, self._clock())
            bell = self._bell
            if bell is not None:
                self._left += left
        if came and not self._assumed:
            self._tell({entry.address: False for entry in came})
        if bell is not None:
            bell.ring()

    def snapshot(self) -> dict[str, CheckStatus]:
        """What is known of each endpoint, by its address."""
        with self._lock:
            return {address: entry.status for address, entry in self._schedule.entries.items()}

    def withdraw(self) -> None:
        """Publish every endpoint as healthy, and nothing any more: nobody checks them now."""
        with self._lock:
            self._withdrawn = True
            addresses = list(self._schedule.entries)
        self._publish(dict.fromkeys(addresses, True))

    def renew(self) -> None:
        """A forked child has none of its parent's threads; `run` begins anew in it."""
        self._lock = threading.Lock()
        self._bell = None

    # On the event loop

    async def run(self) -> None:
        """Check for ever. Ends only by cancellation; may be run again then."""
        bell, crew = Bell(), Crew(self._make, self.options.timeout)
        with self._lock:
            self._bell, self._left, self._in_flight = bell, [], 0
            self._schedule.restart(self._clock())
        try:
            async with anyio.create_task_group() as group:
                while True:
                    due, left, wait = self._begin()
                    for entry in due:
                        group.start_soon(self._check, crew, entry, bell)
                    for entry in left:
                        await crew.dismiss(entry)
                    wait = min(wait, self._deliver())
                    await self._rest(bell, wait)
        finally:
            with self._lock:
                self._bell = None
            await crew.aclose()

    def _begin(self) -> tuple[list[Entry], list[Entry], float]:
        """What is to be checked now, what has left, and the seconds until there is more."""
        due: list[Entry] = []
        with self._lock:
            now = self._clock()
            left, self._left = self._left, []
            while self._in_flight < self.options.max_concurrency:
                entry = self._schedule.take(now)
                if entry is None:
                    return due, left, self._schedule.next_due - now
                self._in_flight += 1
                due.append(entry)
        return due, left, float("inf")  # the next check that ends rings

    async def _check(self, crew: Crew, entry: Entry, bell: Bell) -> None:
        reason = await crew.check(entry)
        with self._lock:
            self._in_flight -= 1
            before = self._known(entry)
            changed = self._schedule.finish(entry, reason, self._clock())
            after = self._known(entry)
            if not entry.gone and (changed or (reason is None and after)):
                self._found[entry.address] = after
            if before is not after:
                self._events.append(
                    EndpointHealthChanged(
                        service=self.service,
                        endpoint=entry.endpoint,
                        healthy=after,
                        reason=reason or "",
                    )
                )
        bell.ring()

    def _known(self, entry: Entry) -> bool:
        healthy = entry.state.healthy
        return self._assumed if healthy is None else healthy

    def _deliver(self) -> float:
        """Publish what was found, if it is time; the seconds until it will be."""
        now = self._clock()
        with self._lock:
            wait = self._next_publication - now
            if not self._found:
                return float("inf")
            # A clock that was set back must not hold it up for longer than the interval.
            if 0.0 < wait <= _INTERVAL:
                return wait
            found, self._found = self._found, {}
            events, self._events = self._events, []
            self._next_publication = now + _INTERVAL
        self._tell(found)
        for event in events:  # afterwards: what listeners hear of has taken effect
            self._emit(event)
        return float("inf")

    def _tell(self, found: Mapping[str, bool]) -> None:
        if self._withdrawn:
            return
        try:
            self._publish(found)
            if self._withdrawn:  # meanwhile, and what it published may have come first
                self._publish(dict.fromkeys(found, True))
        except Exception:
            _LOGGER.exception("the health of %s could not be published", self.service)

    def _emit(self, event: Event) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception:
            _LOGGER.exception("a listener failed on %s", type(event).__name__)

    async def _rest(self, bell: Bell, seconds: float) -> None:
        """Wait until the bell is rung, for *seconds* at the most."""
        if seconds == float("inf"):
            await bell.wait()
        elif self._sleep is None:
            with anyio.move_on_after(max(seconds, 0.0)):
                await bell.wait()
        else:
            async with anyio.create_task_group() as group:
                group.start_soon(self._wake, seconds, bell)
                await bell.wait()
                group.cancel_scope.cancel()

    async def _wake(self, seconds: float, bell: Bell) -> None:
        assert self._sleep is not None
        await self._sleep(seconds)
        bell.ring()
