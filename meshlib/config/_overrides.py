"""
What routes and tenants say otherwise than their service.
"""

from __future__ import annotations

from typing import Any

from .._exceptions import ConfigurationError
from .._options import Options
from .._problems import Place, error_of, problems_of
from ..faults import FaultRule
from ..routing import RouteOptions, title_of
from ._merge import merge_service
from ._service import ServiceConfig
from ._trees import Tree, service_tree

OF_ROUTES = ("timeout", "attempt_timeout", "idempotent", "retry", "hedge", "breaker")
"""Keys of a service that a route may override."""
_ENDLESS = ("timeout", "attempt_timeout")
"""Durations of a route whose 0 is no end, as in the Gateway API."""


def overridden(settings: ServiceConfig, over: Tree, place: Place = ()) -> ServiceConfig:
    """
    *settings* with the sections that *over* has, merged key by key as into `defaults`.

    Raises ConfigurationError, which names the key below *place*.
    """
    if not over:
        return settings
    base = {key: _everything(getattr(settings, key)) for key in over if hasattr(settings, key)}
    try:
        merged = ServiceConfig.model_validate(merge_service(base, over))
    except ConfigurationError as exc:
        raise error_of(problems_of(exc, place)) from None
    return settings.model_copy(update={key: getattr(merged, key) for key in over})


def route_overrides(route: RouteOptions) -> Tree:
    """What *route* says otherwise than its service, as a tree."""
    said: Tree = {}
    for key in OF_ROUTES:
        value = getattr(route, key)
        if value is not None:
            said[key] = None if key in _ENDLESS and value == 0 else value
    return service_tree(said, ())


def route_fault(route: RouteOptions, service: str, title: str, place: Place) -> FaultRule | None:
    """The fault rule of the route called *title*; raises ConfigurationError."""
    if route.fault is None or route.fault is False:
        return None
    said = dict(_tree(route.fault)) if route.fault is not True else {}
    name = f"{service}/{title}"
    if "match" in said:
        raise error_of(
            problems_of(ConfigurationError("the route is the match"), (*place, "fault", "match"))
        )
    try:
        return FaultRule.model_validate({"name": name, **said, "match": {"route": name}})
    except ConfigurationError as exc:
        raise error_of(problems_of(exc, (*place, "fault"))) from None


def check_routes(name: str, service: ServiceConfig, place: Place) -> None:
    """Raise ConfigurationError for a route that overrides *service* with what is invalid."""
    for n, route in enumerate(service.routes):
        here = (*place, "routes", n)
        overridden(service, route_overrides(route), here)
        route_fault(route, name, title_of(route, n), here)


def _tree(value: Any) -> Any:
    """A value as `merge_service` takes it: of options what was said."""
    if isinstance(value, Options):
        return {
            field.alias or name: _tree(getattr(value, name))
            for name, field in type(value).model_fields.items()
            if name in value.model_fields_set
        }
    return value


def _everything(value: Any) -> Any:
    """Options as a tree of all they hold, said or not."""
    if isinstance(value, Options):
        return {
            field.alias or name: _everything(getattr(value, name))
            for name, field in type(value).model_fields.items()
        }
    return value
