"""What a user may say about which endpoints come first, and how many are used at all."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from .._options import Options

CriterionName = Literal["priority", "kind", "zone", "locality", "metadata"]

_LISTED = ("kind", "metadata")
_NEAR = ("zone", "locality")


class PreferOptions(Options):
    """
    One thing that sorts endpoints into levels; see `Levels` for what each does.

    In a document a name (`zone`), `{kind: [edge, local]}`, `{metadata: cost}` for numbers
    or `{metadata: tier, order: [gold, silver]}` for words. `cost` is `{metadata: cost}`.
    """

    by: CriterionName
    metadata: str | None = None
    """The key of the metadata to go by."""
    order: tuple[str, ...] = ()
    """Words, the preferred first; none: `local`, `edge`, `cloud` for kinds, else numbers."""
    min_endpoints: Annotated[int, Field(ge=1)] = 1
    """How many a zone or region must have to be preferred; with fewer it is not told apart."""

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if value == "cost":
            return {"by": "metadata", "metadata": "cost"}
        if isinstance(value, str):
            return {"by": value}
        if isinstance(value, dict) and "by" not in value:
            named = [name for name in get_args(CriterionName) if name in value]
            if len(named) == 1:
                return _unfolded(named[0], dict(value))
        return value

    @model_validator(mode="after")
    def _fitting(self) -> PreferOptions:
        if (self.by == "metadata") != (self.metadata is not None):
            raise ValueError("metadata names the key to go by, and belongs to `by: metadata`")
        if self.order and self.by not in _LISTED:
            raise ValueError(f"an order is for {' and '.join(_LISTED)}, not for {self.by}")
        if len(set(self.order)) < len(self.order):
            raise ValueError("a word stands twice in the order")
        if self.min_endpoints > 1 and self.by not in _NEAR:
            raise ValueError(f"min_endpoints is for {' and '.join(_NEAR)}, not for {self.by}")
        return self


def _unfolded(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """`{kind: [edge]}` and `{zone: {min_endpoints: 3}}` with their keys named."""
    if name == "metadata":
        return {"by": name, **value}
    settings = value.pop(name)
    if settings is None or isinstance(settings, dict):
        return {"by": name, **(settings or {}), **value}
    order = (settings,) if isinstance(settings, str) else settings
    return {"by": name, "order": order, **value}


class ZoneAwareOptions(Options):
    """
    Keep as much traffic in the own zone as its endpoints can take of all, as Envoy does.

    Needs to know where this application's own replicas are.
    """

    members: str
    """The service whose endpoints are this application's own replicas."""
    min_endpoints: Annotated[int, Field(ge=1)] = 6
    """With fewer fit ones zones are not told apart; Envoy's `min_cluster_size`."""
    force_own_zone: Annotated[int, Field(ge=1)] | None = None
    """
    From so many fit endpoints in the own zone on nothing leaves it, whatever its share;
    null: never. Envoy's `force_local_zone.min_size`.
    """


class SubsettingOptions(Options):
    """Use but some endpoints of a service that has very many."""

    size: Annotated[int, Field(ge=1)] = 20
    """Endpoints of each level and version; 20 to 100 is usual (Site Reliability Engineering)."""
    key: str | None = None
    """
    What chooses them: the same key, the same endpoints. Null is the host's name and the
    number of the process: another one in each.
    """
    by: tuple[str, ...] | None = None
    """
    Metadata of which every combination keeps *size* endpoints of its own; null: what the
    routes of the service choose subsets by.
    """
