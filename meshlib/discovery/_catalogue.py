"""
Sources and registrars by the name that a configuration document calls them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from .._exceptions import ConfigurationError


class Catalogue:
    """
    Makes what a document describes as a name, or as `{name: settings}`.

    *noun* is what messages call it, and *method* what every such object has. *built_in*
    has `module:class` by name, imported when it is asked for, since some need libraries of
    their own; further names are the entry points of *group*, which are called with the
    settings as keyword arguments.
    """

    def __init__(
        self, noun: str, *, method: str, group: str, built_in: Mapping[str, str], example: str
    ) -> None:
        self._noun = noun
        self._method = method
        self._group = group
        self._built_in = built_in
        self._example = example

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are built in, sorted."""
        return tuple(sorted(self._built_in))

    def make(self, spec: Any, path: str) -> Any:
        """What *spec* describes, or *spec* itself if it is such an object already."""
        if self._is_made(spec):
            return spec
        name, factory, settings = self._resolve(spec, path)
        start = _join(path, name)
        try:
            made = factory(**settings)
        except ConfigurationError as exc:
            raise moved(exc, start) from exc
        except (TypeError, ValueError) as exc:
            raise ConfigurationError(str(exc), path=start) from exc
        if not self._is_made(made):
            raise ConfigurationError(f"{made!r} has no {self._method}()", path=start)
        return made

    def check(self, spec: Any, path: str) -> None:
        """Raise ConfigurationError if `make` would not know what *spec* is."""
        if not self._is_made(spec):
            name, factory, settings = self._resolve(spec, path)
            check = getattr(factory, "check_settings", None)
            if check is not None:  # as what is made of other sources has, for these
                check(settings, _join(path, name))

    def _is_made(self, spec: Any) -> bool:
        return callable(getattr(spec, self._method, None))

    def _resolve(self, spec: Any, path: str) -> tuple[str, Callable[..., Any], dict[str, Any]]:
        if isinstance(spec, str):
            spec = {spec: {}}
        if not isinstance(spec, Mapping) or len(spec) != 1:
            raise ConfigurationError(
                f"a {self._noun} is a name or one name with its settings, not {spec!r}",
                path=path,
                hint=f"write {self._example}",
            )
        ((name, settings),) = spec.items()
        factory = self._factory(name, path)
        if settings is None:
            settings = {}
        if not isinstance(settings, Mapping):
            raise ConfigurationError(
                f"settings are a mapping, not {settings!r}", path=_join(path, name)
            )
        _check_settings(factory, settings, _join(path, name))
        return name, factory, dict(settings)

    def _factory(self, name: Any, path: str) -> Callable[..., Any]:
        if name in self._built_in:
            return self._import(name, path)
        offered: dict[str, EntryPoint] = {
            point.name: point for point in entry_points(group=self._group)
        }
        if name not in offered:
            known = sorted({*self._built_in, *offered})
            near = get_close_matches(str(name), known, n=1)
            raise ConfigurationError(
                f"{name!r} is not a known {self._noun}; known are {', '.join(known)}",
                path=path,
                hint=f"did you mean {near[0]!r}?" if near else "",
            )
        try:
            factory: Callable[..., Any] = offered[name].load()
        except Exception as exc:
            raise ConfigurationError(
                f"the {self._noun} {name!r} cannot be loaded: {exc}", path=path
            ) from exc
        return factory

    def _import(self, name: str, path: str) -> Callable[..., Any]:
        module, _, kind = self._built_in[name].partition(":")
        try:
            factory: Callable[..., Any] = getattr(import_module(module), kind)
        except ModuleNotFoundError as exc:
            raise ConfigurationError(
                f"the {self._noun} {name!r} needs the library {exc.name}, which is not installed",
                path=path,
                hint=f"pip install 'meshlib-client[{name}]'",
            ) from exc
        return factory


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def moved(error: ConfigurationError, start: str) -> ConfigurationError:
    """The same error, with *start*, the place of what it is about, put before its path."""
    place = f"{start}.{error.path}" if error.path else start
    message = str(error).removeprefix(f"{error.path}: ").removesuffix(f"; {error.hint}")
    return ConfigurationError(message, path=place, hint=error.hint)


def _check_settings(factory: Callable[..., Any], settings: Mapping[str, Any], path: str) -> None:
    """Compare *settings* with what *factory* takes, before anything is built."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return  # written in C, and without a signature
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    # What begins with an underscore is for tests, such as a clock.
    names = [p.name for p in parameters if p.kind in kinds and not p.name.startswith("_")]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for key in settings:
        if key not in names and not takes_any:
            near = get_close_matches(str(key), names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"
            raise ConfigurationError(f"unknown key {key!r}", path=f"{path}.{key}", hint=hint)
    for p in parameters:
        if p.name in names and p.default is p.empty and p.name not in settings:
            raise ConfigurationError("this setting is needed", path=f"{path}.{p.name}")
