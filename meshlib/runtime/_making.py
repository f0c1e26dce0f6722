"""
From what the document says of a service to the service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._clock import Clock
from ..config import ServiceConfig
from ..telemetry import Propagation, Tracing, tracing
from ..transport import ResponseCache, Service, Timeouts
from ._build import build_policies, cache_settings
from ._discovering import source_of
from ._probing import LoadProbing, probes

if TYPE_CHECKING:
    from ._mesh import Mesh


class Making:
    """Makes the services of a mesh, and starts what goes on for them beside their calls."""

    def __init__(self, mesh: Mesh, wall: Clock) -> None:
        self._mesh = mesh
        self._wall = wall
        self.propagation = Propagation(mesh.config.telemetry.propagation)

    def add(self, name: str, settings: ServiceConfig) -> None:
        """Make the service that *settings* describe."""
        mesh = self._mesh
        mesh.checking.check(name, settings.health_check)
        service = self._build(name, settings)
        mesh.checking.assign(service, settings.health_check)
        source = source_of(settings, mesh.default_source)
        if source is not None:
            mesh.discovering.assign(service, source, settings)
        else:
            service.update(settings.endpoints)
        hosts = (name, *settings.aliases)
        mesh.directory.add(service, hosts)

    def make(self, name: str, kind: str) -> Service:
        """A service that the document does not name: discovered, or an outside origin."""
        mesh = self._mesh
        settings = mesh.config.default_service()
        service = self._build(name, settings, outside=kind)
        if kind == "discovery":
            mesh.checking.assign(service, settings.health_check)
            mesh.discovering.assign(service, mesh.default_source, settings)
        return service

    def activate(self, service: Service) -> None:
        """Begin what goes on for *service* beside its calls."""
        mesh = self._mesh
        if service.discovered:
            mesh.discovering.begin(service)
        if service.health is not None:
            mesh.checking.begin(service)
        if probes(service.policies):
            probing = LoadProbing(service, mesh.clock)
            mesh.checking.start(f"{service.name} (load)", lambda: probing.run)
        mesh.canarying.start(service.name)
        if service.policies.zones is not None:
            mesh.directory.wake(service.policies.zones.options.members)

    def observe(self, service: Service, settings: ServiceConfig) -> None:
        """Connect *service* to listeners, tracing and the cache it falls back to."""
        service.listening = bool(self._mesh.listening)
        service.tracing = self.find_tracing()
        service.find_tracing = self.find_tracing
        self._mesh.permitting.assign(service, settings)
        cache = cache_settings(settings)
        if cache is None:
            service.cache = None
        elif service.cache is None:
            service.cache = ResponseCache(ttl=cache[0], size=cache[1], clock=self._mesh.clock)

    def trace(self, propagation: Propagation) -> None:
        """Have the traces of all services travel by *propagation* from now on."""
        if propagation is not self.propagation:
            self.propagation = propagation
            for service in self._mesh.directory.everything():
                service.tracing = self.find_tracing()

    def find_tracing(self) -> Tracing | None:
        """The spans of services, with the headers that the document names."""
        return tracing(self.propagation)

    def _build(self, name: str, settings: ServiceConfig, *, outside: str = "") -> Service:
        mesh = self._mesh
        service = Service(
            name,
            build_policies(
                settings,
                mesh.rng,
                name=name,
                outside=outside,
                tls=mesh.certifying.credentials(_place(mesh, name), settings.tls)
                if outside in ("", "discovery")
                else None,  # the certificate of this process is no business of others
            ),
            clock=mesh.clock,
            rng=mesh.rng,
            emit=mesh.emit,
            wall=self._wall,
            timeouts=(Timeouts,),
            faults=mesh.faults.plan(name, mesh.name),
        )
        service.stalls = mesh.stalls
        service.retired = mesh.retired
        service.find_members = mesh.directory.members
        service.outside = outside
        self.observe(service, settings)
        mesh.routing.assign(service, settings)
        return service


def _place(mesh: Mesh, name: str) -> str:
    return f"services.{name}" if name in mesh.config.services else "defaults"
