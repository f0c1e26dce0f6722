"""
The JSON Schema of a manifest file, for editors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from ...balancing import BalancerName
from ..schema import field_docs, json_schema
from ._options import InterfaceOptions, Manifest, ManifestEndpoint
from ._policy import BESIDE, SELECTIONS, PolicyOptions

Schema = dict[str, Any]

_ID = "https://meshlib.dev/reference/manifest.schema.json"
_REF = "#/$defs/"
_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_LEVEL: Schema = {"type": "integer", "minimum": 0}
_METADATA: Schema = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}


def manifest_schema() -> Schema:
    """The JSON Schema of a manifest file, draft 2020-12; a new one each time."""
    document = json_schema()
    service = document["$defs"]["ServiceConfig"]["properties"]
    definitions = {
        **document["$defs"],
        "Endpoint": _either(_TEXT, _options(ManifestEndpoint, _endpoint(), ["url"])),
        "Interface": _either(
            {"enum": ["http", "https", "grpc-web"]}, _options(InterfaceOptions, _interface())
        ),
        "Policy": _options(PolicyOptions, _policy(service)),
        "Check": _check(service["health_check"], document["$defs"]),
        "Manifest": _options(Manifest, _manifest(service), ["service_name"]),
    }
    several = {
        "type": "object",
        "properties": {"manifests": {"type": "array", "items": _ref("Manifest")}},
        "required": ["manifests"],
        "additionalProperties": False,
    }
    root = {"anyOf": [_ref("Manifest"), several]}
    return {
        "$schema": document["$schema"],
        "$id": _ID,
        "title": "A service manifest of meshlib",
        **root,
        "$defs": {name: definitions[name] for name in sorted(_used(root, definitions))},
    }


def _manifest(service: Schema) -> Schema:
    endpoints = {"type": "array", "items": _ref("Endpoint")}
    return {
        "service_name": _TEXT,
        "interface": _ref("Interface"),
        "endpoints": _either(
            endpoints,
            _TEXT,
            {"type": "object", "additionalProperties": _either(endpoints, _TEXT, {"type": "null"})},
            {"type": "null"},
        ),
        "discovery": {k: v for k, v in service["discovery"].items() if k != "description"},
        "aliases": _TEXTS,
        "priority": _either(
            {**_TEXTS, "uniqueItems": True},
            {"type": "object", "additionalProperties": _LEVEL},
            _LEVEL,
            {"type": "null"},
        ),
        "metadata": _METADATA,
        "health_check": _ref("Check"),
        "policy": _either(_ref("Policy"), {"type": "null"}),
    }


def _interface() -> Schema:
    return {
        "protocol": {"enum": ["http", "https", "grpc-web"]},
        "tls": {"type": ["boolean", "null"]},
        "port": _variable({"type": "integer", "minimum": 1, "maximum": 65535}),
        "base_path": {"type": "string", "pattern": "^/"},
    }


def _endpoint() -> Schema:
    return {
        "url": _TEXT,
        "kind": _TEXT,
        "priority": _variable(_LEVEL),
        "weight": _variable({"type": "number", "exclusiveMinimum": 0}),
        "cost": _variable({"type": "number", "minimum": 0}),
        "latency": {"type": ["number", "string"], "minimum": 0},
        "zone": _TEXT,
        "region": _TEXT,
        "version": _TEXT,
        "metadata": _METADATA,
    }


def _policy(service: Schema) -> Schema:
    own = {
        "selection": _either(
            {"enum": [*SELECTIONS, *get_args(BalancerName)]},
            {"type": "string", "pattern": ":", "description": "`module:name` of a function."},
        ),
        "retries": _variable({"type": "integer", "minimum": 0, "maximum": 99}),
    }
    return own | {key: part for key, part in service.items() if key not in BESIDE}


def _check(check: Schema, definitions: Schema) -> Schema:
    """A check as in a document, or the keys of an HTTP check beside the others."""
    http = definitions["HttpCheckOptions"]
    whole = definitions["HealthCheckOptions"]
    inner = [
        next(p for p in [one, *one.get("anyOf", ())] if "properties" in p) for one in (http, whole)
    ]
    others = {k: p for k, p in inner[1]["properties"].items() if k not in _KINDS}
    short = {
        "type": "object",
        "properties": {**others, **inner[0]["properties"]},
        "required": ["path"],
        "additionalProperties": False,
    }
    return _either({k: p for k, p in check.items() if k != "description"}, short)


_KINDS = ("http", "tcp", "tls", "grpc", "command", "call")


def _options(options: type, properties: Schema, required: list[str] | None = None) -> Schema:
    docs = field_docs(options)
    told = {
        name: {**part, "description": docs[name]} if name in docs else part
        for name, part in properties.items()
    }
    made = {"type": "object", "properties": told, "additionalProperties": False}
    return {**made, "required": required} if required else made


def _either(*forms: Schema) -> Schema:
    return {"anyOf": list(forms)}


def _variable(form: Schema) -> Schema:
    return _either(form, _ref("Variable"))


def _ref(name: str) -> Schema:
    return {"$ref": _REF + name}


def _used(schema: Any, definitions: Schema, known: frozenset[str] = frozenset()) -> set[str]:
    """The names of the definitions that *schema* leads to."""
    found: set[str] = set(known)
    for name in _references(schema):
        if name not in found:
            found.add(name)
            found |= _used(definitions[name], definitions, frozenset(found))
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix(_REF)
        schema = list(schema.values())
    for part in schema if isinstance(schema, list) else ():
        yield from _references(part)
