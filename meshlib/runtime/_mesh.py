"""The runtime that clients share: services, their discovery, listeners, configuration."""

from __future__ import annotations

import random
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import httpx

from .._clock import Clock, monotonic, wall
from .._context import ambient_deadline
from .._exceptions import ConfigurationError
from .._fork import survive_fork
from .._models import CallOptions
from .._public import public
from .._surroundings import surroundings
from ..config import MeshConfig, load_config
from ..events import Listener
from ..inbound import Inbound
from ..telemetry import CallReport, MeshMetrics
from ..transport import BYTE_STREAMS, HTTPX, Call, Service, explain, host_of, replayable
from ._applied import AppliedConfig, Versions
from ._background import Background
from ._certifying import Certifying
from ._checking import Checking
from ._directory import Directory
from ._discovering import Discovering, default_source
from ._faulting import MeshFaults
from ._listening import Listening
from ._making import Making
from ._measuring import metrics_of
from ._patching import change, patch
from ._permitting import Permitting
from ._routing import Routing
from ._serving import Serving
from ._stalling import stalls_of
from ._tenant import Tenant
from ._watching import Watching
from .canarying import Canary, Canarying
from .mirroring import Mirroring

_BYTES = HTTPX.byte_stream
_ALIVE: weakref.WeakSet[Mesh] = weakref.WeakSet()


@public
class Mesh:
    """
    The state that clients share: one runtime for the sync and async clients of a process.

    *name* is this application, as other services know it. *config* is a document: a path,
    a mapping or a `MeshConfig`; *services* is merged over it. *discovery* finds the names
    that have no source of their own. *listeners* receive events.

    Thread-safe, and usable from any number of event loops. Background work starts when it
    is first needed, on one thread, and again in a forked child.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        config: Any = None,
        services: Mapping[str, Any] | None = None,
        discovery: Any = None,
        listeners: Iterable[Listener] = (),
        clock: Clock | None = None,
        wall_clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        around = surroundings()
        services = around.over(services)
        self.clock = clock = clock or around.clock or monotonic
        self._wall = wall_clock = wall_clock or around.wall_clock or wall
        self.rng = rng or around.rng or random.Random()
        self._services_in_code, self._config_source = services, config
        self.config: MeshConfig = load_config(config, services=services)
        self.name, self.discovery_in_code = name or self.config.name or "application", discovery
        self.default_source = default_source(discovery, self.config)
        self.listening = Listening(listeners, clock, self._tell_services)
        self.emit = self.listening.emit
        self.faults = MeshFaults(self.config, rng=self.rng, clock=clock, wall_clock=wall_clock)
        self._lock, self._closed = threading.RLock(), False
        self._retire: list[weakref.WeakMethod[Callable[[Any], None]]] = []
        self._background = Background(self.name)
        self._watching = Watching(self, self._background, config)
        self.versions = Versions(self.config, wall_clock)
        self.discovering = Discovering(self._background, self.emit, self.clock, self.rng)
        self.checking = Checking(self._background, self.emit, self.clock, self.rng)
        self.making, self.stalls = Making(self, wall_clock), stalls_of(self)
        self.directory = Directory(
            self.config,
            make=self.making.make,
            activate=self.making.activate,
            has_default=self.default_source is not None,
        )
        common = self._background, self.emit
        self.mirroring = Mirroring(*common, clock, self.rng, self.service, self.listening)
        self.canarying = Canarying(*common, name=self.name, wall=wall_clock, rng=self.rng)
        self.permitting = Permitting(self, self._background, wall_clock)
        self.canarying.check({n: s.routes for n, s in self.config.services.items()})
        self.routing, self.certifying = Routing(self), Certifying(self, wall_clock)
        self.serving = Serving(self, self._background, wall_clock)
        running = self.discovering, self.checking, self.mirroring, self.canarying, self.faults
        self._running: tuple[Any, ...] = (*running, self.serving, self.permitting, self.certifying)
        for service_name, settings in self.config.services.items():
            self.making.add(service_name, settings)
        survive_fork(self)
        _ALIVE.add(self)
        if around.made is not None:
            around.made(self)

    # The request path

    def begin(self, request: Any, tenant: str | None = None) -> Call:
        """Begin a call for *request*, made for *tenant*; raises when no service may take it."""
        service = self.directory.by_host.get(host_of(request))
        if service is None:
            service = self.directory.resolve(request.url)
        options = request.extensions.get("mesh")
        if options is not None and not isinstance(options, CallOptions):
            raise ConfigurationError(
                f"expected CallOptions, not {options!r}",
                path='extensions["mesh"]',
                hint="pass meshlib.CallOptions(timeout=1.0)",
            )
        stream = request.stream
        whole = type(stream) is _BYTES or type(stream) in BYTE_STREAMS or replayable(stream)
        if service.router is None:
            call = Call(service, request, options, ambient_deadline.get(), whole)
        else:
            call = self.routing.begin(
                service, request, options, ambient_deadline.get(), whole, tenant
            )
            service = call.service
        if self.permitting.active:
            self.permitting.begin(call)
        if service.tracing is not None:
            service.tracing.call_started(call)
        return call

    def explain(self, request: Any, *, tenant: str | None = None) -> CallReport:
        """
        What a call would do, without sending anything.

        *request* is a request, or the URL of a GET. Raises as the call would when no
        service may take it.
        """
        if not hasattr(request, "method"):
            request = httpx.Request("GET", request)
        service = self.directory.resolve(request.url)
        options = request.extensions.get("mesh")
        whole = replayable(request.stream)
        parts = service, request, options, ambient_deadline.get(), whole
        if service.router is None:
            return explain(self.permitting.judged(Call(*parts)))
        return explain(self.permitting.judged(self.routing.begin(*parts, tenant, explain=True)))

    # Requests that are served, and services

    @property
    def inbound(self) -> Inbound:
        """What decides about requests that this process serves."""
        return self.serving.inbound

    def service(self, name: str) -> Service:
        """The state of the service called *name*; raises NoEndpointError when there is none."""
        return self.directory.named(name)

    def tenant(self, name: str) -> Tenant:
        """This mesh for the tenant *name*: the same endpoints, limits and routes of its own."""
        self.routing.use_tenants()
        return Tenant(self, name)

    def canary(self, service: str, route: str | None = None) -> Canary:
        """
        The canary of a *route* of *service*, to look at and to lead by hand.

        The route need not be named when one only has a canary. Raises ConfigurationError
        when there is none, or several.
        """
        return self.canarying.canary(service, route)

    # Discovery

    def start(self) -> None:
        """Begin to discover and check every service now, not when it is first called."""
        for service in self.directory.everything():
            if service.discovered or service.health is not None:
                self.directory.named(service.name)

    # Configuration

    def apply(self, config: Any = None) -> tuple[str, ...]:
        """
        Take a new configuration while calls are in flight; return the services it changed.

        Atomic: an invalid document raises ConfigurationError and changes nothing. What did
        not change keeps its state: breakers, load, windows, budgets. None loads the
        original source again.
        """
        source, in_code = self._config_source if config is None else config, self._services_in_code
        return change(self, self._lock, lambda _: load_config(source, services=in_code))

    def patch(self, changes: Any, *, service: str | None = None) -> tuple[str, ...]:
        """
        Merge *changes* into the configuration in force; return the services they changed.

        A merge patch (RFC 7396) of the document, or of *service* alone: null takes away
        what was said, so that what is inherited counts. As atomic as `apply`.
        """
        return patch(self, self._lock, changes, service)

    def watch(self) -> None:
        """Apply the configuration file, or the key of a store, again whenever it changes."""
        with self._lock:
            self._watching.start()

    def history(self) -> tuple[AppliedConfig, ...]:
        """The last 20 configurations that took effect, the oldest first."""
        return self.versions.history()

    def rollback(self, version: int | None = None) -> tuple[str, ...]:
        """
        Put a *version* of the history in force again, by default the one before this.

        As atomic as `apply`, and a new version itself. A watched document takes effect
        when it next changes. Returns the services that were changed.
        """
        number, config = self.versions.find(version)
        return change(self, self._lock, lambda _: config, f"version {number}")

    # Telemetry

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Send every event to *listener* from now on; the function returned stops that."""
        return self.listening.add(listener)

    def _tell_services(self) -> None:
        for service in self.directory.everything():
            service.listening = bool(self.listening)

    def metrics(self) -> MeshMetrics:
        """What every service and endpoint has done so far, and its state now."""
        return metrics_of(self)

    # Life

    def on_retire(self, retire: Callable[[Any], None]) -> None:
        """Have *retire*, a method, called with every target that leaves while its owner lives."""
        with self._lock:
            alive = [method for method in self._retire if method() is not None]
            self._retire = [*alive, weakref.WeakMethod(retire)]

    def retired(self, target: Any) -> None:
        """Tell all of them that *target* left."""
        for method in self._retire:
            retire = method()
            if retire is not None:
                retire(target)

    def renew(self) -> None:
        """A forked child starts with no call in flight and no thread."""
        self._lock = threading.RLock()
        parts = self._background, self.listening, self.directory, self.routing, self.stalls
        for part in (*parts, *self._running):
            part.renew()
        for service in self.directory.everything():
            service.renew()
            if service.health is not None:
                service.health.renew()
        self._watching.renew()

    def close(self) -> None:
        """Stop background work. Idempotent; calls still in flight end by themselves."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._watching.stop()
            for part in self._running:
                part.close()
        self._background.stop()

    def __enter__(self) -> Mesh:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Mesh {self.name!r}: {len(self.directory.services)} services>"


def meshes() -> list[Mesh]:
    """Every mesh of this process that is in use, or could be."""
    return [mesh for mesh in list(_ALIVE) if not mesh._closed]
