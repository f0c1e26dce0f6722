"""
From the options to the schema.
"""

from __future__ import annotations

import inspect
import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from .._mesh import MeshConfig
from .._switches import SWITCHES
from .._tenants import OF_TENANTS
from ._docs import field_docs
from ._forms import FORMS, NULL, Schema, any_of

SCHEMA_ID = "https://meshlib.dev/reference/mesh.schema.json"
"""Names the schema; `docs/reference/mesh.schema.json` is what it says."""

_VARIABLE = {
    "description": "`${NAME}` or `${NAME:-default}`, replaced from the environment.",
    "type": "string",
    "pattern": r"\$\{",
}
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_SCALARS = ("number", "integer", "boolean")  # no set: a field may be called `type`


def json_schema() -> Schema:
    """The JSON Schema of a document, draft 2020-12; a new one each time."""
    schema = MeshConfig.model_json_schema(schema_generator=_Generator, ref_template=_REF)
    definitions: Schema = schema.pop("$defs")
    root = definitions.pop("MeshConfig", schema)
    properties = root["properties"]
    overlay = {key: value for key, value in properties.items() if key != "environments"}
    definitions["Service"] = _service_forms()
    definitions["Overlay"] = {
        "description": "What is laid over the document in one environment.",
        "type": "object",
        "properties": overlay,
        "additionalProperties": False,
    }
    properties["environments"] |= {"additionalProperties": any_of(_ref("Overlay"), NULL)}
    properties["services"] |= {"additionalProperties": _ref("Service")}
    _use_families(definitions)
    _let_tenants_have_their_own(definitions)
    _let_headings_be_empty(properties, definitions["ServiceConfig"]["properties"])
    _inherit(definitions, "ServiceConfig", set())
    whole = _finished({"properties": properties, "$defs": definitions})
    text = json.dumps(whole)
    for long, short in _renamed(definitions).items():
        text = text.replace(f'{long}"', f'{short}"')
    whole = json.loads(text)
    whole["$defs"]["Variable"] = _VARIABLE
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "meshlib",
        "description": "The configuration of a mesh. Every service inherits from `defaults`,"
        " key by key, what it does not say itself.",
        "type": "object",
        "properties": whole["properties"],
        "additionalProperties": False,
        "$defs": dict(sorted(whole["$defs"].items())),
    }


_REF = "#/$defs/{model}"


def _ref(name: str) -> Schema:
    return {"$ref": _REF.format(model=name)}


class _Generator(GenerateJsonSchema):
    """pydantic's generator, told of forms and docstrings."""

    def function_before_schema(self, schema: Any) -> Schema:
        """The type's own form, and those that the validator takes besides."""
        form = FORMS.get(_name(schema))
        inner = super().function_before_schema
        return inner(schema) if form is None else form(lambda: inner(schema), self._define)

    def function_plain_schema(self, schema: Any) -> Schema:
        """What the validator takes; anything, when it is not known."""
        form = FORMS.get(_name(schema))
        return {} if form is None else form(dict, self._define)

    def callable_schema(self, schema: Any) -> Schema:
        """Nothing: a document has no functions."""
        return {"not": {}}

    def model_schema(self, schema: Any) -> Schema:
        """The options with what their docstrings say."""
        made = super().model_schema(schema)
        options = schema["cls"]
        made["description"] = inspect.cleandoc(options.__doc__ or "")
        made.pop("title", None)
        docs = field_docs(options)
        own = next(form for form in made.get("anyOf", [made]) if "properties" in form)
        properties = own["properties"]
        if own is not made:  # closed is its own form, not the short ones beside it
            own["additionalProperties"] = made.pop("additionalProperties")
        for name, field in options.model_fields.items():
            part = properties[field.alias or name]
            part.pop("title", None)
            if name in docs:
                part["description"] = docs[name]
            if isinstance(part.get("default"), dict | list):
                del part["default"]  # the parts have their own
        return made

    def _define(self, options: Any) -> Schema:
        return self.generate_inner(options.__pydantic_core_schema__)


def _name(schema: Any) -> str:
    function = schema["function"]["function"]
    return f"{function.__module__}.{function.__qualname__}".removeprefix("meshlib.")


def _service_forms() -> Schema:
    endpoints = {"$ref": "#/$defs/ServiceConfig/properties/endpoints"}
    forms = any_of(_ref("ServiceConfig"), endpoints)
    return {"description": "A service, or the list of its endpoints.", **forms}


def _use_families(definitions: Schema) -> None:
    """What a route sets for its calls has the form that it has in a service."""
    route = definitions["RouteOptions"]["properties"]
    service = definitions["ServiceConfig"]["properties"]
    for key in ("retry", "hedge", "breaker"):
        route[key] = service[key] | {
            "description": f"As {key!r} of the service, which is inherited key by key."
        }
    rule = dict(definitions["FaultRule"])
    rule["properties"] = {key: each for key, each in rule["properties"].items() if key != "match"}
    rule.pop("required", None)  # the route gives it a name
    route["fault"] = any_of(rule, {"const": False}, NULL)


def _let_tenants_have_their_own(definitions: Schema) -> None:
    """A tenant says some of what a service says."""
    service = definitions["ServiceConfig"]
    known = {key: each for key, each in service["properties"].items() if key in OF_TENANTS}
    definitions["TenantService"] = {
        "description": "What a tenant has for itself of a service; the rest is everybody's.",
        "type": "object",
        "properties": known,
        "additionalProperties": False,
    }
    tenant = definitions["TenantConfig"]["properties"]
    own = any_of(_ref("TenantService"), NULL)
    tenant["defaults"] |= _ref("TenantService")
    tenant["services"] |= {"additionalProperties": own}


def _let_headings_be_empty(document: Schema, service: Schema) -> None:
    """Null is a heading with nothing under it."""
    headings = "services", "defaults", "faults", "fault_control", "environments"
    for key in (*headings, "inbound", "outbound"):
        document[key] = _nullable(document[key])
    document["$schema"] = {"type": "string", "description": "This schema, for editors of JSON."}
    for key in ("endpoints", "aliases", *SWITCHES):
        service[key] = _nullable(service[key])


def _nullable(schema: Schema) -> Schema:
    about = {key: schema[key] for key in ("description",) if key in schema}
    form = {key: value for key, value in schema.items() if key not in about}
    return about | any_of(form, NULL)


def _inherit(definitions: Schema, name: str, seen: set[str]) -> None:
    """Let what is merged key by key leave out what it inherits; lists are not merged."""
    if name in seen:
        return
    seen.add(name)
    for form in definitions[name].get("anyOf", [definitions[name]]):
        form.pop("required", None)
    for other in _references(definitions[name]):
        _inherit(definitions, other, seen)


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [name for each in part for name in _references(each)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"].rpartition("/")[2]] if "$ref" in part else []
    return own + [
        name for key, each in part.items() if key != "items" for name in _references(each)
    ]


def _finished(part: Any) -> Any:
    """*part* where `${NAME}` may stand for whatever is no text, as it may in a file."""
    if isinstance(part, list):
        return [_finished(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {key: _finished(each) for key, each in _limited(part).items()}
    made.pop("uniqueItems", None)  # what stands twice counts once
    if "anyOf" in made:
        made["anyOf"] = _flat(made["anyOf"])
    needs_text = part.get("type") == "string" and ("pattern" in part or "enum" in part)
    if part.get("type") in _SCALARS or needs_text:
        about = {key: made.pop(key) for key in ("description", "default") if key in made}
        return any_of(made, _ref("Variable")) | about
    return made


def _limited(part: Schema) -> Schema:
    """*part* with limits where its number is: pydantic leaves those behind a validator outside."""
    limits = {_LIMITS[key]: part[key] for key in _LIMITS if key in part and "anyOf" in part}
    if not limits:
        return part
    forms = [form | limits if form.get("type") == "number" else form for form in part["anyOf"]]
    return {key: each for key, each in part.items() if key not in _LIMITS} | {"anyOf": forms}


def _flat(forms: list[Schema]) -> list[Schema]:
    """*forms* without those that stand twice, and without alternatives in alternatives."""
    flat: list[Schema] = []
    for form in forms:
        for part in form["anyOf"] if form.keys() == {"anyOf"} else [form]:
            if part not in flat:
                flat.append(part)
    return flat


def _renamed(definitions: Schema) -> dict[str, str]:
    """Names of options that two families have, by what pydantic makes of them."""
    long = {name: name.removeprefix("meshlib__").split("__") for name in definitions}
    return {
        name: parts[0].strip("_").title() + parts[-1]
        for name, parts in long.items()
        if len(parts) > 1
    }
