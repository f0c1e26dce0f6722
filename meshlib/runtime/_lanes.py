"""
From one route of the document to the lane that its calls take.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..balancing import make_balancer
from ..bulkhead import Bulkhead
from ..config import ServiceConfig, overridden, route_overrides
from ..retry import HedgePolicy, RetryBudget
from ..routing import Affinity, Destination, Route
from ..transport import Lane, Policies, Router, Service, View, ViewOptions
from ._build import build_policies

if TYPE_CHECKING:
    from ._mesh import Mesh
    from .canarying import Rollout


@dataclass(slots=True, kw_only=True, eq=False)
class Front:
    """What a service is to one tenant, or to calls of none."""

    service: Service
    tenant: str | None
    settings: ServiceConfig
    policies: Policies
    bulkhead: Bulkhead
    budget: RetryBudget
    hedge: HedgePolicy | None
    router: Router | None = None


def front_of(service: Service) -> Front:
    """What *service* is to calls of no tenant."""
    return Front(
        service=service,
        tenant=None,
        settings=service.settings,
        policies=service.policies,
        bulkhead=service.bulkhead,
        budget=service.budget,
        hedge=service.hedge,
    )


def default_lane(mesh: Mesh, front: Front) -> Lane:
    """The lane of calls that no route matches."""
    service, breaker = front.service, front.policies.breaker
    options = ViewOptions(
        selector={},
        default={},
        breaker=None if breaker == service.policies.breaker else breaker,
        affinity=front.settings.affinity,
    )
    return Lane(
        service=service,
        view=_view(mesh, service, options, front.policies),
        policies=front.policies,
        hedge=front.hedge,
        budget=front.budget,
        bulkhead=front.bulkhead,
        tenant=front.tenant,
        affinity=_affinity(options),
    )


def lane_to(
    mesh: Mesh,
    front: Front,
    route: Route,
    destination: Destination,
    old: Lane | None,
    rollout: Rollout | None,
) -> Lane:
    """
    The lane of what *route* sends to *destination*, in the service of *front*.

    *rollout* moves the weights of the route, if it has a canary. Budget and hedging of the
    *old* one go on where their options are the same.
    """
    service = front.service
    settings = overridden(front.settings, route_overrides(route.options))
    policies, budget, hedge = front.policies, front.budget, front.hedge
    if settings is not front.settings:
        policies = build_policies(settings, mesh.rng, name=service.name, outside=service.outside)
        wanted = policies.retry_options.budget
        if wanted != front.policies.retry_options.budget:
            same = old is not None and old.policies.retry_options.budget == wanted
            budget = old.budget if old is not None and same else RetryBudget(wanted)
        if policies.hedge != front.policies.hedge:
            same = old is not None and old.policies.hedge == policies.hedge
            hedge = old.hedge if old is not None and same else _hedge(policies)
    if route.authority is not None:
        policies = replace(policies, authority=route.authority.encode("ascii"))
    breaker = policies.breaker
    options = ViewOptions(
        selector=destination.selector,
        fallback=destination.fallback,
        default=destination.default,
        breaker=None if breaker == service.policies.breaker else breaker,
        affinity=route.options.affinity or front.settings.affinity,
    )
    is_canary = rollout is not None and rollout.is_canary(destination)
    view = _view(mesh, service, options, policies, own=is_canary)
    if rollout is not None and is_canary:
        view.on_open = rollout.breakers_opened
    return Lane(
        service=service,
        view=view,
        policies=policies,
        hedge=hedge,
        budget=budget,
        bulkhead=front.bulkhead,
        tenant=front.tenant,
        route=route,
        destination=destination,
        affinity=_affinity(options),
        samples=None if rollout is None else rollout.samples,
        is_canary=is_canary,
    )


def _hedge(policies: Policies) -> HedgePolicy | None:
    return None if policies.hedge is None else HedgePolicy(policies.hedge)


def _affinity(options: ViewOptions) -> Affinity | None:
    return None if options.affinity is None else Affinity(options.affinity)


def _view(
    mesh: Mesh, service: Service, options: ViewOptions, policies: Policies, *, own: bool = False
) -> Any:
    """The view of *service* with these options: one that there is already, if any."""
    if options.is_everything and not own:
        return service
    for view in service.views:
        if view.options == options and view.balances_by(policies.balancer):
            return view
    balancer = policies.balancer
    made = balancer if hasattr(balancer, "pick") else make_balancer(balancer, mesh.rng)
    view = View(service, options, made, balancer)
    service.set_views((*service.views, view))
    return view


def tenant_front(mesh: Mesh, service: Service, tenant: str, old: Front | None) -> Front:
    """
    What *service* is to *tenant*.

    Permits of the *old* one go on, and budget and hedging where their options are the same.
    """
    settings = mesh.config.tenant_service(tenant, service.name, service.settings)
    policies = build_policies(settings, mesh.rng, name=service.name, outside=service.outside)
    front = Front(
        service=service,
        tenant=tenant,
        settings=settings,
        policies=policies,
        bulkhead=Bulkhead(policies.bulkhead, rng=mesh.rng) if old is None else old.bulkhead,
        budget=RetryBudget(policies.retry_options.budget),
        hedge=_hedge(policies),
    )
    if old is not None:
        if old.policies.bulkhead != policies.bulkhead:
            old.bulkhead.resize(policies.bulkhead)
        if old.policies.retry_options.budget == policies.retry_options.budget:
            front.budget = old.budget
        if old.policies.hedge == policies.hedge:
            front.hedge = old.hedge
    return front
