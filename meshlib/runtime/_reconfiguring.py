"""
A new configuration, checked as a whole before anything of it takes effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..config import MeshConfig, ServiceConfig
from ..telemetry import Propagation
from ..transport import Service
from ._build import build_policies
from ._discovering import default_source, source_of
from ._stalling import take_stalls

if TYPE_CHECKING:
    from ._mesh import Mesh


class Plan:
    """
    What must change in *mesh* for *config* to be in force.

    Making it raises ConfigurationError for whatever is wrong with *config*; carrying it
    out cannot fail, so nothing is ever half applied.
    """

    def __init__(self, mesh: Mesh, config: MeshConfig) -> None:
        self._mesh = mesh
        self._config = config
        self._addresses: list[tuple[Service, tuple[str, ...]]] = []
        self._default = default_source(mesh.discovery_in_code, config)
        self._policies = {
            name: build_policies(
                settings,
                mesh.rng,
                name=name,
                tls=mesh.certifying.credentials(f"services.{name}", settings.tls),
            )
            for name, settings in config.services.items()
        }
        default = (
            self._default if config.discovery != mesh.config.discovery else (mesh.default_source)
        )
        self._sources = {
            name: source_of(settings, default) for name, settings in config.services.items()
        }

        self._propagation = mesh.making.propagation
        if config.telemetry != mesh.config.telemetry:
            self._propagation = Propagation(config.telemetry.propagation)
        self._tls = mesh.certifying.credentials("defaults", config.defaults.tls)
        self._serving = mesh.serving.plan(config, self._propagation)
        for name, settings in config.services.items():
            mesh.checking.check(name, settings.health_check)
        mesh.canarying.check({name: each.routes for name, each in config.services.items()})
        mesh.checking.check("defaults", config.default_service().health_check)

    def carry_out(self) -> tuple[str, ...]:
        """Put the configuration in force; return the names of the services it changed."""
        mesh, new = self._mesh, self._config
        take_stalls(mesh, new)
        old, mesh.config = mesh.config, new
        if old.discovery != new.discovery:
            mesh.default_source = self._default
        mesh.faults.take(new)
        mesh.permitting.take(new)
        mesh.making.trace(self._propagation)
        mesh.serving.take(self._serving)
        mesh.certifying.keep(new)
        mesh.directory.reconfigure(new, mesh.default_source is not None)
        changed = set(old.services) ^ set(new.services)
        gone = set(old.services) - set(new.services)
        left = [self._stopped(name) for name in gone]
        for name, settings in new.services.items():
            before = old.services.get(name)
            if before is None:
                if name in mesh.directory.services:
                    left.append(self._stopped(name))  # discovered until now
                mesh.making.add(name, settings)
            elif before != settings:
                self._change(name, before, settings)
                changed.add(name)
        if old.default_service() != new.default_service() or old.outside != new.outside:
            self._change_unnamed(gone)
        # Last and at once: a host may pass from one service to another.
        mesh.directory.replace(gone, self._addresses)
        for service in left:
            _let_go(service)
        mesh.routing.assign_all()
        mesh.permitting.assign_all()
        return tuple(sorted(changed))

    def _stopped(self, name: str) -> Service:
        """The service called *name*, for which nothing runs any more."""
        self._mesh.discovering.stop(name)
        self._mesh.checking.stop(name)
        self._mesh.checking.stop(f"{name} (load)")
        self._mesh.canarying.stop(name)
        return self._mesh.directory.services[name]

    def _change(self, name: str, before: ServiceConfig, settings: ServiceConfig) -> None:
        mesh = self._mesh
        service = mesh.directory.services[name]
        service.apply(self._policies[name])
        service.settings = settings
        mesh.making.observe(service, settings)
        mesh.checking.assign(service, settings.health_check)
        source: Any = self._sources.get(name)
        moved = _where(before) != _where(settings)
        if moved:
            mesh.discovering.stop(name)
            service.discovered = False
            if source is not None:
                mesh.discovering.assign(service, source, settings)
        checks = settings.health_check
        zones = before.zone_aware != settings.zone_aware
        routes = before.routes != settings.routes
        if (
            moved
            or zones
            or routes
            or before.aliases != settings.aliases
            or before.health_check != checks
            or before.balancer != settings.balancer
        ):
            # It sleeps until it is next asked for, if anything is to run for it.
            self._addresses.append((service, (name, *settings.aliases)))
        if source is None and (moved or before.endpoints != settings.endpoints):
            service.update(settings.endpoints)

    def _change_unnamed(self, gone: set[str]) -> None:
        """Discovered services and outside origins live by the defaults."""
        directory, rng = self._mesh.directory, self._mesh.rng
        defaults, outside = self._config.default_service(), self._config.outside
        for name, service in list(directory.services.items()):
            if name not in self._config.services and name not in gone:
                service.apply(build_policies(defaults, rng, name=name, tls=self._tls))
                service.settings = defaults
                self._mesh.checking.assign(service, defaults.health_check)
                self._addresses.append((service, (name,)))
        for name, service in directory.origins.items():
            service.apply(build_policies(defaults, rng, name=name, outside=outside))
            service.settings, service.outside = defaults, outside


def _let_go(service: Service) -> None:
    """Calls of *service* end as they began; its idle connections are closed."""
    for target in service.targets:
        target.removed = True
        service.retired(target)


def _where(settings: ServiceConfig) -> tuple[Any, ...]:
    """What makes discovery start anew when it changes."""
    return (
        settings.discovery,
        settings.says_where,
        settings.update_interval,
        settings.drop_guard,
    )
