"""
The runtime that clients share: services, their discovery, listeners, configuration.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import httpx

from ._background import Background
from ._build import build_policies, cache_settings
from ._clock import Clock, monotonic, wall
from ._context import ambient_deadline
from ._directory import Directory
from ._events import (
    ConfigurationApplied,
    ConfigurationRejected,
    Event,
    Listener,
)
from ._exceptions import ConfigurationError
from ._fork import survive_fork
from ._models import CallOptions
from .config import MeshConfig, ServiceConfig, load_config, watch_config
from .discovery import Supervisor, make_discovery
from .faults import FaultInjector
from .telemetry import CallReport, MeshMetrics, StateLog, measure, tracing
from .transport import HTTPX, Call, ResponseCache, Service, explain, replayable

_LOGGER = logging.getLogger("meshlib")


class Mesh:
    """
    The state that clients share: one runtime for sync and async clients of a process.

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
        self._rng = rng or random.Random()
        self._sources_in_code = services
        self._config_source = config
        self.config: MeshConfig = load_config(config, services=services)
        self.name = name or self.config.name or "application"
        self._default = self._default_source(discovery, self.config)
        self._discovery_in_code = discovery
        self._listeners: tuple[Listener, ...] = tuple(listeners)
        self._state_log = StateLog()
        self._tracing = tracing()
        self.faults = FaultInjector(self.config.faults, rng=self._rng)
        self._lock = threading.RLock()
        self._closed = False
        self._retire: list[weakref.WeakMethod[Callable[[Any], None]]] = []
        self._sources: dict[str, Any] = {}
        self._running: dict[str, Any] = {}
        self._supervisors: dict[str, Supervisor] = {}
        self._watch: Any = None
        self._background = Background(self.name)
        self._directory = Directory(
            self.config,
            make=self._make,
            activate=self._activate,
            has_default=self._default is not None,
        )
        self._byte_stream = HTTPX.byte_stream
        for service_name, settings in self.config.services.items():
            self._add(service_name, settings)
        survive_fork(self)

    @staticmethod
    def _default_source(discovery: Any, config: MeshConfig) -> Any:
        chosen = discovery if discovery is not None else config.discovery
        return None if chosen is None else make_discovery(chosen)

    # The request path

    def begin(self, request: Any) -> Call:
        """Begin a call for *request*; raises when no service may take it."""
        service = self._directory.by_host.get(request.url.host)
        if service is None:
            service = self._directory.resolve(request.url)
        options = request.extensions.get("mesh")
        if options is not None and not isinstance(options, CallOptions):
            raise ConfigurationError(
                f"expected CallOptions, not {options!r}",
                path='extensions["mesh"]',
                hint="pass meshlib.CallOptions(timeout=1.0)",
            )
        stream = request.stream
        whole = type(stream) is self._byte_stream or replayable(stream)
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
        service = self._directory.by_host.get(request.url.host)
        if service is None:
            service = self._directory.resolve(request.url)
        options = request.extensions.get("mesh")
        whole = replayable(request.stream)
        return explain(Call(service, request, options, ambient_deadline.get(), whole))

    # Services

    def service(self, name: str) -> Service:
        """The state of the service called *name*; raises NoEndpointError when there is none."""
        return self._directory.named(name)

    def _add(self, name: str, settings: ServiceConfig) -> None:
        service = self._build(name, settings)
        if settings.discovery is not None:
            self._sources[name] = make_discovery(settings.discovery)
            service.discovered = True
            service.sources = _source_name(self._sources[name])
        else:
            service.update(settings.endpoints)
        hosts = (name, *settings.aliases)
        self._directory.add(service, hosts, dormant=service.discovered)

    def _make(self, name: str, kind: str) -> Service:
        """A service that the document does not name: discovered, or an outside origin."""
        service = self._build(name, self.config.default_service(), outside=kind)
        if kind == "discovery":
            self._sources[name] = self._default
            service.discovered = True
            service.sources = _source_name(self._default)
        return service

    def _build(self, name: str, settings: ServiceConfig, *, outside: str = "") -> Service:
        service = Service(
            name,
            build_policies(settings, self._rng, outside=outside),
            clock=self.clock,
            rng=self._rng,
            emit=self._emit,
            wall=self._wall,
            timeouts=(httpx.TimeoutException, TimeoutError),
            faults=self.faults.plan(name, self.name),
        )
        service.retired = self._retired
        self._observe(service, settings)
        return service

    def _observe(self, service: Service, settings: ServiceConfig) -> None:
        service.listening = bool(self._listeners)
        service.tracing = self._tracing
        cache = cache_settings(settings)
        if cache is None:
            service.cache = None
        elif service.cache is None:
            service.cache = ResponseCache(ttl=cache[0], size=cache[1], clock=self.clock)

    # Discovery

    def start(self) -> None:
        """Begin to discover every configured service now, not when it is first called."""
        for name in list(self._sources):
            self._directory.named(name)

    def _activate(self, service: Service) -> None:
        with self._lock:
            if self._closed or service.name in self._running:
                return
            supervisor = Supervisor(
                self._sources[service.name],
                service.name,
                publish=service.update,
                on_event=self._emit,
                clock=self.clock,
                rng=self._rng,
            )
            self._supervisors[service.name] = supervisor
            self._running[service.name] = self._background.start_soon(supervisor.run)

    # Configuration

    def apply(self, config: Any = None) -> tuple[str, ...]:
        """
        Take a new configuration while calls are in flight; return the services it changed.

        Atomic: an invalid document raises ConfigurationError and changes nothing. What did
        not change keeps its state: breakers, load, windows, budgets. None loads the
        original source again.
        """
        try:
            new = load_config(
                self._config_source if config is None else config, services=self._sources_in_code
            )
            default = self._default_source(self._discovery_in_code, new)
            policies = {
                name: build_policies(settings, self._rng) for name, settings in new.services.items()
            }
            sources = {
                name: make_discovery(settings.discovery)
                for name, settings in new.services.items()
                if settings.discovery is not None
            }
        except ConfigurationError as exc:
            self._emit(ConfigurationRejected(error=exc))
            raise
        with self._lock:
            old, self.config = self.config, new
            if old.discovery != new.discovery:
                self._default = default
            self.faults.set_rules(new.faults)
            self._directory.reconfigure(new, self._default is not None)
            changed: list[str] = []
            for name in set(old.services) - set(new.services):
                self._stop(name)
                self._directory.remove(name)
                changed.append(name)
            for name, settings in new.services.items():
                before = old.services.get(name)
                if before is None:
                    self._directory.remove(name)
                    self._add(name, settings)
                    changed.append(name)
                elif before != settings:
                    self._change(name, before, settings, policies[name], sources.get(name))
                    changed.append(name)
            for service in self._directory.everything():
                service.faults = self.faults.plan(service.name, self.name)
        self._emit(ConfigurationApplied(changed=tuple(sorted(changed))))
        return tuple(sorted(changed))

    def _change(
        self, name: str, before: ServiceConfig, settings: ServiceConfig, policies: Any, source: Any
    ) -> None:
        service = self._directory.services[name]
        service.apply(policies, self.faults.plan(name, self.name))
        self._observe(service, settings)
        if before.discovery != settings.discovery:
            self._stop(name)
            service.discovered = source is not None
            if source is not None:
                self._sources[name] = source
                service.sources = _source_name(source)
        if before.aliases != settings.aliases or before.discovery != settings.discovery:
            self._directory.remove(name)
            hosts = (name, *settings.aliases)
            self._directory.add(service, hosts, dormant=service.discovered)
        if source is None and (
            before.endpoints != settings.endpoints or before.discovery is not None
        ):
            service.update(settings.endpoints)

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
                    watch_config, path, self.apply, self._reject
                )

    def _reject(self, error: BaseException) -> None:
        self._emit(ConfigurationRejected(error=error))

    # Telemetry

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Send every event to *listener* from now on; the function returned stops that."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
            self._tell_services()

        def stop() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not listener)
                self._tell_services()

        return stop

    def _tell_services(self) -> None:
        for service in self._directory.everything():
            service.listening = bool(self._listeners)

    def _emit(self, event: Event) -> None:
        self._state_log(event)
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                _LOGGER.exception("a listener failed on %s", type(event).__name__)

    def metrics(self) -> MeshMetrics:
        """What every service and endpoint has done so far, and its state now."""
        now = self.clock()
        return measure(self.name, self._directory.everything(), self._supervisors, now)

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
        self._running = {}
        self._directory.renew()
        for service in self._directory.everything():
            service.renew()
        if self._watch is not None:
            self._watch = None
            self.watch()

    def _stop(self, name: str) -> None:
        running = self._running.pop(name, None)
        self._supervisors.pop(name, None)
        self._sources.pop(name, None)
        if running is not None:
            running.cancel()

    def close(self) -> None:
        """Stop background work. Idempotent; calls still in flight end by themselves."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._running = {}
            self._watch = None
        self._background.stop()

    def __enter__(self) -> Mesh:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Mesh {self.name!r}: {len(self._directory.services)} services>"


def _source_name(source: Any) -> str:
    return str(getattr(source, "name", type(source).__name__))
