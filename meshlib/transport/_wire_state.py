"""
What a wire keeps of its connections, the same for threads and for tasks.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Iterator
from typing import Any

import httpcore

from .._clock import Clock
from ..bulkhead import Bulkhead, BulkheadOptions
from ._aim import capped, sni_hostname, wire_headers, wire_path
from ._attempt import Attempt
from ._schemes import HTTP_SCHEMES, refusal
from ._sdk import Sdk
from ._target import Target
from ._tls_errors import explained
from ._waiting import has_ended
from ._wire_options import WireOptions
from ._wire_request import AimedRequest, AimedURL, method_bytes

_STALE = (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError)


class WireState:
    """
    The stacks of a wire, its counts, and what it decides without waiting for anything.

    *make_stack* makes the stack of a target in an event loop.
    """

    make_stack: Any
    _close_idle: Any
    _other: Any = None
    """Sends instead while a test has replaced httpx's own transport."""

    def __init__(self, options: WireOptions, sdk: Sdk, clock: Clock) -> None:
        self._options = options
        self._sdk = sdk
        self._clock = clock
        limits = options.limits
        self._expiry = limits.keepalive_expiry
        self._max_open = limits.max_connections
        self._max_idle = limits.max_keepalive_connections
        self._permits: Bulkhead | None = None
        self._stacks: dict[tuple[Target, object], Any] = {}
        self._retired: dict[Any, None] = {}
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
            raise self._sdk.wire_errors[httpcore.UnsupportedProtocol](refusal(url))

    def retire(self, target: Target) -> None:
        """
        Drain *target*: idle connections close, others when they end.

        Those of threads close now; those of an event loop, and shared ones, which somebody
        may just be taking, close with its next send.
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
        if not link.shared and not stack.inherited:
            self._count(-1, 0)
            link.drop()
        self._release()

    def _request(self, attempt: Attempt, stack: Any) -> AimedRequest:
        request = attempt.call.request
        extensions = request.extensions
        left = attempt.limit - self._clock()
        name = None
        if attempt.call.policies.authority is not None:
            name = sni_hostname(attempt, extensions)
        tls = attempt.target.tls
        if tls is not None and tls.server_name and "sni_hostname" not in extensions:
            name = tls.server_name
        if name is not None or self._options.http2:
            extensions = dict(extensions)
            if name is not None:
                extensions["sni_hostname"] = name
            if self._options.http2:
                # A shared connection has many deadlines, so each exchange caps its own.
                extensions["timeout"] = capped(extensions.get("timeout", {}), left)
        return AimedRequest(
            method_bytes(request.method),
            AimedURL(stack.origin, wire_path(attempt)),
            [(name, value) for name, _, value in wire_headers(attempt, left)],
            attempt.call.body,
            extensions,
        )

    def _new_stack(self, target: Target, loop: object) -> Any:
        if loop not in self._loops:
            self._bury()
            self._loops.add(loop)
        stack = self.make_stack(target, loop)
        if target.removed:
            return stack  # picked just before it left: used once and not kept
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
            self._count(-len(stack.idle) - len(stack.shared), -len(stack.idle))

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
            and not link.shared
            and isinstance(exc, _STALE)
            and call.idempotent
            and call.replayable
        )

    def _explain(self, link: Any, attempt: Attempt, exc: BaseException) -> None:
        """Raise what TLS says of *exc*, if it was the reason."""
        fresh = link.used == 0 and not link.received
        error = explained(self._sdk, attempt.target, attempt.call.service.name, exc, fresh)
        if error is not None:
            raise error

    def _release(self) -> None:
        if self._permits is not None:
            self._permits.release()
