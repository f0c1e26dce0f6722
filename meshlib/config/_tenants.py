"""
What may be said of one tenant.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator, field_validator

from .._exceptions import ConfigurationError
from .._options import Options
from .._problems import error_of, nearest, problems_of
from ._overrides import overridden
from ._service import ServiceConfig
from ._trees import Tree, service_tree, services_tree

OF_TENANTS = (
    "timeout",
    "attempt_timeout",
    "idempotent",
    "retry",
    "hedge",
    "breaker",
    "bulkhead",
    "fallback",
    "routes",
    "affinity",
    "grpc_timeout",
)
"""Keys of a service that a tenant may have for itself; the others are about its endpoints."""


def _limits(value: Any) -> Tree:
    return _checked(service_tree(value, ()))


def _services(value: Any) -> dict[str, Tree]:
    if not isinstance(value, dict):
        raise ValueError("services by name are needed here")
    found: dict[str, Tree] = {}
    for name, tree in services_tree(value, ()).items():
        try:
            found[name] = _checked(tree)
        except ConfigurationError as exc:
            raise error_of(problems_of(exc, (name,))) from None
    return found


def _checked(tree: Tree) -> Tree:
    for key in tree:
        if key not in OF_TENANTS:
            raise ConfigurationError(
                f"{key!r} is not a tenant's own",
                path=key,
                hint=nearest(key, OF_TENANTS) or f"tenants have {', '.join(OF_TENANTS)}",
            )
    overridden(ServiceConfig(), tree)
    return tree


class TenantConfig(Options):
    """
    What one tenant has for itself: limits, budgets and routes, over endpoints of all.

    *defaults* goes for every service, *services* for one; both are laid over what the
    service says, key by key. A `breaker` makes breakers of the tenant's own, which then
    count in the place of the shared ones.
    """

    defaults: Annotated[Tree, PlainValidator(_limits)] = Field(default={})
    services: Annotated[dict[str, Tree], PlainValidator(_services)] = Field(default={})

    @field_validator("defaults")
    @classmethod
    def _not_routes(cls, value: Tree) -> Tree:
        if "routes" in value:
            raise ConfigurationError("these belong to one service, not to all", path="routes")
        return value

    def service(self, name: str, settings: ServiceConfig) -> ServiceConfig:
        """*settings* of the service *name* as this tenant has them."""
        return overridden(overridden(settings, self.defaults), self.services.get(name, {}))
