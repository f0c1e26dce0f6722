"""
What a manifest may say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PlainValidator, PrivateAttr, field_validator, model_validator

from ..._exceptions import ConfigurationError
from ..._options import Duration, Options
from ..._problems import Place, Problem, error_of, path_of, problems_of
from ...health import HealthCheckOptions
from .._names import service_name
from ._policy import PolicyOptions, policy_of

_HTTP_KEYS = ("path", "method", "status", "body", "headers", "host", "scheme", "tls")
_OTHER_CHECKS = ("http", "tcp", "grpc", "command", "call")


class InterfaceOptions(Options):
    """How the service is spoken to; what an endpoint says in its URL comes before this."""

    protocol: Literal["http", "https", "grpc-web"] = "http"
    """`grpc-web` is http that also tells each attempt's time left in `grpc-timeout`."""
    tls: bool | None = None
    """Whether endpoints without a scheme are `https`; null: as the protocol says."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Of endpoints without scheme and port; null: 80, or 443 with TLS."""
    base_path: Annotated[str, Field(pattern=r"^/[!-~]*$")] = ""
    """Put before the path of each request, at endpoints whose URL has no path of its own."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"protocol": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_meaning(self) -> InterfaceOptions:
        if self.protocol == "https" and self.tls is False:
            raise ConfigurationError("https without TLS is http", path="tls")
        return self

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "https" if self.tls or self.protocol == "https" else "http"

    def url(self, said: str) -> str:
        """The URL of an endpoint of which *said* is all or a part."""
        is_whole = "://" in said
        url = said if is_whole else f"{self.scheme}://{said}"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return url  # judged with the endpoint
        if port is None and self.port is not None and parts.netloc and not is_whole:
            parts = parts._replace(netloc=f"{parts.netloc}:{self.port}")
        if parts.path in ("", "/") and self.base_path:
            parts = parts._replace(path=self.base_path)
        return parts.geturl()


class ManifestEndpoint(Options):
    """
    One endpoint; its URL may lack what the interface says: scheme, port and path.

    *cost*, *latency*, *zone*, *region* and *version* become metadata.
    """

    url: str
    kind: str | None = None
    """`local`, `edge`, `cloud` or a word of your own; null: as its heading says, or local."""
    priority: Annotated[int, Field(ge=0)] | None = None
    """0 is used first; null: as the manifest says."""
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    cost: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Of a call, in any unit; `selection: cost` prefers the lowest."""
    latency: Duration | None = None
    """Seconds that are expected; `selection: latency` goes by what is measured instead."""
    zone: str | None = None
    region: str | None = None
    version: str | None = None
    metadata: dict[str, str | int | float | bool] = {}

    _place: str = PrivateAttr("")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value

    @property
    def place(self) -> str:
        """Where it stands in its manifest."""
        return self._place

    @model_validator(mode="after")
    def _said_once(self) -> ManifestEndpoint:
        for key in self.facts():
            if key in self.metadata:
                raise ConfigurationError(f"{key} is said twice", path=f"metadata.{key}")
        return self

    def facts(self) -> dict[str, Any]:
        """The metadata that have keys of their own."""
        known = ("cost", "latency", "region", "version", "zone")
        facts = {key: getattr(self, key) for key in known}
        return {key: value for key, value in facts.items() if value is not None}


def _endpoints(value: Any) -> tuple[ManifestEndpoint, ...]:
    """Endpoints in a list, or under headings that name their kind."""
    if value is None:
        return ()
    if isinstance(value, str):
        value = [value]
    groups: list[tuple[str | None, Any]] = [(None, value)]
    if isinstance(value, Mapping):
        groups = [(str(kind), one if one is not None else ()) for kind, one in value.items()]
    found: list[ManifestEndpoint] = []
    problems: list[Problem] = []
    for kind, group in groups:
        place: Place = () if kind is None else (kind,)
        if isinstance(group, str):
            group = [group]
        if not isinstance(group, list | tuple):
            problems.append(Problem(place, f"a list of endpoints is needed, not {group!r}"))
            continue
        for n, one in enumerate(group):
            try:
                endpoint = _of_kind(ManifestEndpoint.model_validate(one), kind)
                endpoint._place = path_of(("endpoints", *place, n))
                found.append(endpoint)
            except ConfigurationError as exc:
                problems += problems_of(exc, (*place, n))
    if problems:
        raise error_of(problems)
    return tuple(found)


def _of_kind(endpoint: ManifestEndpoint, kind: str | None) -> ManifestEndpoint:
    if kind is None or endpoint.kind == kind:
        return endpoint
    if endpoint.kind is not None:
        raise ConfigurationError(f"it is {endpoint.kind!r}, and stands under {kind!r}", path="kind")
    return endpoint.model_copy(update={"kind": kind})


def _check(value: Any) -> Any:
    """A check as a document has it, or the keys of an HTTP check beside the others."""
    if value is None or value is False:
        return None
    is_short = isinstance(value, Mapping) and "path" in value
    if not is_short or any(key in value for key in _OTHER_CHECKS):
        return HealthCheckOptions.model_validate(value)
    http = {key: part for key, part in value.items() if key in _HTTP_KEYS}
    rest = {key: part for key, part in value.items() if key not in _HTTP_KEYS}
    try:
        return HealthCheckOptions.model_validate({"http": http, **rest})
    except ConfigurationError as exc:
        # Its keys stand here, not under http.
        raise error_of(
            problem._replace(place=problem.place[1:]) if problem.place[:1] == ("http",) else problem
            for problem in problems_of(exc)
        ) from None


def _priority(value: Any) -> Any:
    """A level, the level of each kind, or kinds in the order of their use."""
    if value is None or _is_level(value):
        return value
    if isinstance(value, list | tuple):
        if all(isinstance(kind, str) for kind in value) and len(set(value)) == len(value):
            return tuple(value)
        raise ValueError(f"kinds are words, each of which stands once, not {value!r}")
    if isinstance(value, Mapping):
        for kind, level in value.items():
            if not _is_level(level):
                raise ConfigurationError(f"a level is 0, 1 and so on, not {level!r}", path=kind)
        return dict(value)
    raise ValueError(f"a level, levels by kind, or a list of kinds is needed, not {value!r}")


def _is_level(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


class Manifest(Options):
    """A service: what it is called, where it is, how it is checked and selected."""

    service_name: str
    """The host of its URLs."""
    interface: InterfaceOptions = InterfaceOptions()
    endpoints: Annotated[tuple[ManifestEndpoint, ...], PlainValidator(_endpoints)] = ()
    """A list, or lists under the kinds: `{local: [...], edge: [...], cloud: [...]}`."""
    discovery: Any = None
    """What finds the endpoints instead, as in a document."""
    aliases: tuple[str, ...] = ()
    priority: Annotated[
        tuple[str, ...] | dict[str, int] | int | None, PlainValidator(_priority)
    ] = None
    """
    The kinds in the order of their use; or the level of each kind; or that of all. Null:
    `local`, `edge`, `cloud`. A level of an endpoint's own comes before.
    """
    metadata: dict[str, str | int | float | bool] = {}
    """Of every endpoint that does not say otherwise."""
    health_check: Annotated[HealthCheckOptions | None, PlainValidator(_check)] = None
    """`{path: /health, interval: 5s, ...}`, a path, or a check as in a document."""
    policy: Annotated[PolicyOptions, PlainValidator(policy_of)] = PolicyOptions()
    """How an endpoint is selected, and how it is called."""

    @field_validator("service_name")
    @classmethod
    def _name(cls, value: str) -> str:
        return service_name(value, "")

    @model_validator(mode="after")
    def _concerns_endpoints(self) -> Manifest:
        if self.discovery is None:
            return self
        said: list[str] = [*({"endpoints", "metadata"} & self.model_fields_set)]
        said += [f"interface.{key}" for key in self.interface.model_fields_set - {"protocol"}]
        if self.interface.protocol == "https":
            said.append("interface.protocol")
        if isinstance(self.priority, int | dict):
            said.append("priority")
        for key in said:
            raise ConfigurationError("a discovery says this of its endpoints itself", path=key)
        return self

    @model_validator(mode="after")
    def _places_every_kind(self) -> Manifest:
        if not isinstance(self.priority, tuple | dict):
            return self
        for endpoint in self.endpoints:
            kind = endpoint.kind or "local"
            if kind not in self.priority:
                raise ConfigurationError(
                    f"the kind {kind!r} of {endpoint.url!r} has no place in it", path="priority"
                )
        return self
