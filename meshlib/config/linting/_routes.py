"""
Routes that no call takes, and routes that lead nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..._models import Endpoint
from ..._problems import Place, nearest
from ...routing import DestinationOptions, RouteOptions, subset_matches, title_of, unreachable
from .._service import ServiceConfig
from ._finding import Told
from ._view import View


def never_taken(view: View) -> Iterator[Told]:
    """A route whose calls are all taken by those before it."""
    routes = view.settings.routes
    for found in unreachable(routes):
        title = title_of(routes[found.route], found.route)
        remedy = "delete it, or raise the percentage"
        if found.shadowed_by is not None:
            other = title_of(routes[found.shadowed_by], found.shadowed_by)
            remedy = f"move it above {other!r}, or narrow the match of that"
        place = (*view.place, "routes", found.route)
        yield Told(place, f"no call takes the route {title!r}: {found.reason}", remedy)


def weightless(view: View) -> Iterator[Told]:
    """A destination that gets no call."""
    for place, route, destination in _destinations(view):
        idle = destination.weight == 0 and destination.title not in route.variants
        if idle and route.split and route.canary is None:
            yield Told(
                (*place, "weight"),
                f"the weight of {destination.title!r} is 0, so it gets no call",
                "give it a weight, or take it out of the split",
            )


def unknown_service(view: View) -> Iterator[Told]:
    """A destination that nobody can find."""
    config = view.document.config
    names = set(config.services)
    names.update(alias for service in config.services.values() for alias in service.aliases)
    if config.discovery is not None:
        return  # it finds services that the document does not name
    for place, _, destination in _destinations(view):
        if destination.service is not None and destination.service.lower() not in names:
            yield Told(
                (*place, "service"),
                f"{destination.service!r} is no service of the document, and there is no"
                " discovery for others",
                nearest(destination.service, names) or "declare it under services",
            )


def empty_subset(view: View) -> Iterator[Told]:
    """A subset in which no listed endpoint is."""
    for place, _, destination in _destinations(view):
        target = _target(view, destination)
        if target is None or not target.endpoints or target.discovery is not None:
            continue
        for key in ("subset", "default_subset"):
            selector = getattr(destination, key)
            if not selector or any(subset_matches(each, selector) for each in target.endpoints):
                continue
            if key == "subset" and destination.subset_fallback == "any":
                what = "its calls go to any endpoint, as subset_fallback says"
            elif key == "subset" and destination.subset_fallback == "default":
                what = "its calls go to default_subset"
            else:
                what = "its calls are rejected"
            wanted = ", ".join(f"{name}: {' or '.join(texts)}" for name, texts in selector.items())
            yield Told(
                (*place, key),
                f"none of {len(target.endpoints)} endpoints has {{{wanted}}}: {what}",
                _known_values(target.endpoints, selector),
            )


def _destinations(view: View) -> Iterator[tuple[Place, RouteOptions, DestinationOptions]]:
    """Where calls and their copies go, each with its place."""
    for index, route in enumerate(view.settings.routes):
        place = (*view.place, "routes", index)
        for number, destination in enumerate(route.split):
            yield (*place, "split", number), route, destination
        if route.subset or route.service is not None:
            yield place, route, DestinationOptions(subset=route.subset, service=route.service)
        for number, mirror in enumerate(route.mirror):
            where = (*place, "mirror", number) if len(route.mirror) > 1 else (*place, "mirror")
            yield where, route, DestinationOptions(subset=mirror.subset, service=mirror.service)


def _target(view: View, destination: DestinationOptions) -> ServiceConfig | None:
    if destination.service is None:
        return view.settings
    return view.document.config.services.get(destination.service.lower())


def _known_values(endpoints: tuple[Endpoint, ...], selector: dict[str, tuple[str, ...]]) -> str:
    for name, wanted in selector.items():
        values = sorted({each.metadata[name] for each in endpoints if name in each.metadata})
        if not values:
            return f"give endpoints the metadata {name!r}"
        if not set(values) & set(wanted):
            return f"endpoints have {name}: {', '.join(values)}"
    return "no endpoint has all of them at once"
