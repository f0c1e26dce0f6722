"""
The canaries of a mesh's services, which go on in the background.
"""

from __future__ import annotations

import os
import random
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ..._clock import Clock
from ..._exceptions import ConfigurationError
from ...config.store import StoreKey, open_store
from ...discovery import moved
from ...events import Event
from ...routing import RouteOptions, RouteTable, title_of
from ...routing.canary import PROCESS
from ...telemetry import CanaryMetrics
from .._background import Background
from ._canary import Canary, status_of
from ._rollout import Rollout

_TIMEOUT = 15.0
"""Seconds that a command by hand waits; a store that works answers in milliseconds."""


class _Place(NamedTuple):
    service: str
    tenant: str | None
    route: str


class Canarying:
    """
    Moves the weights of routes that have a canary, from when their service is first called.

    Thread-safe. A forked child starts anew what it asks for, and takes part as a process
    of its own.
    """

    def __init__(
        self,
        background: Background,
        emit: Callable[[Event], None],
        *,
        name: str,
        wall: Clock,
        rng: random.Random,
    ) -> None:
        self._background = background
        self._emit = emit
        self._wall = wall
        self._rng = rng
        self._name = name
        self._me = _process(name)
        self._rollouts: dict[_Place, Rollout] = {}
        self._running: dict[_Place, Any] = {}
        self._lock = threading.Lock()
        self._started: set[str] = set()
        self._closed = False

    def check(self, services: Mapping[str, Iterable[RouteOptions]]) -> None:
        """Raise ConfigurationError if `assign` could not carry out what all *services* say."""
        taken: dict[str, str] = {}
        for service, routes in services.items():
            for index, options in enumerate(routes):
                if options.canary is None:
                    continue
                place = f"services.{service}.routes[{index}].canary.store"
                try:
                    store = _open(service, title_of(options, index), options.canary.store)
                except ConfigurationError as exc:
                    raise moved(exc, place) from exc
                if options.canary.store == PROCESS:
                    continue
                if store.location in taken:
                    raise ConfigurationError(
                        f"{store.location} is where {taken[store.location]} is kept",
                        path=place,
                        hint="write {name} into the key or path: it is another one for each route",
                    )
                taken[store.location] = place

    def assign(
        self, service: str, table: RouteTable, tenant: str | None = None
    ) -> dict[str, Rollout]:
        """
        Have the canaries of *service* move the splits of *table*; return them by route.

        *tenant* is whose table it is. One whose route says what that of the service itself
        says takes part in its rollout, and another one has a rollout of its own.

        Call it before the table is in force: splits of routes that had a canary already
        have the weights of now when this returns. What is new runs at once if `start` was
        called for the service.
        """
        found: dict[str, Rollout] = {}
        before = self.of(service, tenant)
        shared = {} if tenant is None else self.of(service)
        for route in table.routes:
            canary, split = route.options.canary, route.split
            if canary is None or split is None or route.name in found:
                continue
            rollout = shared.get(route.name)
            if rollout is not None and rollout.route_options == route.options:
                rollout.attach(route.options, split, tenant)
                found[route.name] = shared.pop(route.name)
                continue
            rollout = before.get(route.name)
            if rollout is not None and rollout.options.store == canary.store:
                rollout.attach(route.options, split)
                del before[route.name]
            else:
                self._remove(_Place(service, tenant, route.name))
                before.pop(route.name, None)
                rollout = self._make(_Place(service, tenant, route.name), route.options, split)
            found[route.name] = rollout
        for name in before:
            self._remove(_Place(service, tenant, name))
        for rollout in shared.values():
            rollout.detach(tenant)
        if service in self._started:
            self.start(service)
        return found

    def start(self, service: str) -> None:
        """Begin to advance the canaries of *service*, unless that runs already."""
        with self._lock:
            self._started.add(service)
            for place, rollout in list(self._rollouts.items()):
                if not self._closed and place.service == service and place not in self._running:
                    self._running[place] = self._background.start_soon(rollout.run)

    def stop(self, service: str) -> None:
        """Forget the canaries of a service; its weights stay."""
        self._started.discard(service)
        for place in [place for place in self._rollouts if place.service == service]:
            self._remove(place)

    def of(self, service: str, tenant: str | None = None) -> dict[str, Rollout]:
        """
        The canaries of *service*, by route.

        Those of a *tenant* are only the ones that it does not share with the others.
        """
        return {
            place.route: rollout
            for place, rollout in list(self._rollouts.items())
            if place[:2] == (service, tenant)
        }

    def measured(self) -> dict[str, dict[str, CanaryMetrics]]:
        """How they stand, by service and by route, or `route/tenant`."""
        found: dict[str, dict[str, CanaryMetrics]] = {}
        for place, rollout in list(self._rollouts.items()):
            name = place.route if place.tenant is None else f"{place.route}/{place.tenant}"
            status = status_of(rollout)
            found.setdefault(place.service, {})[name] = CanaryMetrics(
                revision=status.revision,
                state=status.state.value,
                weight=status.weight,
                failed=status.failed,
                reachable=status.reachable,
                store=status.store,
            )
        return found

    def everything(self) -> list[Rollout]:
        """Every canary there is."""
        return list(self._rollouts.values())

    def canary(self, service: str, route: str | None = None, tenant: str | None = None) -> Canary:
        """
        The canary of a *route*, which need not be named when there is one only.

        *tenant* is for whom, if its route is another than that of the service itself.
        Raises ConfigurationError when there is none, or several.
        """
        found = self._find(service, route, tenant)
        self.start(service)

        def find() -> Rollout:
            return self._find(service, found.route, tenant)

        return Canary(find, self._background, self._wall, _TIMEOUT)

    def _find(self, service: str, route: str | None, tenant: str | None) -> Rollout:
        there = {**self.of(service), **(self.of(service, tenant))}
        if route is None and len(there) == 1:
            return next(iter(there.values()))
        if route in there:
            return there[route]
        names = ", ".join(sorted(there))
        raise ConfigurationError(
            "no route has a canary"
            if not there
            else "several routes have a canary"
            if route is None
            else f"the route {route!r} has no canary",
            path=f"services.{service}",
            hint=f"name one of them: {names}"
            if there
            else "give a route with a split `canary: {}`",
        )

    def _make(self, place: _Place, options: RouteOptions, split: Any) -> Rollout:
        assert options.canary is not None
        self._rollouts[place] = rollout = Rollout(
            place.service,
            place.route,
            options,
            split,
            _open(place.service, place.route, options.canary.store, place.tenant),
            me=self._me,
            background=self._background,
            emit=self._emit,
            wall=self._wall,
            rng=self._rng,
        )
        return rollout

    def _remove(self, place: _Place) -> None:
        with self._lock:
            self._rollouts.pop(place, None)
            running = self._running.pop(place, None)
        if running is not None:
            running.cancel()

    def close(self) -> None:
        """Start nothing any more."""
        self._closed = True
        self._running = {}

    def renew(self) -> None:
        """A forked child has none of its parent's threads, and another name."""
        self._lock = threading.Lock()
        self._me = _process(self._name)
        for task in self._running.values():
            task.cancel()
        self._running = {}
        self._started = set()
        for rollout in self._rollouts.values():
            rollout.follow(self._me)


def _open(service: str, route: str, settings: Any, tenant: str | None = None) -> StoreKey:
    parts = ("canary", service, route) if tenant is None else ("canary", service, route, tenant)
    return open_store(settings, "/".join(parts))


def _process(name: str) -> str:
    """What no other process is called, and tells people which one it is."""
    return f"{name}@{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
