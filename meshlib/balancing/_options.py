"""What a user may set about balancing."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from .._options import Duration, Options, PositiveDuration
from ._prequal_options import PrequalOptions

BalancerName = Literal[
    "round_robin",
    "random",
    "weighted",
    "least_connections",
    "least_request",
    "least_response_time",
    "prequal",
    "ip_hash",
    "ring_hash",
    "maglev",
]


class HashKey(Options):
    """
    Where the key of a hashing balancer comes from: exactly one of these.

    A per-call `hash_key` always wins; a request without a key gets a random one.
    """

    header: str | None = None
    cookie: str | None = None
    query: str | None = None
    client_ip: bool = False
    path: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> HashKey:
        chosen = [name for name in type(self).model_fields if getattr(self, name)]
        if len(chosen) > 1:
            raise ValueError(f"name one source of the key, not {' and '.join(chosen)}")
        return self


class BalancerOptions(PrequalOptions):
    """
    The strategy that picks an endpoint for each attempt, and its settings.

    In a document either a name (`balancer: random`) or one key with settings
    (`balancer: {ring_hash: {key: {header: x-user-id}}}`).
    """

    name: BalancerName = "least_connections"
    choice_count: Annotated[int, Field(ge=2, le=10)] = 5
    """
    How many are sampled above 16 endpoints; gRPC A48 allows 2 to 10. With a hundred clients 8
    take a fifth off the p99, at twice the cost of a pick (simulated).
    """
    key: HashKey = HashKey(client_ip=True)
    minimum_ring_size: Annotated[int, Field(ge=1, le=8_388_608)] | None = None
    """
    Positions on the ring at least. Null gives each endpoint 512 of them, and 16384 to all
    together when there are many: when one leaves, no keys move but its own. A number is
    Envoy's option, whose default is 1024: keys go where Envoy sends them, and about twice as
    many move, as each change also changes how many positions the others have.
    """
    maximum_ring_size: Annotated[int, Field(ge=1, le=8_388_608)] = 8_388_608
    """Envoy's default."""
    table_size: Annotated[int, Field(ge=2, le=5_000_011)] = 65537
    """Slots of the Maglev table; must be prime. Envoy's default."""
    hash_balance_factor: Annotated[int, Field(ge=100)] | None = None
    """Bounded load, percent of the mean; 120 to 150 is usual, null is unbounded (Envoy)."""
    decay_time: PositiveDuration = 1.0
    """Window of the latency average; 0.3 to 1 s measured best."""
    idle_decay_time: PositiveDuration = 5.0
    """How fast the average of an idle endpoint returns to that of its peers."""

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and "name" not in value and len(value) == 1:
            ((name, settings),) = value.items()
            if settings is None or isinstance(settings, dict):
                if name not in cls.model_fields:
                    return {"name": name, **(settings or {})}
            elif name in get_args(BalancerName):
                raise ValueError(f"settings are needed for {name}, not {settings!r}")
        return value

    @model_validator(mode="after")
    def _sizes(self) -> BalancerOptions:
        if (self.minimum_ring_size or 1) > self.maximum_ring_size:
            raise ValueError("minimum_ring_size is above maximum_ring_size")
        size = self.table_size
        if any(size % n == 0 for n in range(2, int(size**0.5) + 1)):
            raise ValueError(f"table_size must be prime, and {size} is not")
        return self


class SlowStartOptions(Options):
    """A new endpoint's share grows from *min_weight* to its whole weight over *window*."""

    window: Duration = 0.0
    """0 is off, as in Envoy; 30 s suits services that warm caches or compile."""
    aggression: Annotated[float, Field(gt=0)] = 1.0
    min_weight: Annotated[float, Field(gt=0, le=1)] = 0.1


class PanicOptions(Options):
    """When too few endpoints are healthy, health is ignored (Envoy's panic threshold)."""

    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of healthy endpoints below which all are used; 0 is off."""
    overprovisioning: Annotated[float, Field(ge=1)] = 1.4
    """How much of a priority level may be unhealthy before the next one gets traffic."""
