"""
Sources by the name that a configuration document calls them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from .._exceptions import ConfigurationError
from ._base import Discovery
from ._environment import EnvironmentDiscovery
from ._file import FileDiscovery
from ._static import StaticDiscovery

GROUP = "meshlib.discovery"
"""The entry point group in which a package offers a source of its own, by name."""

_BUILT_IN: dict[str, Callable[..., Discovery]] = {
    "env": EnvironmentDiscovery,
    "file": FileDiscovery,
    "static": StaticDiscovery,
}


def make_discovery(spec: Any, path: str = "discovery") -> Discovery:
    """
    The source that *spec* describes: a name, `{name: settings}`, or a source itself.

    Names are those of meshlib and of the entry point group `meshlib.discovery`, whose
    entry points are called with the settings as keyword arguments. Raises
    ConfigurationError for an unknown name or setting; *path* says where *spec* stands.
    """
    if callable(getattr(spec, "watch", None)):
        return cast("Discovery", spec)
    name, factory, settings = _resolve(spec, path)
    start = _join(path, name)
    try:
        source = factory(**settings)
    except ConfigurationError as exc:
        place = f"{start}.{exc.path}" if exc.path else start
        message = str(exc).removeprefix(f"{exc.path}: ").removesuffix(f"; {exc.hint}")
        raise ConfigurationError(message, path=place, hint=exc.hint) from exc
    except (TypeError, ValueError) as exc:
        raise ConfigurationError(str(exc), path=start) from exc
    if not callable(getattr(source, "watch", None)):
        raise ConfigurationError(f"{source!r} has no watch()", path=start)
    return source


def check_discovery(spec: Any, path: str = "discovery") -> None:
    """Raise ConfigurationError if `make_discovery` would not know what *spec* is."""
    if not callable(getattr(spec, "watch", None)):
        _resolve(spec, path)


def _resolve(spec: Any, path: str) -> tuple[str, Callable[..., Discovery], dict[str, Any]]:
    if isinstance(spec, str):
        spec = {spec: {}}
    if not isinstance(spec, Mapping) or len(spec) != 1:
        raise ConfigurationError(
            f"a source is a name or one name with its settings, not {spec!r}",
            path=path,
            hint="write discovery: {file: {path: services.yaml}}",
        )
    ((name, settings),) = spec.items()
    factory = _factory(name, path)
    if settings is None:
        settings = {}
    if not isinstance(settings, Mapping):
        raise ConfigurationError(
            f"settings are a mapping, not {settings!r}", path=_join(path, name)
        )
    _check_settings(factory, settings, _join(path, name))
    return name, factory, dict(settings)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _factory(name: Any, path: str) -> Callable[..., Discovery]:
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    offered: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=GROUP)}
    if name not in offered:
        known = sorted({*_BUILT_IN, *offered})
        near = get_close_matches(str(name), known, n=1)
        raise ConfigurationError(
            f"{name!r} is not a known source; known are {', '.join(known)}",
            path=path,
            hint=f"did you mean {near[0]!r}?" if near else "",
        )
    try:
        return cast("Callable[..., Discovery]", offered[name].load())
    except Exception as exc:
        raise ConfigurationError(f"the source {name!r} cannot be loaded: {exc}", path=path) from exc


def _check_settings(
    factory: Callable[..., Discovery], settings: Mapping[str, Any], path: str
) -> None:
    """Compare *settings* with what *factory* takes, before anything is built."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return  # written in C, and without a signature
    names = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for key in settings:
        if key not in names and not takes_any:
            near = get_close_matches(str(key), names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"
            raise ConfigurationError(f"unknown key {key!r}", path=f"{path}.{key}", hint=hint)
    for p in parameters:
        if p.name in names and p.default is p.empty and p.name not in settings:
            raise ConfigurationError("this setting is needed", path=f"{path}.{p.name}")
