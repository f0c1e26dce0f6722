"""
Sends the copies of one mirror, in the background.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

import anyio

from ..._bell import Bell
from ..._redact import redacted
from ...events import MirrorDiffered, MirrorFinished
from ...routing.mirror import Mirror, MirrorCounts, Rest
from ...transport import Copied, Service, Target
from .._background import BackgroundTask
from ._pair import Pair
from ._pick import MirrorPick
from ._wire import MirrorWire, Sent, never_reached

if TYPE_CHECKING:
    from ._mirroring import Mirroring

_CLOSING = 1.0
"""Seconds that closing connections may take, which nobody needs any more."""

Job = tuple[Copied, "Pair | None"]


class MirrorSender:
    """
    One mirror of one route: its queue, its connections, and what became of its copies.

    Takes no permit, no token of a budget and no probe, and records nothing with targets,
    those that it sends to included. A copy is sent once.

    `takes` and `offer` may be called from any thread, and never wait: what there is no room
    for is dropped and counted.
    """

    def __init__(
        self,
        owner: Mirroring,
        service: str,
        route: str,
        mirror: Mirror,
        timeout: float,
        counts: MirrorCounts,
    ) -> None:
        self._owner = owner
        self.service = service
        self.route = route
        self.mirror = mirror
        self._timeout = timeout
        self._counts = counts
        self._clock = owner.clock
        self._pick = MirrorPick(mirror.options.subset)
        self._closed = False
        self._wire: MirrorWire | None = None
        self._task: BackgroundTask | None = None
        self.renew()

    def renew(self) -> None:
        """A forked child sends what it copies itself, over connections of its own."""
        self._lock = threading.Lock()
        self._queue: deque[Job] = deque()
        self._pairs: deque[Pair] = deque()
        self._rest = Rest()
        self._in_flight = 0
        self._asleep = False
        self._bell: Bell | None = None
        if self._wire is not None:
            self._wire.abandon()
            self._wire = None
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    def is_as(self, mirror: Mirror, timeout: float) -> bool:
        """Whether this does what a sender of *mirror* would do."""
        return self.mirror.options == mirror.options and self._timeout == timeout

    # For calls

    def takes(self) -> bool:
        """Draw whether a call is copied; False, too, when its copy would be dropped anyhow."""
        share = self.mirror.share
        if share < 1.0 and self._owner.rng.random() >= share:
            return False
        now = self._clock()
        with self._lock:
            self._counts.offered += 1
            reason = ""
            if self._closed:
                reason = "closing"
            elif now < self._rest.until or (self._rest.in_doubt and self._is_busy):
                reason = "unreachable"
            elif not self._owner.can_send:
                reason = "transport"
            elif self._room() <= len(self._queue):
                reason = "full"
            if reason:
                self._counts.drop(reason)
        return not reason

    def offer(self, copied: Copied) -> Pair | None:
        """Queue a copy that `takes` wants, or drop it; who waits for the call's own answer."""
        comparer = self.mirror.comparer
        with self._lock:
            if self._closed:  # since it was asked
                self._counts.drop("closing")
                return None
            if not self._may_go(copied):
                self._counts.drop("denied")
                return None
            if copied.body is None or len(copied.body) > self.mirror.options.max_body:
                self._counts.drop("body")
                return None
            pair = None if comparer is None else Pair(self, copied, comparer)
            self._queue.append((copied, pair))
            if self._task is None:
                self._task = self._owner.background.start_soon(self._run)
            wakes, self._asleep = self._asleep, False
        if wakes:
            self._ring()
        return pair

    def _may_go(self, copied: Copied) -> bool:
        allows, service = self._owner.allows, self.mirror.options.service or self.service
        return allows is None or allows(service, copied.method, copied.path, copied.headers)

    @property
    def _is_busy(self) -> bool:
        return self._in_flight > 0 or len(self._queue) > 0

    def _room(self) -> int:
        # Those that can be sent at once do not wait, though the sender has yet to wake up.
        options = self.mirror.options
        return options.max_queue + options.max_concurrency - self._in_flight

    def met(self, pair: Pair) -> None:
        """Both answers of *pair* have come: compare them when there is time."""
        with self._lock:
            if self._closed or len(self._pairs) > self.mirror.options.max_queue:
                return
            self._pairs.append(pair)
            wakes, self._asleep = self._asleep, False
        if wakes:
            self._ring()

    def _ring(self) -> None:
        bell = self._bell
        if bell is not None:
            bell.ring()

    def counts(self) -> MirrorCounts:
        """What became of the copies so far."""
        with self._lock:
            return self._counts.snapshot()

    def close(self) -> None:
        """Take no more copies; those that wait are dropped, those on their way cut off."""
        with self._lock:
            self._closed = True
            self._counts.drop("closing", len(self._queue))
            self._queue.clear()
            self._pairs.clear()
            task = self._task
        if task is not None:
            task.cancel()

    # In the background

    async def _run(self) -> None:
        self._wire = wire = self._owner.wire()
        try:
            async with anyio.create_task_group() as group:
                self._bell = bell = Bell()
                while True:
                    job, pair = self._next()
                    if pair is not None:
                        self._compare(pair)
                        await anyio.lowlevel.checkpoint()  # a long backlog is nobody's burden
                    if job is not None:
                        group.start_soon(self._carry, wire, *job)
                    elif pair is None:
                        await bell.wait()
        finally:
            self._bell = None
            with anyio.move_on_after(_CLOSING, shield=True):
                await wire.aclose()

    def _next(self) -> tuple[Job | None, Pair | None]:
        with self._lock:
            job = pair = None
            if self._queue and self._in_flight < self.mirror.options.max_concurrency:
                job = self._queue.popleft()
                self._in_flight += 1
            if self._pairs:
                pair = self._pairs.popleft()
            self._asleep = job is None and pair is None
        return job, pair

    async def _carry(self, wire: MirrorWire, copied: Copied, pair: Pair | None) -> None:
        """Send one copy, and see what comes of it."""
        began = self._clock()
        sent = Sent()
        error: Exception | None = None
        try:
            with anyio.fail_after(self._timeout):
                service = self._owner.find(self.mirror.options.service or self.service)
                target = await self._pick(service)
                await self._exchange(wire, copied, service, target, sent)
        except Exception as exc:  # a copy concerns nobody, whatever becomes of it
            error = exc
        finally:
            self._arrived(sent, error)
        if sent.target is not None and self._owner.listening:
            self._tell(copied, sent, error, self._clock() - began)
        if sent.answer is not None and pair is not None:
            pair.mirrored_came(sent.answer)

    async def _exchange(
        self, wire: MirrorWire, copied: Copied, service: Service, target: Target, sent: Sent
    ) -> None:
        sent.target = target
        with self._lock:
            self._counts.sent += 1
        authority = service.policies.authority
        host = self.mirror.host(copied.host or authority or target.host_header)
        headers = self.mirror.headers([(b"Host", b"host", host), *copied.headers])
        timeout = b"%d" % (self._timeout * 1000.0)
        name = b"x-envoy-expected-rq-timeout-ms"
        headers.append((name, name, timeout))
        comparer = self.mirror.comparer
        most = comparer.max_body if comparer is not None and comparer.reads_body else None
        await wire.send(copied, target, headers, authority, self._timeout, most, sent)

    def _arrived(self, sent: Sent, error: Exception | None) -> None:
        """Make room for the next one, and note whether anybody listens there."""
        unreachable = never_reached(error)
        with self._lock:
            self._in_flight -= 1
            if sent.target is None:
                self._counts.drop("closing" if self._closed else "no_endpoint")
            elif sent.answer is None:
                self._counts.failed += 1
            if unreachable:
                if self._rest.refused(self._clock()):
                    self._counts.drop("unreachable", len(self._queue))
                    self._queue.clear()
            elif sent.status is not None:
                self._rest.reached()
        self._ring()

    def _tell(self, copied: Copied, sent: Sent, error: Exception | None, elapsed: float) -> None:
        assert sent.target is not None
        self._owner.emit(
            MirrorFinished(
                service=self.service,
                route=self.route,
                mirror=self.mirror.name,
                endpoint=sent.target.endpoint,
                method=copied.method,
                status=sent.status,
                error=error,
                elapsed=elapsed,
            )
        )

    def _compare(self, pair: Pair) -> None:
        found = pair.compare()
        if found is None:
            return
        with self._lock:
            self._counts.compared += 1
            self._counts.different += not found.equal
        if not found.equal and self._owner.listening:
            copied = pair.copied
            self._owner.emit(
                MirrorDiffered(
                    service=self.service,
                    route=self.route,
                    mirror=self.mirror.name,
                    method=copied.method,
                    path=redacted(copied.path.decode("latin-1")),
                    request_id=copied.request_id,
                    comparison=found,
                )
            )
