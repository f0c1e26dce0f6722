"""
The settings in force for some calls, and what else is known of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ..._options import Options
from ..._problems import Place
from ...routing import RouteOptions
from .._mesh import MeshConfig
from .._overrides import overridden, route_overrides
from .._service import ServiceConfig


@dataclass(frozen=True, slots=True)
class View:
    """
    What holds for calls to the service *name*, or for those on one of its routes.

    *place* is where that is said; *inherits* are places and options that it inherits from.
    *rate* is the calls per second that were observed, None when nobody told.
    """

    document: Document
    name: str
    place: Place
    settings: ServiceConfig
    inherits: tuple[tuple[Place, Options], ...]
    rate: float | None = None

    @property
    def hosts(self) -> int | None:
        """How many endpoints there are; None when they are discovered."""
        given = self.settings.endpoints
        return len(given) if given and self.settings.discovery is None else None

    def anchor(self, *keys: Place) -> Place:
        """The place of the first of *keys* that was said, nearest to these calls first."""
        for place, options in self.inherits:
            for key in keys:
                if _said(options, key):
                    return (*place, *key)
        return self.place

    def says(self, *key: str) -> bool:
        """Whether somebody set *key*; else it has its default."""
        return any(_said(options, key) for _, options in self.inherits)


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration, the *rates* of calls per second by service, and the *hops* of a call."""

    config: MeshConfig
    rates: Mapping[str, float]
    hops: int

    def services(self) -> Iterator[View]:
        """The defaults, which outside origins have, and each service."""
        defaults = self.config.defaults
        inherited: tuple[Place, Options] = (("defaults",), defaults)
        if defaults.model_fields_set:
            yield View(self, "", ("defaults",), defaults, (inherited,))
        for name, settings in self.config.services.items():
            place = ("services", name)
            rate = self.rates.get(name)
            yield View(self, name, place, settings, ((place, settings), inherited), rate)

    def calls(self) -> Iterator[View]:
        """The services, and each route that says something otherwise."""
        for view in self.services():
            yield view
            for index, route in enumerate(view.settings.routes):
                over = route_overrides(route)
                if over:
                    place = (*view.place, "routes", index)
                    yield replace(
                        view,
                        place=place,
                        settings=overridden(view.settings, over),
                        inherits=((place, route), *view.inherits),
                        rate=None,  # of the service as a whole
                    )

    @property
    def environment(self) -> str:
        """The environment whose overlay is in force."""
        return self.config.origin.environment


def _said(options: object, key: Place) -> bool:
    for part in key:
        if isinstance(options, Options):
            if part not in options.model_fields_set:
                return False
            inherits = isinstance(options, RouteOptions)
            options = getattr(options, str(part))
            if options is None and inherits:
                return False  # null of a route is what its service says
        elif isinstance(options, Mapping):
            if part not in options:
                return False
            options = options[part]
        else:
            break  # null, which says no to all that could be below
    return True


def seconds(value: float) -> str:
    """A duration as it is read."""
    return f"{value * 1000:g} ms" if 0 < value < 1 else f"{value:.4g} s"
