"""
From what a user gives, in Python or in a file, to trees that can be merged.

A tree is made of dicts that hold what was said and nothing else: of an options object
only the fields that were set. Lists and every other object are leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from .._exceptions import ConfigurationError
from .._models import Endpoint
from .._options import Options
from .._problems import Place, path_of
from ._names import service_name
from ._switches import SWITCHES, switched

Tree = dict[str, Any]

_HEADINGS = (
    "services", "defaults", "faults", "fault_control", "environments", "tenants", "inbound",
    "outbound",
)  # fmt: skip


def document_tree(document: Any, place: Place = ()) -> Tree:
    """The tree of a whole document; raises ConfigurationError for what is none."""
    tree = _level(document, place)
    if isinstance(tree.get("$schema"), str):
        del tree["$schema"]  # tells editors of JSON what may stand here
    for key in _HEADINGS:
        if tree.get(key, key) is None:
            del tree[key]  # a heading with nothing under it
    if isinstance(tree.get("services"), Mapping):
        tree["services"] = services_tree(tree["services"], (*place, "services"))
    for key in ("fault_control", "inbound", "outbound"):
        if isinstance(tree.get(key), Mapping | Options):
            tree[key] = _whole(tree[key], (*place, key))
    if "defaults" in tree:
        tree["defaults"] = service_tree(tree["defaults"], (*place, "defaults"))
    return tree


def _whole(value: Any, place: Place) -> Tree:
    """The tree of a section whose parts are trees as well."""
    return {
        key: _whole(part, (*place, key)) if isinstance(part, Mapping | Options) else part
        for key, part in _level(value, place).items()
    }


def services_tree(services: Mapping[Any, Any], place: Place = ("services",)) -> Tree:
    """The trees of services by their names in lower case; raises for one that comes twice."""
    found: Tree = {}
    spelt: dict[str, str] = {}
    for key, value in services.items():
        here = (*place, str(key))
        name = service_name(key, path_of(here))
        if name in found:
            raise ConfigurationError(
                f"{key!r} is the same service as {spelt[name]!r}",
                path=path_of(here),
                hint="case does not tell services apart",
            )
        found[name], spelt[name] = service_tree(value, here), key
    return found


def service_tree(value: Any, place: Place) -> Tree:
    """The tree of one service, which may also be given as its list of endpoints."""
    if value is None:
        return {}
    if isinstance(value, str | Endpoint):
        return {"endpoints": [value]}
    if isinstance(value, list | tuple):
        return {"endpoints": list(value)}
    tree = _level(value, place)
    for key in ("endpoints", "aliases", "routes", *SWITCHES):
        if tree.get(key, key) is None:
            del tree[key]  # a heading with nothing under it
    return {key: _section(key, part, (*place, key)) for key, part in tree.items()}


def _section(key: str, value: Any, place: Place) -> Any:
    if key == "balancer":
        return _balancer(value, place)
    if key in ("fallback", "discovery"):
        # Their contents are payload and settings of somebody else.
        return _level(value, place) if isinstance(value, Options) else value
    if key in ("hedge", "subsetting", "zone_aware") and isinstance(value, bool):
        return {} if value else None  # off by default, so there is nothing to undo
    if key in SWITCHES and value is False:
        return switched(key, None, value)
    return _deep(value, place)


def _balancer(value: Any, place: Place) -> Any:
    """A balancer's name and settings in the one form that can be merged."""
    if isinstance(value, str):
        return {"name": value}
    if not isinstance(value, Mapping | Options):
        return value
    tree: Tree = _deep(value, place)
    if "name" not in tree and len(tree) == 1:
        ((name, settings),) = tree.items()
        if settings is None or (isinstance(settings, dict) and name != "key"):
            return {**(settings or {}), "name": name}
    return tree


def _deep(value: Any, place: Place) -> Any:
    if not isinstance(value, Mapping | Options):
        return value
    return {key: _deep(part, (*place, key)) for key, part in _level(value, place).items()}


def _level(value: Any, place: Place) -> Tree:
    """What one mapping or options object says, one level of it."""
    if isinstance(value, Options):
        return _said(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ConfigurationError(
                    f"the key {key!r} is not text", path=path_of(place), hint="put it in quotes"
                )
        return dict(value)
    raise ConfigurationError(
        f"a mapping is needed here, not {type(value).__name__}", path=path_of(place)
    )


def _said(options: BaseModel) -> Tree:
    return {
        field.alias or name: getattr(options, name)
        for name, field in type(options).model_fields.items()
        if name in options.model_fields_set
    }
