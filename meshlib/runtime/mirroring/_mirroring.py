"""
The mirrors of a mesh's routes: who sends copies of which calls, and over what.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import httpx

from ..._clock import Clock
from ...events import Event
from ...routing import Route
from ...routing.mirror import Mirror, MirrorCounts, make_mirrors
from ...transport import Service, WireOptions
from .._background import Background
from ._sender import MirrorSender
from ._wire import MirrorWire, is_mock

_LONGEST = 15.0
"""Seconds for a copy when neither it, nor its route, nor its service sets an end."""

Key = tuple[str, str | None, str, str]
"""Service, tenant, route and mirror."""


class Mirroring:
    """
    Has a sender for every mirror of every route, and keeps those that stay as they are.

    Copies go over connections of their own, made by the options of the first client of the
    mesh that has connections of its own. Where every client was given a `transport=`, only
    a `MockTransport` gets copies, as it has no connections that they could take
    from calls; `use` names another one.

    *listening* is true while somebody hears events. Thread-safe. A forked child starts anew
    what it needs.
    """

    def __init__(
        self,
        background: Background,
        emit: Callable[[Event], None],
        clock: Clock,
        rng: random.Random,
        find: Callable[[str], Service],
        listening: object = True,
    ) -> None:
        self.background = background
        self.emit = emit
        self.clock = clock
        self.rng = rng
        self.find = find
        self.listening = listening
        self._lock = threading.RLock()
        self._senders: dict[Key, MirrorSender] = {}
        self._options: WireOptions | None = None
        self._given: httpx.AsyncBaseTransport | None = None
        self._foreign = False
        self._closed = False
        self.allows: Callable[..., bool] | None = None
        """Asked with service, method, path and headers whether a copy may be sent."""

    # What sends

    def send_by(self, options: WireOptions | None, transport: Any = None) -> None:
        """A client sends by *options*, or by *transport*; the first of each kind counts."""
        if options is not None:
            if self._options is None:
                self._options = options
        elif is_mock(transport):
            self._given = self._given or transport
        else:
            self._foreign = True

    def use(self, transport: httpx.AsyncBaseTransport) -> None:
        """
        Send copies by *transport*, whatever clients have; it is never closed here.

        Call it before the first copy. It is used on the event loop of the mesh, not on
        that of the application.
        """
        self._given, self._options = transport, None
        self._foreign = False

    @property
    def can_send(self) -> bool:
        """Whether there is something to send by."""
        return not self._foreign or self._options is not None or self._given is not None

    def wire(self) -> MirrorWire:
        """Connections for one mirror, made and used on the event loop of the mesh."""
        given = self._given if self._options is None else None
        return MirrorWire(self._options or WireOptions(), given)

    # Senders

    def of(
        self, service: str, tenant: str | None, route: Route, timeout: float
    ) -> tuple[MirrorSender, ...]:
        """
        The senders for calls of *tenant* that take *route* of *service*.

        *timeout* is that of its calls, in seconds. A mirror that is as before is the sender
        that there is already, with its queue and connections; counts always stay.
        """
        if not route.options.mirror:
            return ()
        seconds = timeout if 0 < timeout < float("inf") else _LONGEST
        with self._lock:
            return tuple(
                self._sender((service, tenant, route.name, mirror.name), mirror, seconds)
                for mirror in make_mirrors(route.options.mirror)
            )

    def _sender(self, key: Key, mirror: Mirror, timeout: float) -> MirrorSender:
        timeout = mirror.options.timeout or timeout
        before = self._senders.get(key)
        if before is not None:
            if before.is_as(mirror, timeout):
                return before
            before.close()
        counts = MirrorCounts() if before is None else before.counts()
        service, _, route, _ = key
        made = MirrorSender(self, service, route, mirror, timeout, counts)
        if self._closed:
            made.close()
        self._senders = {**self._senders, key: made}
        return made

    def retain(self, used: Iterable[MirrorSender]) -> None:
        """Close every sender but those in *used*: no route leads to them any more."""
        kept = set(used)
        with self._lock:
            before = self._senders
            self._senders = {key: one for key, one in before.items() if one in kept}
        for sender in before.values():
            if sender not in kept:
                sender.close()

    # Telemetry

    def counts(self) -> Mapping[str, Mapping[str, MirrorCounts]]:
        """What became of copies, by service and by `route/mirror`, of all tenants together."""
        found: dict[str, dict[str, MirrorCounts]] = {}
        for (service, _, route, name), sender in self._senders.items():
            counts = sender.counts()
            mine = found.setdefault(service, {})
            title = f"{route}/{name}"
            mine[title] = counts if title not in mine else mine[title].plus(counts)
        return found

    # Life

    def close(self) -> None:
        """Send nothing any more; what waits is dropped."""
        with self._lock:
            self._closed = True
        for sender in self._senders.values():
            sender.close()

    def renew(self) -> None:
        """A forked child has none of its parent's threads and connections."""
        self._lock = threading.RLock()
        for sender in self._senders.values():
            sender.renew()
