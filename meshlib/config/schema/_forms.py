"""
What validators accept besides what the type of their field says.

pydantic knows the types, and of a validator that comes before them only its function; so
here stands by the name of each function which other forms it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from ...balancing import BalancerOptions
from ...discovery import discovery_names
from ...faults import ERROR_NAMES
from ...security.tokens import TokenOptions
from .._fallback import FallbackOptions

Schema = dict[str, Any]
Inner = Callable[[], Schema]
Define = Callable[[type], Schema]

_DURATION = r"^\s*(?:\d+(?:\.\d+)?(?:us|ms|s|m|h))+\s*$"
_STATUS = r"^\s*(?:[1-5][xX]{2}|[1-5]\d{2}(?:-[1-5]\d{2})?)\s*$"

_ENDPOINT = {
    "weight": "Relative to the other endpoints of the service.",
    "priority": "The level; 0 is used first.",
    "kind": "`local`, `edge`, `cloud` or a word of your own.",
    "metadata": "What routes choose by, such as `version` or `zone`.",
}

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
NULL: Schema = {"type": "null"}


def any_of(*forms: Schema) -> Schema:
    """One of *forms*."""
    flat = [part for form in forms for part in (form["anyOf"] if [*form] == ["anyOf"] else [form])]
    return {"anyOf": flat}


def _besides(*forms: Schema) -> Callable[[Inner, Define], Schema]:
    return lambda inner, _: any_of(inner(), *forms)


def _same(inner: Inner, _: Define) -> Schema:
    return inner()


def _one_or_many(inner: Inner, _: Define) -> Schema:
    many = inner()
    return any_of(many, *(form["items"] for form in many.get("anyOf", [many]) if "items" in form))


def _duration(inner: Inner, _: Define) -> Schema:
    return any_of(inner(), {"type": "string", "pattern": _DURATION})


def _statuses(*_: Any) -> Schema:
    status = any_of(
        {"type": "integer", "minimum": 100, "maximum": 599},
        {"type": "string", "pattern": _STATUS},
    )
    return any_of(status, {"type": "array", "items": status, "minItems": 1})


def _named_settings(inner: Inner, _: Define) -> Schema:
    """A balancer: its settings, its name, or its settings under its name."""
    settings = inner()
    names = {"enum": list(get_args(BalancerOptions.model_fields["name"].annotation))}
    under = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "propertyNames": names,
        "additionalProperties": any_of(settings, NULL),
    }
    return any_of(names, settings, under)


def _limit(inner: Inner, _: Define) -> Schema:
    """A limit by its name, by its settings under its name, or, where it is fixed, a number."""
    schema = inner()
    names = [
        name
        for name in ("drops", "aimd", "gradient2", "envoy_gradient")
        if name in schema["properties"]
    ]
    numbers = [
        form for form in schema["properties"].get("fixed", {}).get("anyOf", ()) if form != NULL
    ]
    return any_of({"enum": names}, *numbers, schema)


def _source(*_: Any) -> Schema:
    names = discovery_names()
    settings = any_of({"type": "object"}, NULL)
    return any_of(
        {"enum": [*names]},
        {"type": "string", "description": "A name that an installed package brings."},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "properties": dict.fromkeys(names, settings),
            "additionalProperties": settings,
        },
        NULL,
    )


def _endpoint(*_: Any) -> Schema:
    url: Schema = {"type": "string", "description": "As http://host:port."}
    largest = 1_000_000_000_000
    properties: Schema = {
        "url": url,
        "weight": {"type": "number", "exclusiveMinimum": 0, "maximum": largest, "default": 1},
        "priority": {"type": "integer", "minimum": 0, "maximum": largest, "default": 0},
        "kind": {"type": "string", "minLength": 1, "default": "local"},
        "metadata": any_of(
            {"type": "object", "additionalProperties": any_of(TEXT, NUMBER, FLAG)}, NULL
        ),
    }
    for name, text in _ENDPOINT.items():
        properties[name]["description"] = text
    mapping = {
        "type": "object",
        "properties": properties,
        "required": ["url"],
        "additionalProperties": False,
    }
    return any_of(url, mapping)


def _texts(*_: Any) -> Schema:
    """Metadata to select by: a text, or several of which any does."""
    several = {"type": "array", "items": TEXT, "minItems": 1}
    return {"type": "object", "additionalProperties": any_of(TEXT, several)}


def _source_too(inner: Inner, _: Define) -> Schema:
    schema = inner()
    schema["properties"]["source"] = schema["properties"]["caller"]
    return schema


def _store(*_: Any) -> Schema:
    settings = any_of({"type": "object"}, TEXT, NULL)
    kinds = {"type": "object", "minProperties": 1, "maxProperties": 1}
    return any_of({"const": "process"}, {**kinds, "additionalProperties": settings})


def _preference(inner: Inner, _: Define) -> Schema:
    """What sorts endpoints: in full, by its name, or `{kind: [edge, local]}`."""
    full = inner()
    words = any_of(TEXT, {"type": "array", "items": TEXT})
    near = any_of({"type": "object"}, NULL)
    properties: Schema = {
        "priority": near,
        "kind": any_of(words, near),
        "zone": near,
        "locality": near,
        **{key: full["properties"][key] for key in ("metadata", "order", "min_endpoints")},
    }
    short = {
        "type": "object",
        "minProperties": 1,
        "properties": properties,
        "additionalProperties": False,
    }
    names = full["properties"]["by"]["enum"]
    return any_of({"enum": [*names, "cost"]}, full, short)


def _also(**names: str) -> Callable[[Inner, Define], Schema]:
    """Keys that may be called otherwise, each with the name it has in other software."""

    def form(inner: Inner, _: Define) -> Schema:
        schema = inner()
        for other, name in names.items():
            schema["properties"][other] = schema["properties"][name]
        return schema

    return form


def _moment(*_: Any) -> Schema:
    time = r"^(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?$"
    return any_of(
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": _DURATION},
        {"type": "string", "pattern": time, "description": "A time of day, in UTC."},
    )


def _percentage(inner: Inner, _: Define) -> Schema:
    """A number, or Istio's or Envoy's way to say it."""
    denominators = {"enum": ["HUNDRED", "TEN_THOUSAND", "MILLION"]}
    closed = {"type": "object", "additionalProperties": False}
    return any_of(
        inner(),
        {**closed, "properties": {"value": NUMBER}, "required": ["value"]},
        {
            **closed,
            "properties": {"numerator": NUMBER, "denominator": denominators},
            "required": ["numerator"],
        },
    )


def _step(*_: Any) -> Schema:
    status = {"type": "integer", "minimum": 200, "maximum": 599}
    return any_of({"enum": ["ok", "fail", *ERROR_NAMES]}, status)


_FAMILY_OPTIONS = {"type": ["object", "boolean", "null"]}

FORMS: dict[str, Callable[[Inner, Define], Schema]] = {
    "_options.parse_duration": _duration,
    "balancing._level_options.PreferOptions._short_forms": _preference,
    "balancing._options.BalancerOptions._short_forms": _named_settings,
    "bulkhead.limits._options.AdaptiveOptions._short_forms": _limit,
    "config._mesh._discovery": _source,
    "config._service.ServiceConfig._list": _besides(TEXT, NULL),
    "config._service._balancer": lambda _, define: define(BalancerOptions),
    "config._service._discovery": _source,
    "config._service._fallback": lambda _, define: any_of(
        define(FallbackOptions), {"const": False}, NULL
    ),
    "config._service._one_or_many": _one_or_many,
    "config._service._optional": _besides(FLAG, NULL),
    "config._service._switch.<locals>.<lambda>": _besides(FLAG, NULL),
    "config._tenants._limits": lambda *_: {"type": "object"},
    "config._tenants._services": lambda *_: {"type": "object"},
    "discovery._endpoint.parse_endpoint": _endpoint,
    "faults._abort_options.AbortFault._other_names": _also(
        httpStatus="status", http_status="status"
    ),
    "faults._abort_options._blackhole": _besides(FLAG),
    "faults._delay_options.DelayFault._other_names": _also(fixedDelay="fixed", fixed_delay="fixed"),
    "faults._delay_options.RelativeDelay._short_form": _besides(NUMBER),
    "faults._match_options.FaultMatch._methods": _one_or_many,
    "faults._match_options.TextMatch._short_form": _besides(TEXT, FLAG),
    "faults._match_options._many": _one_or_many,
    "faults._match_options._values": _texts,
    "faults._options.FaultRule._other_names": _also(max_active_faults="max_active"),
    "faults._pattern_options.SequenceFault._short_form": lambda inner, define: any_of(
        inner(), {"type": "array", "items": _step(), "minItems": 1}
    ),
    "faults._pattern_options._moment": _moment,
    "faults._pattern_options._step": _step,
    "faults._response_options.CorruptFault._short_form": _besides(
        {"enum": ["bytes", "json", "charset", "gzip"]}
    ),
    "faults._share_options.percentage": _percentage,
    "health._options.BodyOptions._short_form": _besides(TEXT),
    "health._options.GrpcCheckOptions._short_form": _besides(TEXT),
    "health._options.HealthCheckOptions._program": _besides(TEXT),
    "health._options.HealthCheckOptions._short_form": _besides(TEXT),
    "health._options.HttpCheckOptions._short_form": _besides(TEXT),
    "health._options._statuses": _statuses,
    "health._options._switched": _besides({"const": True}),
    "retry._options.RetryOptions._switch": _besides(FLAG),
    "security.authorization._options._one_or_many": _one_or_many,
    "security.certificates._options._one_or_many": _one_or_many,
    "security.certificates._options._password": _besides(TEXT),
    "security.tokens._options._one_or_many": _besides(TEXT),
    "security.tokens._options.token_options": lambda _, define: any_of(define(TokenOptions), NULL),
    "security.tokens._verification_options._one_or_many": _one_or_many,
    "routing._change_options.DenyOptions._short_forms": _besides({"const": True}, TEXT),
    "routing._change_options.RedirectOptions._redirects": _same,
    "routing._match_options.PathMatch._short_form": _besides(TEXT),
    "routing._match_options.RouteMatch._source": _source_too,
    "routing._match_options.TextMatch._short_forms": _besides(TEXT, FLAG, NULL),
    "routing._match_options._methods": _one_or_many,
    "routing._match_options.one_or_many": _one_or_many,
    "routing._options._canary": _besides(FLAG),
    "routing._options._deny": _besides({"const": False}),
    "routing._options._settings": lambda *_: dict(_FAMILY_OPTIONS),
    "routing._split_options.KeyOptions._short_forms": _besides(
        {"enum": ["user", "client_ip", "tenant"]}
    ),
    "routing._split_options._texts": _texts,
    "routing.canary._options._store": _store,
    "routing.mirror._options._compare": _besides(FLAG),
    "routing.mirror._options._places": lambda inner, define: any_of(
        _one_or_many(inner, define), FLAG, NULL
    ),
    "routing.mirror._options.mirrors_of": lambda inner, define: any_of(
        _one_or_many(inner, define), {"const": False}, NULL
    ),
}
"""By module and name of the function; one that stands not here takes what its type says."""
