"""
What a wire keeps of its connections, the same for threads and for tasks.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Iterator
from typing import Any

from .._clock import Clock
from ..bulkhead import Bulkhead, BulkheadOptions
from ._aim import sni_hostname, wire_headers, wire_path
from ._attempt import Attempt
from ._foreign import is_replaced
from ._schemes import HTTP_SCHEMES, refusal
from ._sdk import Sdk, based
from ._target import Target
from ._tls_errors import explained
from ._waiting import has_ended
from ._wire_options import WireOptions
from ._wire_request import AimedRequest, AimedURL, method_bytes


class WireState:
    """
    The stacks of a wire, its counts, and what it decides without waiting for anything.
    """

    body_kind: type
    stack_kind: Any
    stream_base: str
    """The class of bodies that the library asks for."""
    theirs: str
    """The transport of the library that this wire stands for, and its method."""
    handle: str
    _close_idle: Any
    _other: Any = None
    """Sends instead while a test has replaced the library's own transport."""

    def __init__(self, options: WireOptions, sdk: Sdk, clock: Clock) -> None:
        self._options = options
        self._sdk = sdk
        self._clock = clock
        self._theirs = getattr(sdk.http, self.theirs)
        method = getattr(self._theirs, self.handle)
        self._genuine = None if is_replaced(method, sdk) else method
        self._body: Any = based(self.body_kind, getattr(sdk.http, self.stream_base))
        self._response_of = sdk.response_of
        self._aimed_url: Any = based(AimedURL, sdk.core.URL)
        self._aimed_request: Any = based(AimedRequest, sdk.core.Request)
        limits = options.limits
        self._expiry = limits.keepalive_expiry
        self._max_open = limits.max_connections
        self._max_idle = limits.max_keepalive_connections
        self._permits: Bulkhead | None = None
        self._stacks: dict[tuple[Target, object], Any] = {}
        self._retired: dict[Any, None] = {}
        self._closed_at = float("-inf")
        self.idle_count = 0
        self.open_count = 0
        self.renew()

    def renew(self) -> None:
        """Forget every connection: a forked child must not use its parent's."""
        self._lock = threading.Lock()
        for stack in (*self._stacks.values(), *self._retired):
            stack.inherited = stack.retired = True
        self._other = None
        self._stacks = {}
        self._retired = {}
        self._loops: set[object] = set()
        self.idle_count = 0
        self.open_count = 0
        if self._max_open is not None:
            self._permits = Bulkhead(
                BulkheadOptions(max_concurrency=self._max_open, max_queue=1_000_000)
            )

    def check_scheme(self, url: Any) -> None:
        """Raise UnsupportedProtocol for a URL whose scheme is not spoken here."""
        if url.scheme not in HTTP_SCHEMES:
            raise self._sdk.http.UnsupportedProtocol(refusal(url))

    def retire(self, target: Target) -> None:
        """
        Drain *target*: idle connections close, others when they end.

        Those of threads close now, those of an event loop with its next send.
        """
        for loop in list(self._loops):
            stack = self._stacks.pop((target, loop), None)
            if stack is not None:
                stack.retired = True
                self._retired[stack] = None
                if loop is None:
                    self._close_idle(stack)

    def chunks(self, stream: Any, call: Any) -> Any:
        """The chunks of *stream*: its link keeps the deadline."""
        return stream

    def hurry(self, stream: Any, seconds: float) -> None:
        """What is left of *stream* is worth waiting for no longer than this."""
        if hasattr(stream, "hurry"):
            stream.hurry(self._clock() + seconds)

    def forget(self, stack: Any, link: Any) -> None:
        """An unread response was dropped by its owner: give back what needs no waiting."""
        if not stack.inherited:
            self._count(-1, 0)
            link.drop()
        self._release()

    def _request(self, attempt: Attempt, stack: Any) -> Any:
        request = attempt.call.request
        extensions = request.extensions
        left = attempt.limit - self._clock()
        name = None
        if attempt.call.policies.authority is not None:
            name = sni_hostname(attempt, extensions)
        tls = attempt.target.tls
        if tls is not None and tls.server_name and "sni_hostname" not in extensions:
            name = tls.server_name
        if name is not None:
            extensions = {**extensions, "sni_hostname": name}
        return self._aimed_request(
            method_bytes(request.method),
            self._aimed_url(stack.origin, wire_path(attempt)),
            [(name, value) for name, _, value in wire_headers(attempt, left)],
            attempt.call.body,
            extensions,
        )

    def _new_stack(self, target: Target, loop: object, began: float) -> Any:
        """What a call that *began* at this instant takes its connections from."""
        if loop not in self._loops:
            self._bury()
            self._loops.add(loop)
        stack = self.stack_kind(target, loop, self._sdk)
        stack.retired = began < self._closed_at  # what outlives its client is closed by nobody
        if target.removed or stack.retired:
            return stack  # used once and not kept; a target may leave just after it was picked
        stack = self._stacks.setdefault((target, loop), stack)
        if target.removed:
            self._stacks.pop((target, loop), None)  # it left meanwhile, and nobody would
        return stack

    def _bury(self) -> None:
        """Forget connections that died with their event loop and can be closed by nobody."""
        ended = {loop for loop in list(self._loops) if has_ended(loop)}
        self._loops -= ended
        for key in [key for key in list(self._stacks) if key[1] in ended]:
            self._retired[self._stacks.pop(key)] = None
        for stack in self._claim_retired(ended):
            self._count(-stack.open_count(), -len(stack.idle))

    def _claim_retired(self, loops: Container[object]) -> Iterator[Any]:
        """The retired stacks of *loops*, each for one caller only: threads come here at once."""
        for stack in list(self._retired):
            if stack.loop in loops and self._retired.pop(stack, stack) is None:
                yield stack

    def _count(self, opened: int, idle: int) -> None:
        with self._lock:
            self.open_count += opened
            self.idle_count += idle

    def _is_stale(self, link: Any, exc: BaseException, call: Any) -> bool:
        """Whether the server closed an idle connection just as the request was written."""
        return (
            link.used > 0
            and not link.received
            and isinstance(exc, self._sdk.stale)
            and call.idempotent
            and call.replayable
        )

    def _has_no_room(self, exc: BaseException) -> bool:
        """
        Whether *exc* only says that another connection is needed, and that nothing was sent.

        This one turned out to speak HTTP/1.1, is full, or its server has said goodbye.
        """
        return isinstance(exc, self._sdk.core.ConnectionNotAvailable)

    def strange(self, link: Any, exc: BaseException) -> Any:
        """What to raise for an error that no exchange should meet; None for others."""
        return None

    def _explain(self, link: Any, attempt: Attempt, exc: BaseException) -> None:
        """Raise what TLS says of *exc*, if it was the reason."""
        fresh = link.used == 0 and not link.received
        error = explained(self._sdk, attempt.target, attempt.call.service.name, exc, fresh)
        if error is not None:
            raise error

    def _release(self) -> None:
        if self._permits is not None:
            self._permits.release()
