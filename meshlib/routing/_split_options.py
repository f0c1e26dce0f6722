"""
What a user may say of the places where a route's calls go.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from .._exceptions import ConfigurationError
from .._options import Duration, Options
from ._change_options import HeadersOptions
from ._match_options import TextMatch, header_name, one_or_many

_USER_HEADER = "x-user-id"
_SOURCES = ("header", "cookie", "query", "client_ip", "tenant")


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _values(text, str(name)) for name, text in value.items()}
    return value


def _values(value: Any, name: str) -> tuple[str, ...]:
    values = tuple(one_or_many(value))
    if not values:
        raise ConfigurationError("name at least one value", path=name)
    for text in values:
        if not isinstance(text, str):
            # 1.10 without quotes is the number 1.1, and not the version that was meant.
            raise ConfigurationError(
                f"metadata is text, not {text!r}", path=name, hint="put it in quotes"
            )
    return values


Selector = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_texts)]
"""By name of the metadata: the value that an endpoint must have, or a list of which any does."""


class DestinationOptions(Options):
    """
    A place where calls may go, and its share: Istio's HTTPRouteDestination.

    *subset* says by metadata which endpoints; Istio defines its subsets elsewhere, in a
    DestinationRule. *service* is another service than the one that was called.
    """

    name: str = ""
    """What reports call it; else the values of its subset, or its service."""
    subset: Selector = {}
    service: str | None = None
    weight: Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)] = 1.0
    """Relative to the others of its split, as in the Gateway API; Istio's default is 0."""
    subset_fallback: Literal["none", "any", "default"] = "none"
    """
    Where calls go while no endpoint is in the subset, Envoy's `fallback_policy`: nowhere,
    to any endpoint, or to those of *default_subset*.
    """
    default_subset: Selector = {}
    headers: HeadersOptions = HeadersOptions()
    """Changes for this destination, after those of the route."""

    @model_validator(mode="after")
    def _default(self) -> DestinationOptions:
        if bool(self.default_subset) != (self.subset_fallback == "default"):
            raise ValueError("default_subset goes with subset_fallback: default")
        return self

    @property
    def title(self) -> str:
        """Its name, given or made."""
        if self.name:
            return self.name
        values = ",".join(text for texts in self.subset.values() for text in texts)
        return "/".join(part for part in (self.service, values) if part) or "default"


class KeyOptions(Options):
    """
    By what calls stick to a choice: exactly one of these.

    In a document also a name alone: `key: client_ip`, `key: tenant`, or `key: user`, which
    is the header `x-user-id`. A call without the key draws.
    """

    header: str | None = None
    cookie: str | None = None
    query: str | None = None
    client_ip: bool = False
    """The address of the client that this process is serving."""
    tenant: bool = False
    salt: str | None = None
    """
    What else is hashed; by default the service and the route, so that who is early in one
    is not early in all. Give two routes the same salt to choose the same users in both.
    """

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if value == "user":
            return {"header": _USER_HEADER}
        return {value: True} if value in ("client_ip", "tenant") else value

    @field_validator("header")
    @classmethod
    def _header_name(cls, value: str | None) -> str | None:
        return None if value is None else header_name(value)

    @model_validator(mode="after")
    def _one_source(self) -> KeyOptions:
        if sum(bool(getattr(self, name)) for name in _SOURCES) != 1:
            raise ValueError(f"give one of {', '.join(_SOURCES)}")
        return self


class VariantOptions(Options):
    """What a call must have to be given a destination for certain, all of it."""

    headers: dict[str, TextMatch] = {}
    cookies: dict[str, TextMatch] = {}
    query: dict[str, TextMatch] = {}

    @field_validator("headers")
    @classmethod
    def _header_names(cls, value: dict[str, TextMatch]) -> dict[str, TextMatch]:
        return {header_name(name): match for name, match in value.items()}

    @model_validator(mode="after")
    def _something(self) -> VariantOptions:
        if not (self.headers or self.cookies or self.query):
            raise ValueError("give headers, cookies or query; without them every call is meant")
        return self


class AffinityOptions(Options):
    """
    Keeps a session on one endpoint: the Gateway API's SessionPersistence.

    The endpoint's identity travels in a *cookie*, or in a *header*, which a response brings
    and later requests send back.
    """

    cookie: str | None = None
    header: str | None = None
    time_limit: Duration = 0.0
    """
    Seconds from the first call until the session is balanced anew, however busy it is: the
    Gateway API's `absoluteTimeout`. 0: no end, and the cookie lasts as long as the browser.
    """
    path: str = "/"
    """For which paths the cookie is sent."""
    strict: bool = False
    """
    Whether a session whose endpoint is gone fails, as Envoy's `strict`, rather than moves.
    """

    @field_validator("cookie", "header")
    @classmethod
    def _name(cls, value: str | None) -> str | None:
        if value is not None:
            header_name(value)  # names of cookies and of headers are tokens, both
        return value

    @field_validator("path")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if not value.startswith("/") or any(char in value for char in "; ,\r\n\t"):
            raise ValueError(f"{value!r} cannot be the path of a cookie")
        return value

    @model_validator(mode="after")
    def _one(self) -> AffinityOptions:
        if (self.cookie is None) == (self.header is None):
            raise ValueError("give one of cookie and header")
        return self
