"""
The routers of a mesh's services: by which a call finds its route, and so its lane.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._context import client_ip, tenants
from .._models import CallOptions
from ..config import ServiceConfig
from ..routing import Destination, RequestInfo, Route, RouteTable
from ..transport import Call, Lane, Routed, Router, Service
from ._lanes import Front, default_lane, front_of, lane_to, tenant_front

if TYPE_CHECKING:
    from ._mesh import Mesh
    from .canarying import Rollout

_MAX_TENANTS = 1000
"""Tenants of a service whose limits are kept; of more the idle ones leave first."""

_LaneKey = tuple[str, str | None, str, str]
"""Service, tenant, route and destination."""


class Routing:
    """
    Keeps a router for each service that needs one, and for each tenant that calls it.

    Whatever stays the same in a new configuration keeps its state: the weights of splits,
    breakers and balancers of subsets, budgets and permits of tenants. Thread-safe.
    """

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._fronts: dict[tuple[str, str | None], Front] = {}
        self._lanes: dict[_LaneKey, Lane] = {}
        self._has_tenants = bool(mesh.config.tenants)

    # The request path

    def begin(
        self,
        service: Service,
        request: Any,
        options: CallOptions | None,
        ambient: float | None,
        whole: bool,
        tenant: str | None = None,
        *,
        explain: bool = False,
    ) -> Call:
        """
        The call for *request*, which was aimed at *service*, on the way its route says.

        *tenant* is whose client makes it; one in *options* comes before, an ambient one after.
        """
        if options is not None and options.tenant is not None:
            tenant = options.tenant
        elif tenant is None:
            around = tenants.get()
            tenant = around[0] if around else None
        if tenant is None:
            router = service.router
        else:
            front = self._fronts.get((service.name, tenant))
            router = (front or self._front(service, tenant)).router
        if router is None:  # another thread has taken the routes away
            return Call(service, request, options, ambient, whole)
        path: bytes = request.url.raw_path
        info = RequestInfo(
            request.method,
            path,
            request.headers,
            rng=service.rng,
            caller=self._mesh.name,
            tenant=tenant,
            client_ip=client_ip(),
        )
        routed: Routed = router.explain(info, path) if explain else router.route(info, path)
        lane = routed.lane
        call = Call(lane.service, request, options, ambient, whole, lane)
        call.routed = routed
        if routed.answers:
            call.unprepared = True
        if lane.affinity is not None:
            routed.session = lane.affinity.read(info, lane.service.wall())
        return call

    @property
    def is_busy(self) -> bool:
        """Whether calls of tenants are in flight."""
        return any(front.bulkhead.in_flight for front in list(self._fronts.values()))

    # Routers

    def use_tenants(self) -> None:
        """From now on every call may have a tenant."""
        with self._mesh.directory.lock:
            if not self._has_tenants:
                self._has_tenants = True
                self.assign_all()

    def assign(self, service: Service, settings: ServiceConfig) -> None:
        """Have calls of *service*, which is new, follow the routes of *settings*."""
        service.settings = settings
        with self._mesh.directory.lock:
            self._fronts = {k: v for k, v in self._fronts.items() if k[0] != service.name}
            self._lanes = {k: v for k, v in self._lanes.items() if k[0] != service.name}
            self._install(service, {})

    def assign_all(self) -> None:
        """Make every router anew, after a change of the configuration."""
        with self._mesh.directory.lock:
            self._has_tenants = self._has_tenants or bool(self._mesh.config.tenants)
            fronts, lanes = self._fronts, self._lanes
            self._fronts, self._lanes = {}, {}
            services = {each.name: each for each in self._mesh.directory.everything()}
            for service in services.values():
                self._install(service, lanes)
            for (name, tenant), front in fronts.items():
                if tenant is not None and name in services:
                    self._front(services[name], tenant, front, lanes)
            self._forget_views(services.values())

    def renew(self) -> None:
        """A forked child starts with no call in flight."""
        for (_, tenant), front in self._fronts.items():
            if tenant is not None:
                front.bulkhead.renew()
                front.budget.renew()

    def fronts(self, name: str) -> list[Front]:
        """What the service *name* is to each tenant that has called it."""
        return [f for f in list(self._fronts.values()) if f.service.name == name and f.tenant]

    def _install(self, service: Service, lanes: Mapping[_LaneKey, Lane]) -> None:
        settings = service.settings
        if settings.routes or settings.affinity or self._has_tenants:
            front = front_of(service)
            self._fronts[service.name, None] = front
            self._route(front, service.router, lanes)
            service.router = front.router
        else:
            self._mesh.canarying.assign(service.name, RouteTable())
            service.router = None

    def _front(
        self,
        service: Service,
        tenant: str,
        old: Front | None = None,
        lanes: Mapping[_LaneKey, Lane] | None = None,
    ) -> Front:
        """What *service* is to *tenant*, made when it first calls."""
        with self._mesh.directory.lock:
            front = self._fronts.get((service.name, tenant))
            if front is None:
                front = tenant_front(self._mesh, service, tenant, old)
                self._route(front, None if old is None else old.router, lanes or {})
                self._evict(service.name)
                self._fronts[service.name, tenant] = front
            return front

    def _evict(self, name: str) -> None:
        mine = self.fronts(name)
        excess = len(mine) + 1 - _MAX_TENANTS
        for front in mine:
            if excess <= 0:
                return
            if not front.bulkhead.in_flight and front.tenant not in self._mesh.config.tenants:
                del self._fronts[name, front.tenant]
                excess -= 1

    def _route(self, front: Front, former: Router | None, lanes: Mapping[_LaneKey, Lane]) -> None:
        """Give *front* its router; a table and lanes that stay the same are taken over."""
        name, routes = front.service.name, front.settings.routes
        if former is not None and former.options == routes:
            table = former.table
        else:
            table = RouteTable(routes, service=name)
        rollouts = self._mesh.canarying.assign(name, table, front.tenant)
        if rollouts and front.tenant is not None:
            self._mesh.canarying.start(name)

        def make(route: Route, destination: Destination) -> Lane:
            with self._mesh.directory.lock:
                return self._lane(front, route, destination, {}, rollouts)

        router = Router(table, default_lane(self._mesh, front), make, front.tenant, routes)
        for route in table.routes:
            for destination in () if route.split is None else route.split.destinations:
                key = name, front.tenant, route.name, destination.name
                # Lanes into other services are made when they are first taken.
                if destination not in router.lanes and (
                    destination.service is None or key in lanes
                ):
                    lane = self._lane(front, route, destination, lanes, rollouts)
                    router.lanes[destination] = lane
        front.router = router

    def _lane(
        self,
        front: Front,
        route: Route,
        destination: Destination,
        lanes: Mapping[_LaneKey, Lane],
        rollouts: Mapping[str, Rollout],
    ) -> Lane:
        key = front.service.name, front.tenant, route.name, destination.name
        if destination.service is not None:
            service = self._mesh.service(destination.service)
            tenant = front.tenant
            front = front_of(service) if tenant is None else self._front(service, tenant)
        lane = lane_to(
            self._mesh, front, route, destination, lanes.get(key), rollouts.get(route.name)
        )
        lane.mirrors = self._mesh.mirroring.of(*key[:2], route, lane.policies.timeout)
        self._lanes[key] = lane
        return lane

    def _forget_views(self, services: Any) -> None:
        """Let go of views that no lane leads to any more."""
        used = {id(lane.view) for lane in self._lanes.values()}
        used.update(
            id(front.router.default.view)
            for front in self._fronts.values()
            if front.router is not None
        )
        for service in services:
            kept = tuple(view for view in service.views if id(view) in used)
            if kept != service.views:
                service.set_views(kept)
        self._mesh.mirroring.retain(one for lane in self._lanes.values() for one in lane.mirrors)
