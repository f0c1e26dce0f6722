"""
The schemas of Istio as a package of the index publishes them, for tests of what is written.

`cloudcoil-models-istio` is made from the CustomResourceDefinitions of an Istio release. Its
models take more than those say, namely fields that nobody knows, so `schema` closes them.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

_MODULES = {
    "VirtualService": "networking",
    "DestinationRule": "networking",
    "PeerAuthentication": "security",
}
_KEYWORDS = {
    "additionalProperties",
    "enum",
    "items",
    "maximum",
    "minimum",
    "properties",
    "required",
    "type",
}
"""Of a JSON Schema, what a CustomResourceDefinition may have, too."""

Place = tuple[Any, ...]


def model(kind: str) -> Any:
    """The model of *kind*; skips the test where the package is not installed."""
    name = f"cloudcoil.models.istio.{_MODULES[kind]}.v1"
    return getattr(pytest.importorskip(name), kind)


def schema(kind: str) -> dict[str, Any]:
    """The structural schema of the `spec` of *kind*, as a CustomResourceDefinition has it."""
    whole = model(kind).model_json_schema()
    return _structural(whole["properties"]["spec"], whole["$defs"])


def _structural(value: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in value:
        return _structural(known[value["$ref"].rpartition("/")[2]], known)
    choices = [each for each in value.get("anyOf", ()) if each.get("type") != "null"]
    if choices:
        # A field that may be missing, or one of those whose alternatives are all objects.
        merged: dict[str, Any] = {}
        for choice in choices:
            part = _structural(choice, known)
            fields = {**merged.get("properties", {}), **part.get("properties", {})}
            merged = {**part, **({"properties": fields} if fields else {})}
        if len(choices) > 1:
            merged.pop("required", None)
        return merged
    found = {key: part for key, part in value.items() if key in _KEYWORDS}
    if "const" in value:
        found["enum"] = [value["const"]]
    if "properties" in found:
        found["properties"] = {
            name: _structural(part, known) for name, part in found["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = _structural(found[key], known)
    if "properties" in found:
        found.pop("additionalProperties", None)
    return found


def definition(kind: str) -> dict[str, Any]:
    """The CustomResourceDefinition of *kind*."""
    group = f"{_MODULES[kind]}.istio.io"
    plural = f"{kind.lower()}s"
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "required": ["spec"],
                "properties": {"spec": schema(kind)},
            }
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, "listKind": f"{kind}List"},
            "versions": [version],
        },
    }


def unknown_fields(value: Any, schema: dict[str, Any], place: str = "spec") -> Iterator[str]:
    """The fields of *value* that its schema does not have; those would be pruned."""
    fields = schema.get("properties")
    other = schema.get("additionalProperties")
    if isinstance(value, dict):
        for key, part in value.items():
            below = fields.get(key) if fields is not None else other
            if isinstance(below, dict):
                yield from unknown_fields(part, below, f"{place}.{key}")
            elif below is None:
                yield f"{place}.{key}"
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from unknown_fields(part, schema.get("items", {}), f"{place}[{number}]")


def sample_fields(kind: str, base: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Each field of the schema of *kind*, with a copy of *base* that has a value for it."""
    for place, leaf in _leaves(schema(kind), ()):
        spec = copy.deepcopy(base)
        _put(spec, place, _sample(leaf))
        yield place, spec


def _leaves(value: dict[str, Any], place: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    below: list[tuple[Any, dict[str, Any]]] = list(value.get("properties", {}).items())
    if isinstance(value.get("additionalProperties"), dict):
        below.append(("some-name", value["additionalProperties"]))
    if "items" in value:
        below.append((0, value["items"]))
    if not below:
        yield place, value
    for key, part in below:
        yield from _leaves(part, (*place, key))


def _sample(leaf: dict[str, Any]) -> Any:
    if "enum" in leaf:
        return leaf["enum"][-1]
    values = {"integer": 7, "number": 7.5, "boolean": True}
    return values.get(str(leaf.get("type")), "7s")


def _put(holder: Any, place: Place, value: Any) -> None:
    for key, after in itertools.pairwise(place):
        empty: Any = [] if isinstance(after, int) else {}
        if isinstance(holder, list):
            if not holder:
                holder.append(empty)
            holder = holder[key]
        else:
            holder = holder.setdefault(key, empty)
    if isinstance(holder, list):
        holder[:] = [value]
    else:
        holder[place[-1]] = value


__all__ = ["definition", "model", "sample_fields", "schema", "unknown_fields"]
