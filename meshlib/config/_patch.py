"""
A merge patch (RFC 7396) of a configuration that is in force.

What is patched is what was said, not what services inherit: null takes away what was said,
and what is inherited then counts. Mappings are merged by the rules of overlays, so another
balancer replaces the one before, and endpoints replace a discovery.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from .._exceptions import ConfigurationError
from .._options import Options
from .._problems import Place, Problem, error_of, nearest
from ._merge import merge, merge_document
from ._mesh import MeshConfig
from ._names import service_name
from ._trees import Tree, document_tree
from .manifest import expand_manifests

_HEADINGS = {"services": 3, "defaults": 2}
"""How deep a null stands at most where trees drop it as a heading with nothing under it."""
_ENTIRE = 100
"""Deeper than any document."""


def patch_config(
    config: MeshConfig, changes: Mapping[str, Any] | Options, *, service: str | None = None
) -> MeshConfig:
    """
    *config* with *changes*, checked as a whole; *config* itself stays as it is.

    *changes* is a document, or with *service* what is said of that service alone, which
    must exist then; its aliases name it too. Raises ConfigurationError.
    """
    if not isinstance(changes, Mapping | Options):
        raise ConfigurationError(f"changes are a mapping, not {type(changes).__name__}")
    if service is not None:
        changes = {"services": {_known(config, service): changes}}
    removed: list[Place] = []
    said: Tree = {}
    for key, part in _level(changes).items():
        kept = _without_nulls({key: part}, (), removed, _HEADINGS.get(key, 1))
        said.update(kept)
    said, _ = expand_manifests(document_tree(said), os.getcwd(), os.environ)
    said = _without_nulls(said, (), removed, _ENTIRE)
    if "environments" in said or any(place[0] == "environments" for place in removed):
        raise ConfigurationError(
            "overlays are laid over when a document is loaded",
            path="environments",
            hint="patch what the overlay would say",
        )
    document = document_tree(config)
    merged = merge_document(document, said)
    for key in said.keys() - {"services", "defaults", "discovery"}:
        merged[key] = merge(document.get(key), said[key])
    places = [_lowered(place) for place in removed]
    unknown = [problem for place in places for problem in _unknown(MeshConfig, place, ())]
    if unknown:
        raise error_of(unknown)
    for place in places:
        merged = _without(merged, place)
    patched = MeshConfig.model_validate(merged)
    patched._origin = config.origin
    return patched


def _level(changes: Mapping[str, Any] | Options) -> Tree:
    """What *changes* say at their first level."""
    if isinstance(changes, Options):
        return document_tree(changes)
    return dict(changes)


def _known(config: MeshConfig, name: str) -> str:
    for known, service in config.services.items():
        if name.lower() in (known, *service.aliases):
            return known
    raise ConfigurationError(
        f"there is no service {name!r}",
        path="service",
        hint=nearest(name, config.services) or "a new one is patched in under services",
    )


def _without_nulls(value: Any, place: Place, removed: list[Place], levels: int) -> Any:
    """*value* without its nulls of so many *levels*, whose places are added to *removed*."""
    if not isinstance(value, Mapping) or levels == 0 or _is_payload(place):
        return value
    kept: Tree = {}
    for key, part in value.items():
        here = (*place, key)
        if part is None and not _names_source(place):
            removed.append(here)
        else:
            kept[key] = _without_nulls(part, here, removed, levels - 1)
    return kept


def _is_payload(place: Place) -> bool:
    """Whether a fallback stands here, which is an answer and may well hold nulls."""
    return place[-1:] == ("fallback",) and len(place) == _HEADINGS.get(str(place[0]))


def _names_source(place: Place) -> bool:
    """Whether keys are kinds of discovery here; null is one without settings."""
    return place[-1:] == ("discovery",) and len(place) == _HEADINGS.get(str(place[0]), 1)


def _lowered(place: Place) -> Place:
    """*place*, where services stand under their names in lower case."""
    if place[0] != "services" or len(place) == 1:
        return place
    return ("services", service_name(place[1], f"services.{place[1]}"), *place[2:])


def _unknown(model: type[BaseModel], place: Place, seen: Place) -> list[Problem]:
    """What is wrong with taking away what stands at *place*: a key that cannot be there."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    key = place[0]
    if key not in fields:
        hint = nearest(key, fields) or f"known are {', '.join(fields)}"
        return [Problem((*seen, key), f"unknown key {key!r}", hint)]
    annotation = fields[str(key)].annotation
    inner, rest = _options_in(annotation), place[2 if _has_names(annotation) else 1 :]
    if not rest or inner is None:
        return []
    return _unknown(inner, rest, (*seen, *place[: len(place) - len(rest)]))


def _has_names(annotation: Any) -> bool:
    """Whether *annotation* is of options by names that the user gives."""
    return get_origin(annotation) is dict or any(map(_has_names, get_args(annotation)))


def _options_in(annotation: Any) -> type[Options] | None:
    """The options that *annotation* allows, if it allows any."""
    if isinstance(annotation, type) and issubclass(annotation, Options):
        return annotation
    found = (_options_in(part) for part in get_args(annotation))
    return next((options for options in found if options is not None), None)


def _without(tree: Any, place: Place) -> Any:
    """A copy of *tree* without what stands at *place*, if anything does."""
    key, rest = place[0], place[1:]
    if not isinstance(tree, Mapping) or key not in tree:
        return tree
    if rest:
        return {**tree, key: _without(tree[key], rest)}
    return {name: part for name, part in tree.items() if name != key}
