"""The runtime that clients share: services, their discovery, listeners, configuration."""

from __future__ import annotations

import os
import random
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import httpx

from ._background import Background
from ._build import build_policies, cache_settings
from ._checking import Checking
from ._clock import Clock, monotonic, wall
from ._context import ambient_deadline
from ._directory import Directory
from ._discovering import Discovering, default_source, source_of
from ._events import (
    ConfigurationApplied,
    ConfigurationRejected,
    Listener,
)
from ._exceptions import ConfigurationError
from ._fork import survive_fork
from ._listening import Listening
from ._models import CallOptions
from ._reconfiguring import Plan
from .config import MeshConfig, ServiceConfig, load_config, watch_config
from .faults import FaultInjector
from .telemetry import CallReport, MeshMetrics, measure, tracing
from .transport import HTTPX, Call, ResponseCache, Service, explain, replayable

_BYTES = HTTPX.byte_stream


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
        clock: Clock = monotonic,
        wall_clock: Clock = wall,
        rng: random.Random | None = None,
    ) -> None:
        self.clock = clock
        self._wall = wall_clock
        self.rng = rng or random.Random()
        self._services_in_code = services
        self._config_source = config
        self.config: MeshConfig = load_config(config, services=services)
        self.name = name or self.config.name or "application"
        self.default_source = default_source(discovery, self.config)
        self.discovery_in_code = discovery
        self._listening = Listening(listeners, clock, self._tell_services)
        self.emit = self._listening.emit
        self.faults = FaultInjector(self.config.faults, rng=self.rng)
        self._lock = threading.RLock()
        self._closed = False
        self._retire: list[weakref.WeakMethod[Callable[[Any], None]]] = []
        self._watch: Any = None
        self._background = Background(self.name)
        self.discovering = Discovering(self._background, self.emit, self.clock, self.rng)
        self.checking = Checking(self._background, self.emit, self.clock, self.rng)
        self.directory = Directory(
            self.config,
            make=self._make,
            activate=self.activate,
            has_default=self.default_source is not None,
        )
        for service_name, settings in self.config.services.items():
            self.add(service_name, settings)
        survive_fork(self)

    # The request path

    def begin(self, request: Any) -> Call:
        """Begin a call for *request*; raises when no service may take it."""
        service = self.directory.by_host.get(request.url.host)
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
        whole = type(stream) is _BYTES or replayable(stream)
        call = Call(service, request, options, ambient_deadline.get(), whole)
        if service.tracing is not None:
            service.tracing.call_started(call)
        return call

    def explain(self, request: httpx.Request | str) -> CallReport:
        """
        What a call would do, without sending anything.

        *request* is a request, or the URL of a GET. Raises as the call would when no
        service may take it.
        """
        if not isinstance(request, httpx.Request):
            request = httpx.Request("GET", request)
        service = self.directory.resolve(request.url)
        options = request.extensions.get("mesh")
        whole = replayable(request.stream)
        return explain(Call(service, request, options, ambient_deadline.get(), whole))

    # Services

    def service(self, name: str) -> Service:
        """The state of the service called *name*; raises NoEndpointError when there is none."""
        return self.directory.named(name)

    def add(self, name: str, settings: ServiceConfig) -> None:
        """Make the service that *settings* describe."""
        self.checking.check(name, settings.health_check)
        service = self._build(name, settings)
        self.checking.assign(service, settings.health_check)
        source = source_of(settings, self.default_source)
        if source is not None:
            self.discovering.assign(service, source, settings)
        else:
            service.update(settings.endpoints)
        hosts = (name, *settings.aliases)
        self.directory.add(service, hosts)

    def activate(self, service: Service) -> None:
        """Begin what goes on for *service* beside its calls."""
        if service.discovered:
            self.discovering.start(service)
        if service.health is not None:
            self.checking.start(service)

    def _make(self, name: str, kind: str) -> Service:
        """A service that the document does not name: discovered, or an outside origin."""
        settings = self.config.default_service()
        service = self._build(name, settings, outside=kind)
        if kind == "discovery":
            self.checking.assign(service, settings.health_check)
            self.discovering.assign(service, self.default_source, settings)
        return service

    def _build(self, name: str, settings: ServiceConfig, *, outside: str = "") -> Service:
        service = Service(
            name,
            build_policies(settings, self.rng, name=name, outside=outside),
            clock=self.clock,
            rng=self.rng,
            emit=self.emit,
            wall=self._wall,
            timeouts=(httpx.TimeoutException, TimeoutError),
            faults=self.faults.plan(name, self.name),
        )
        service.retired = self._retired
        self.observe(service, settings)
        return service

    def observe(self, service: Service, settings: ServiceConfig) -> None:
        """Connect *service* to listeners, tracing and the cache it falls back to."""
        service.listening = bool(self._listening)
        service.tracing = tracing()
        service.find_tracing = tracing
        cache = cache_settings(settings)
        if cache is None:
            service.cache = None
        elif service.cache is None:
            service.cache = ResponseCache(ttl=cache[0], size=cache[1], clock=self.clock)

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
        try:
            source = self._config_source if config is None else config
            plan = Plan(self, load_config(source, services=self._services_in_code))
        except ConfigurationError as exc:
            self.emit(ConfigurationRejected(error=exc))
            raise
        with self._lock:
            changed = plan.carry_out()
        self.emit(ConfigurationApplied(changed=changed))
        return changed

    def watch(self) -> None:
        """Apply the configuration file again whenever it changes."""
        path = self._config_source
        if not isinstance(path, str | os.PathLike):
            raise ConfigurationError(
                f"only a file can be watched, not {type(path).__name__}", path="config"
            )
        with self._lock:
            if self._watch is None:
                self._watch = self._background.start_soon(
                    watch_config,
                    path,
                    self.apply,
                    lambda error: self.emit(ConfigurationRejected(error=error)),
                    self.config,
                )

    # Telemetry

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Send every event to *listener* from now on; the function returned stops that."""
        return self._listening.add(listener)

    def _tell_services(self) -> None:
        for service in self.directory.everything():
            service.listening = bool(self._listening)

    def metrics(self) -> MeshMetrics:
        """What every service and endpoint has done so far, and its state now."""
        services, supervisors = self.directory.everything(), self.discovering.supervisors
        return measure(self.name, services, supervisors, self.clock())

    # Life

    def on_retire(self, retire: Callable[[Any], None]) -> None:
        """Have *retire*, a method, called with every target that leaves while its owner lives."""
        with self._lock:
            alive = [method for method in self._retire if method() is not None]
            self._retire = [*alive, weakref.WeakMethod(retire)]

    def _retired(self, target: Any) -> None:
        for method in self._retire:
            retire = method()
            if retire is not None:
                retire(target)

    def renew(self) -> None:
        """A forked child starts with no call in flight and no thread."""
        self._lock = threading.RLock()
        self._background.renew()
        self._listening.renew()
        self.discovering.renew()
        self.checking.renew()
        self.directory.renew()
        for service in self.directory.everything():
            service.renew()
            if service.health is not None:
                service.health.renew()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
            self.watch()

    def close(self) -> None:
        """Stop background work. Idempotent; calls still in flight end by themselves."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._watch = None
            self.discovering.close()
            self.checking.close()
        self._background.stop()

    def __enter__(self) -> Mesh:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Mesh {self.name!r}: {len(self.directory.services)} services>"
