"""
What a user may say of the copies of a route's calls.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from ..._exceptions import ConfigurationError
from ..._options import Options, PositiveDuration
from .._change_options import HeaderOperations, _authority
from .._match_options import header_name, one_or_many
from .._split_options import Selector
from ._places import parse_places

_NAME = re.compile(r"[!-~]+(?: [!-~]+)*")
"""Printable ASCII: the name is the value of a header."""


def _places(value: Any) -> Any:
    if value is True:
        return ("/**",)
    return () if value is False or value is None else one_or_many(value)


def _parsed(value: tuple[str, ...]) -> tuple[str, ...]:
    parse_places(value)
    return value


Places = Annotated[tuple[str, ...], BeforeValidator(_places), AfterValidator(_parsed)]
"""JSON Pointers, in which `*` is any one member or item and `**` any number of levels."""


class CompareOptions(Options):
    """
    What of a copy's answer must be as in the answer that the caller got.

    In a document also `compare: true`, which is the status alone.
    """

    status: bool = True
    headers: Annotated[tuple[str, ...], BeforeValidator(one_or_many)] = ()
    """Names of headers whose values must be equal; one that both lack is equal."""
    # Not named `json`, since pydantic has an attribute of that name.
    json_: bool = Field(default=False, alias="json")
    """
    Whether bodies must be the same JSON. Members are compared whatever their order, and
    bodies that are both no JSON byte by byte.
    """
    ignore: Places = ()
    """Where JSON may differ, as `/items/*/updated_at` or `/**/etag`."""
    unordered: Places = ()
    """Arrays whose items may stand in any order; true: all of them."""
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """By how much numbers may differ, as a share of the larger one."""
    max_body: Annotated[int, Field(ge=0, le=16 << 20)] = 65536
    """Bytes of a body, decoded; a longer one is not compared. Two of them are in memory."""

    @field_validator("headers")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(header_name(name) for name in value))

    @model_validator(mode="after")
    def _something(self) -> CompareOptions:
        if not (self.status or self.headers or self.json_):
            raise ValueError("give status, headers or json; there is nothing to compare")
        for name in ("ignore", "unordered", "tolerance"):
            if name in self.model_fields_set and getattr(self, name) and not self.json_:
                raise ConfigurationError("has no effect without json: true", path=name)
        return self


def _compare(value: Any) -> Any:
    return None if value is False else {} if value is True else value


class MirrorOptions(Options):
    """
    Sends a copy of a share of the calls elsewhere, and drops what is answered.

    Istio's `mirrors` with `mirrorPercentage`, the Gateway API's RequestMirror, Envoy's
    `request_mirror_policies`. The caller never waits for it, and nothing of it is retried
    or counted with the endpoints that it goes to.
    """

    name: str = ""
    """What metrics and the header `x-meshlib-mirror` call it; else its service or subset."""
    service: str | None = None
    """The service that gets the copies; null: the one that was called."""
    subset: Selector = {}
    """Which of its endpoints, by their metadata."""
    percentage: Annotated[float, Field(ge=0, le=100)] = 100.0
    """Of the calls of the route; Istio's and Envoy's default is all of them, too."""
    headers: HeaderOperations = HeaderOperations()
    """Changes for the copy, after those of the route."""
    authority: str | None = None
    """The Host header of the copy, as it stands: Envoy's `host_rewrite_literal`."""
    shadow_host: bool = True
    """
    Whether `-shadow` is appended to the host in the Host header, as Envoy does unless
    `disable_shadow_host_suffix_append` is set.
    """
    timeout: PositiveDuration | None = None
    """Seconds for a copy, its answer's body included; null: the route's, or the service's."""
    max_concurrency: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Copies that are on their way at once."""
    max_queue: Annotated[int, Field(ge=0, le=100_000)] = 100
    """Copies that wait for their turn; further ones are dropped."""
    max_body: Annotated[int, Field(ge=0)] = 1 << 20
    """Bytes of a request's body; a call with a longer one is not copied."""
    compare: Annotated[CompareOptions | None, BeforeValidator(_compare)] = None
    """What of the answers is compared; null: nothing."""

    @field_validator("name")
    @classmethod
    def _sendable(cls, value: str) -> str:
        if value and not _NAME.fullmatch(value):
            raise ValueError(f"{value!r} cannot stand in a header; use printable ASCII")
        return value

    @field_validator("authority")
    @classmethod
    def _host(cls, value: str | None) -> str | None:
        return _authority(value)

    @model_validator(mode="after")
    def _somewhere(self) -> MirrorOptions:
        if self.service is None and not self.subset:
            raise ValueError("give service or subset; a copy to the same endpoints tells nothing")
        return self

    @property
    def title(self) -> str:
        """Its name, given or made."""
        if self.name:
            return self.name
        values = ",".join(text for texts in self.subset.values() for text in texts)
        made = "/".join(part for part in (self.service, values) if part)
        return made if _NAME.fullmatch(made) else made.encode("ascii", "replace").decode("ascii")


def mirrors_of(value: Any) -> Any:
    """What stands under `mirror`: one, a list, or nothing."""
    return () if value is None or value is False else one_or_many(value)


def distinct_mirrors(value: tuple[MirrorOptions, ...]) -> tuple[MirrorOptions, ...]:
    """Raise ConfigurationError when two of a route's mirrors have one name."""
    titles = [each.title for each in value]
    for index, title in enumerate(titles):
        if title in titles[:index]:
            raise ConfigurationError(
                f"{title!r} is the name of another mirror", path=f"[{index}].name"
            )
    return value


Mirrors = Annotated[
    tuple[MirrorOptions, ...], BeforeValidator(mirrors_of), AfterValidator(distinct_mirrors)
]
"""The mirrors of a route, each with a name of its own."""
