"""
The connections of a blocking transport: a stack of idle ones for each target.

The last one used is the first one taken, so a burst leaves idle what it does not need,
and taking one costs the same at any number of endpoints and connections. A connection
belongs to its process and is used by one thread at a time; one whose exchange failed is
closed, never returned.
"""

from __future__ import annotations

from typing import Any

from ..bulkhead import Bulkhead
from ._attempt import Attempt
from ._foreign import ForeignWire, is_replaced
from ._link_sync import Link, Stack
from ._waiting import Waiter
from ._wire_body_sync import WireBody
from ._wire_request import AimedRequest
from ._wire_state import WireState

_INFINITE = float("inf")


class Wire(WireState):
    """Sends attempts over connections of its own."""

    body_kind = WireBody
    link_kind: Any = Link
    stack_kind = Stack
    theirs = "HTTPTransport"
    handle = "handle_request"
    stream_base = "SyncByteStream"

    def send(self, attempt: Attempt) -> Any:
        """The response to *attempt*, its body unread; raises as httpx does."""
        method = self._theirs.handle_request
        if method is not self._genuine and is_replaced(method, self._sdk):
            return self._replacement().send(attempt)
        call, target = attempt.call, attempt.target
        loop = Waiter.loop()
        stack = self._stacks.get((target, loop))
        if stack is None:
            stack = self._new_stack(target, loop, call.started)
        if self._retired:
            self._sweep(loop)
        request = self._request(attempt, stack)
        if self._permits is not None and not self._permits.try_acquire():
            self._queue(attempt, self._permits)
        fresh_only = False
        while True:
            try:
                link = self._take(stack, fresh_only)
            except BaseException:
                self._release()
                raise
            try:
                response = self._exchange(link, attempt, request)
            except BaseException as exc:
                self._discard(stack, link, exc)
                if self._has_no_room(exc):
                    continue
                if not fresh_only and self._is_stale(link, exc, call):
                    fresh_only = True
                    continue
                self._release()
                if target.tls is not None:
                    self._explain(link, attempt, exc)
                error = self.strange(link, exc) or self._sdk.wire_errors.get(type(exc))
                if error is None:
                    raise
                raise error(str(exc)) from exc
            body = self._body(self, stack, link, response.stream, self._sdk)
            return self._response_of(response.status, response.headers, body, response.extensions)

    def _replacement(self) -> ForeignWire:
        """httpx's own transport, which a test has made answer by itself."""
        if self._other is None:
            self._other = self._theirs(**self._options.as_given())
        return ForeignWire(self._other, self._sdk)  # each test replaces it anew

    def _exchange(self, link: Link, attempt: Attempt, request: AimedRequest) -> Any:
        call = attempt.call
        attempt.abort = link
        link.ended = link.received = False
        link.deadline = attempt.limit
        response = link.http.handle_request(request)
        link.deadline = call.deadline
        return response

    def _take(self, stack: Stack, fresh_only: bool) -> Link:
        now = self._clock()
        while stack.idle:
            try:
                link = stack.idle.pop()
            except IndexError:
                break  # another thread took it
            self._count(0, -1)
            if not fresh_only and link.is_fresh(now, self._expiry):
                return link
            self._count(-1, 0)
            self._close(link)
        if self._max_open is not None and self.open_count >= self._max_open:
            self._evict(stack.loop)
        made = stack.target, stack.origin, self._clock
        opened: Link = self.link_kind(self._options, self._sdk, *made)
        self._count(1, 0)
        return opened

    def _queue(self, attempt: Attempt, permits: Bulkhead) -> None:
        """Wait for a connection as httpx does: by the pool timeout, then PoolTimeout."""
        timeout = attempt.call.request.extensions.get("timeout", {}).get("pool")
        left = attempt.limit - self._clock()
        seconds = left if timeout is None else min(timeout, left)
        waiter = Waiter(self._clock)
        granted = False
        if permits.enqueue(waiter):
            try:
                granted = waiter.wait(seconds)
            except BaseException:
                if permits.abandon(waiter):
                    permits.release()
                raise
            granted = granted or permits.abandon(waiter)
        if not granted:
            raise self._sdk.pool_timeout("timed out")

    # The way back

    def give_back(self, stack: Stack, link: Link) -> None:
        """The exchange on *link* is over, well or badly."""
        link.used += 1
        link.deadline = _INFINITE
        keep = link.http.is_idle() and not stack.retired and not stack.target.removed
        if self._options.http2:
            keep = keep and link.ended  # else its server may go on sending
        if link.tls is not None:
            keep = keep and not link.is_outdated()
            self._close_outdated(stack)
        if stack.inherited:
            self._close(link)
            return  # it was counted in the parent
        if keep and (self._max_idle is None or self.idle_count < self._max_idle):
            link.idle_since = now = self._clock()
            stack.idle.append(link)
            self._count(0, 1)
            if stack.retired:  # meanwhile, by another thread
                self._close_idle(stack)
            if self._expiry is not None:
                self._expire(stack, now - self._expiry)
        else:
            self._count(-1, 0)
            self._close(link)
        self._release()

    def _expire(self, stack: Stack, before: float) -> None:
        """Close what nobody took for long: takers do not reach the bottom of the stack."""
        try:
            if stack.idle[0].idle_since >= before:
                return
            link = stack.idle.popleft()
        except IndexError:
            return
        if link.idle_since < before:
            self._count(-1, -1)
            self._close(link)
        else:
            stack.idle.appendleft(link)

    def _close_outdated(self, stack: Stack) -> None:
        """Close the connection that was idle for longest, if its certificate was replaced."""
        try:
            link = stack.idle.popleft()
        except IndexError:
            return
        if link.is_outdated():
            self._count(-1, -1)
            self._close(link)
        else:
            stack.idle.appendleft(link)

    def _discard(self, stack: Stack, link: Link, exc: BaseException) -> None:
        self._count(-1, 0)
        self._close(link)

    def _close(self, link: Link) -> None:
        try:
            link.close()
        except (self._sdk.core.NetworkError, OSError):
            pass  # it was to be closed, and it is

    def _evict(self, loop: object) -> None:
        """Close an idle connection of any target: the limit counts them all."""
        for stack in list(self._stacks.values()):
            if stack.idle and stack.loop is loop:
                self._expire(stack, _INFINITE)
                return

    # Endpoints that left, and the end

    def _sweep(self, loop: object) -> None:
        for stack in self._claim_retired((loop,)):
            self._close_all(stack)

    def _close_all(self, stack: Stack) -> None:
        try:
            self._close_unused(stack)
        except BaseException:
            self._retired[stack] = None  # cut off: the next send goes on with it
            raise

    def _close_unused(self, stack: Stack) -> None:
        self._close_idle(stack)

    def _close_idle(self, stack: Stack) -> None:
        while stack.idle:
            self._expire(stack, _INFINITE)

    def close(self) -> None:
        """Close the idle connections; those in use close when they end."""
        self._closed_at = self._clock()
        loop = Waiter.loop()
        for key in [key for key in list(self._stacks) if key[1] is loop]:
            stack = self._stacks.pop(key)
            stack.retired = True
            self._close_all(stack)
        self._sweep(loop)
        if self._other is not None:
            self._other.close()
