"""
What a user may say of one route.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainValidator, model_validator

from .._exceptions import ConfigurationError
from .._options import Duration, Options
from ._change_options import (
    DenyOptions,
    DirectResponseOptions,
    HeadersOptions,
    PathChange,
    RedirectOptions,
    RewriteOptions,
)
from ._match_options import RouteMatch, one_or_many
from ._split_options import (
    AffinityOptions,
    DestinationOptions,
    KeyOptions,
    Selector,
    VariantOptions,
)
from ._template import parse_template
from .canary import CanaryOptions
from .mirror._options import Mirrors

_ANSWERS = ("redirect", "direct_response", "deny")
_ANYHOW = {"name", "match", "key", *_ANSWERS}
"""What goes with an answer that no endpoint gives."""


def _settings(value: Any) -> Any:
    if value is None or isinstance(value, bool | Mapping | Options):
        return value
    raise ValueError(f"settings are needed here, not {value!r}")


def _deny(value: Any) -> Any:
    return None if value is False else value


def _canary(value: Any) -> Any:
    return None if value is False else {} if value is True else value


Settings = Annotated[Any, PlainValidator(_settings)]
"""Settings of another family, which the configuration checks: a mapping, true, false or null."""


class RouteOptions(Options):
    """
    One rule of where calls to a service go; the first that matches a call is followed.

    Istio's HTTPRoute: rules stand in order, where the Gateway API weighs how exactly each
    of them matches. Either the call is answered here (*redirect*, *direct_response*,
    *deny*), or it goes on: to one destination (*subset*, *service*), to the shares of a
    *split*, or, when none is named, to every endpoint of the service.
    """

    name: str = ""
    """
    What reports and metrics call it; else its place, as `routes[0]`. Name what has a split
    with a key: its name decides who is in, and a place changes when others are inserted.
    """
    match: Annotated[tuple[RouteMatch, ...], BeforeValidator(one_or_many)] = ()
    """One, or a list of which any does; none matches every call."""

    split: tuple[DestinationOptions, ...] = ()
    """
    Destinations by weight. With a key, who is in a destination stays in it while its
    weight grows at the cost of the last: put the stable one last.
    """
    subset: Selector = {}
    """The only destination: endpoints with this metadata."""
    service: str | None = None
    """The only destination: another service, whose own routes are not asked."""
    key: KeyOptions | None = None
    """By what calls stick to their share, of the split and of `match.percentage`."""
    variants: dict[str, VariantOptions] = {}
    """By name of a destination in *split*: calls that it gets for certain."""
    canary: Annotated[CanaryOptions | None, BeforeValidator(_canary)] = None
    """
    Moves the weights of a *split* of two while it is in force; `{}` is a canary with all
    defaults. Weights in the document count only until its state was first read, and
    without any the canary then has no call.
    """

    mirror: Mirrors = ()
    """Where copies of its calls go, beside where they go themselves; one, or a list."""

    affinity: AffinityOptions | None = None
    """Keeps sessions on one endpoint, Gateway API's sessionPersistence; null: as the service."""

    rewrite: RewriteOptions | None = None
    headers: HeadersOptions = HeadersOptions()
    timeout: Duration | None = None
    """Seconds for the whole call; null: the service's. 0: no end, as in the Gateway API."""
    attempt_timeout: Duration | None = None
    """Seconds for one attempt, Istio's `retries.perTryTimeout`; null and 0 as above."""
    idempotent: bool | None = None
    """Whether its requests may be sent twice; null: as the service says."""
    retry: Settings = None
    hedge: Settings = None
    breaker: Settings = None
    fault: Settings = None
    """A fault rule without a match of its own: Istio's HTTPFaultInjection."""

    redirect: RedirectOptions | None = None
    direct_response: DirectResponseOptions | None = None
    deny: Annotated[DenyOptions | None, BeforeValidator(_deny)] = None

    @model_validator(mode="after")
    def _one_end(self) -> RouteOptions:
        answers = [name for name in _ANSWERS if getattr(self, name) is not None]
        if len(answers) > 1:
            raise ValueError(f"give one of {' and '.join(answers)}")
        given = {name for name in self.model_fields_set if getattr(self, name) not in (None, {})}
        beside = sorted(given - _ANYHOW)
        if answers and beside:
            raise ConfigurationError(
                f"has no effect: {answers[0]} answers without an endpoint", path=beside[0]
            )
        return self

    @model_validator(mode="after")
    def _destinations(self) -> RouteOptions:
        if "split" in self.model_fields_set and not self.split:
            raise ConfigurationError("name at least one destination", path="split")
        if self.split and (self.subset or self.service is not None):
            raise ValueError("give split, or subset and service; not both")
        if self.split and sum(each.weight for each in self.split) == 0:
            raise ConfigurationError("the weights sum to 0, so no call could go on", path="split")
        titles = [each.title for each in self.split]
        for number, title in enumerate(titles):
            if title in titles[:number]:
                raise ConfigurationError(
                    f"{title!r} is the name of another destination",
                    path=f"split[{number}].name",
                    hint="give each its own",
                )
        for name in self.variants:
            if name not in titles:
                raise ConfigurationError(
                    "no destination of the split has this name",
                    path=f"variants.{name}",
                    hint=f"there are: {', '.join(titles)}" if titles else "there is no split",
                )
        return self

    @model_validator(mode="after")
    def _one_canary(self) -> RouteOptions:
        if self.canary is None:
            return self
        if len(self.split) != 2:
            raise ConfigurationError(
                f"goes with a split of two destinations, not of {len(self.split)}",
                path="canary",
                hint="name the canary and the stable version in split",
            )
        titles = [each.title for each in self.split]
        if self.canary.destination not in (None, *titles):
            raise ConfigurationError(
                f"no destination of the split is called {self.canary.destination!r}",
                path="canary.destination",
                hint=f"there are: {', '.join(titles)}",
            )
        return self

    @model_validator(mode="after")
    def _path_changes(self) -> RouteOptions:
        for name in ("rewrite", "redirect"):
            change = getattr(self, name)
            if change is not None:
                self._check_change(change, name)
        return self

    def _check_change(self, change: PathChange, name: str) -> None:
        paths = [match.path for match in self.match] or [None]
        if change.prefix is not None and not all(
            path is not None and (path.prefix or path.path_prefix) for path in paths
        ):
            raise ConfigurationError(
                "replaces the prefix that matched, so each match needs path.prefix"
                " or path.path_prefix",
                path=f"{name}.prefix",
            )
        if change.template is not None:
            wanted = set(parse_template(change.template).names)
            for path in paths:
                unknown = sorted(wanted - (path.captures if path is not None else frozenset()))
                if unknown:
                    raise ConfigurationError(
                        f"{{{unknown[0]}}} is not captured by the path of each match",
                        path=f"{name}.template",
                    )


def title_of(route: RouteOptions, index: int) -> str:
    """What reports call the route at *index*."""
    return route.name or f"routes[{index}]"


def _distinct(routes: tuple[RouteOptions, ...]) -> tuple[RouteOptions, ...]:
    titles = [title_of(route, index) for index, route in enumerate(routes)]
    for index, title in enumerate(titles):
        if title in titles[:index]:
            raise ConfigurationError(
                f"{title!r} is the name of another route", path=f"[{index}].name"
            )
    return routes


Routes = Annotated[tuple[RouteOptions, ...], AfterValidator(_distinct)]
"""The routes of a service, in order, each with a name of its own."""
