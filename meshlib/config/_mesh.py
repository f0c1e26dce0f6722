"""
The whole document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    PrivateAttr,
    field_validator,
    model_validator,
)

from .._exceptions import ConfigurationError
from .._options import Options
from ..balancing import parse_locality
from ..discovery import check_discovery
from ..faults import FaultControlOptions, FaultRule
from ..inbound import InboundOptions
from ..routing import title_of
from ..security import ServerTLSOptions
from ..telemetry import TelemetryOptions
from ._merge import merge_service, said_over
from ._outbound import OutboundOptions
from ._overrides import check_routes, route_fault
from ._service import ServiceConfig
from ._stalls import StallOptions
from ._tenants import TenantConfig
from ._trees import Tree, document_tree


class Origin:
    """
    Where a configuration came from, which is no part of what it says.

    *loaded* says that overlays and environment variables are in it already; *content* is
    that of its file or key, which *name* says; *environment* is whose overlay is in it,
    *running_in* is what `MESHLIB_ENV` said, whether or not there is an overlay for it, and
    *manifests* are those that it names, as they were then.
    """

    def __init__(
        self,
        *,
        loaded: bool = False,
        content: bytes | None = None,
        name: str = "",
        environment: str = "",
        running_in: str = "",
        manifests: Any = None,
    ) -> None:
        self.loaded = loaded
        self.content = content
        self.name = name
        self.environment = environment
        self.running_in = running_in
        self.manifests = manifests

    def __eq__(self, other: object) -> bool:
        # Two configurations that say the same are equal, wherever they came from.
        return isinstance(other, Origin)

    __hash__ = None  # type: ignore[assignment]  # nothing that equals everything has a hash


def _discovery(value: Any) -> Any:
    if value is not None:
        check_discovery(value, "")
    return value


class MeshConfig(Options):
    """
    The configuration of a mesh, as Python objects or as the document they are made of.

    Every service inherits from *defaults*, key by key, what it does not say itself.
    `model_fields_set` of a service and its sections still are what it said itself.
    """

    name: str = ""
    """This application, as other services and telemetry know it."""
    zone: str | None = None
    """
    Where it runs: a zone, region/zone or region/zone/sub_zone, for services that `prefer`
    endpoints nearby. `MESHLIB_ZONE` comes before it.
    """
    outside: Literal["resilient", "passthrough", "deny"] = "resilient"
    """What becomes of requests to hosts that are no service."""
    defaults: ServiceConfig = ServiceConfig()
    """What every service inherits, outside origins too; has no endpoints."""
    services: dict[str, ServiceConfig] = {}
    """By name, which is the host of their URLs; also the list of their endpoints."""
    manifests: tuple[str, ...] = ()
    """Files, directories or patterns of manifests, each of a service that is laid over it."""
    discovery: Annotated[Any, PlainValidator(_discovery)] = None
    """The source of hosts that are in no service; null: there are no others."""
    faults: tuple[FaultRule, ...] = ()
    """What to break on purpose."""
    fault_control: FaultControlOptions = FaultControlOptions()
    """Where faults may run, who may ask for them, and what stops them."""
    inbound: InboundOptions = InboundOptions()
    """Requests that this process serves: their time, whom they may trust, who is let in."""
    outbound: OutboundOptions = OutboundOptions()
    """Calls that this process makes: which of them it may."""
    telemetry: TelemetryOptions = TelemetryOptions()
    """How traces go from service to service."""
    stalls: StallOptions | None = StallOptions()
    """
    What is done about event loops of this process that stand still, which makes every
    endpoint look slow; null: nothing is measured.
    """
    server_tls: ServerTLSOptions | None = None
    """How this process is spoken to by TLS, for the server that it runs on."""
    tenants: dict[str, TenantConfig] = {}
    """By name: applications in this process that have limits and routes of their own."""
    environments: dict[str, dict[str, Any] | None] = {}
    """Documents that are laid over this one when `MESHLIB_ENV` names them."""
    max_outside_origins: Annotated[int, Field(ge=1)] = 1000
    """Outside origins whose state is kept; the one not used for longest leaves first."""

    _origin: Origin = PrivateAttr(default_factory=Origin)

    @property
    def origin(self) -> Origin:
        """Where this came from."""
        return self._origin

    def default_service(self) -> ServiceConfig:
        """The configuration of a service that the document does not name."""
        if self.zone is None or self.defaults.own_zone is not None:
            return self.defaults
        return self.defaults.model_copy(update={"own_zone": self.zone})

    @field_validator("zone")
    @classmethod
    def _place(cls, value: str | None) -> str | None:
        parse_locality(value or "")
        return value

    @field_validator("defaults")
    @classmethod
    def _nowhere(cls, value: ServiceConfig) -> ServiceConfig:
        for key in ("endpoints", "manifest", "aliases", "routes"):
            if key in value.model_fields_set:
                raise ConfigurationError("these belong to one service, not to all", path=key)
        return value

    def tenant_service(self, tenant: str, name: str, settings: ServiceConfig) -> ServiceConfig:
        """*settings* of the service *name*, as *tenant* has them."""
        own = self.tenants.get(tenant)
        return settings if own is None else own.service(name, settings)

    @property
    def all_faults(self) -> tuple[FaultRule, ...]:
        """The rules of *faults*, and those of the routes."""
        rules = list(self.faults)
        for name, service in self.services.items():
            for n, route in enumerate(service.routes):
                rule = route_fault(route, name, title_of(route, n), ())
                if rule is not None:
                    rules.append(rule)
        return tuple(rules)

    @field_validator("faults")
    @classmethod
    def _distinct(cls, value: tuple[FaultRule, ...]) -> tuple[FaultRule, ...]:
        names = [rule.name for rule in value]
        for n, name in enumerate(names):
            if name in names[:n]:
                raise ConfigurationError(f"there are two rules {name!r}", path=f"[{n}].name")
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _inherit(cls, data: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(data, MeshConfig):
            return build(data)
        document = document_tree(data)
        said = document.get("services")
        defaults = document.get("defaults")
        if "zone" in document and isinstance(defaults, dict | None):
            defaults = {"own_zone": document["zone"], **(defaults or {})}
        if not isinstance(said, dict) or not isinstance(defaults, dict) or not _valid(defaults):
            # Without defaults, or with wrong ones, each service stands for itself.
            return build(document)
        said = {name: said_over(defaults, service) for name, service in said.items()}
        merged = {name: merge_service(defaults, service) for name, service in said.items()}
        config = build({**document, "services": merged})
        for name, service in said.items():
            config.services[name] = _own(config.services[name], service)
        return config

    @model_validator(mode="after")
    def _overrides(self) -> MeshConfig:
        for name, service in self.services.items():
            check_routes(name, service, ("services", name))
        for tenant, own in self.tenants.items():
            for name in own.services:
                settings = self.services.get(name, self.defaults)
                place = ("tenants", tenant, "services", name)
                check_routes(name, own.service(name, settings), place)
        return self

    @model_validator(mode="after")
    def _one_meaning_each(self) -> MeshConfig:
        taken = {name: name for name in self.services}
        for name, service in self.services.items():
            for n, alias in enumerate(service.aliases):
                other = taken.setdefault(alias, name)
                if other != name:
                    raise ConfigurationError(
                        f"{alias!r} means the service {other!r} already",
                        path=f"services.{name}.aliases[{n}]",
                    )
        return self


def _valid(defaults: Tree) -> bool:
    try:
        ServiceConfig.model_validate(defaults)
    except ConfigurationError:
        return False
    return True


def _own(options: Any, said: Mapping[str, Any]) -> Any:
    """*options* with `model_fields_set` as *said*, so that what is inherited stays inherited."""
    values = {name: getattr(options, name) for name in type(options).model_fields}
    for key, part in said.items():
        if isinstance(part, dict) and isinstance(values.get(key), Options) and key != "fallback":
            values[key] = _own(values[key], part)
    return type(options).model_construct(_fields_set=set(said) & set(values), **values)
