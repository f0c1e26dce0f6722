"""The JSON Schema says what `load_config` takes, as far as a schema can."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from meshlib import ConfigurationError
from meshlib.config import json_schema, load_config
from meshlib.config.schema import SCHEMA_ID, _generate
from meshlib.config.schema._forms import FORMS
from meshlib.discovery import parse_document
from support.blocks import blocks
from support.source import ROOT

PUBLISHED = ROOT / "docs" / "reference" / "mesh.schema.json"

ACROSS_FIELDS = (
    "give one of",
    "give exactly one of",
    "give endpoints or discovery",
    "give status, headers or json",
    "goes with",
    "is below",
    "is above",
    "is the name of another",
    "stands here twice",
    "is the same service as",
    "there are two rules",
    "means the service",
    "a call has no endpoint yet",
    "has no effect",
    "must be greater",  # of text: 0s is a duration, but not one above 0
)
"""What a schema does not judge: how values go together, and the value of a text."""


@cache
def validator() -> Draft202012Validator:
    """The schema, ready to judge."""
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def faults(document: Any) -> list[str]:
    """What the schema has against *document*."""
    return [f"{error.json_path}: {error.message}" for error in validator().iter_errors(document)]


def documents() -> Iterator[tuple[str, Any]]:
    """Every document that the pages show, by page and line."""
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in blocks(page.read_text(encoding="utf-8")):
            name = Path(block.title)
            if name.name.startswith("mesh") and name.suffix in (".yaml", ".json", ".toml"):
                where = f"{page.relative_to(ROOT)}:{block.line}"
                yield where, parse_document(block.text.encode(), block.title)


def test_published_schema_is_that_of_the_code() -> None:
    """`python -m meshlib schema > docs/reference/mesh.schema.json` writes it anew."""
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"

    assert text == PUBLISHED.read_text(encoding="utf-8")


def test_schema_names_itself_and_its_dialect() -> None:
    """Editors go by these; everything that is referred to is there, and nothing else."""
    schema = json_schema()
    text = json.dumps(schema)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == SCHEMA_ID
    assert schema["$id"].endswith(f"/{PUBLISHED.name}")
    for name in schema["$defs"]:
        assert f'"#/$defs/{name}' in text, name


def test_every_form_of_a_validator_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """A validator before a type accepts more than that: `_forms.FORMS` says what."""
    met = set()

    def name(schema: Any) -> str:
        met.add(named(schema))
        return named(schema)

    named = _generate._name
    monkeypatch.setattr(_generate, "_name", name)
    json_schema()
    assert set(FORMS) == met


def test_keys_are_explained() -> None:
    """An editor shows the docstring of a field."""
    schema = json_schema()
    service = schema["$defs"]["ServiceConfig"]["properties"]

    assert "Envoy's default" in service["timeout"]["description"]
    assert service["timeout"]["default"] == 15.0
    assert "One rule of where calls" in schema["$defs"]["RouteOptions"]["description"]


@pytest.mark.parametrize(
    ("where", "document"), list(documents()), ids=lambda value: str(value)[:60]
)
def test_documents_of_the_pages_pass(where: str, document: Any) -> None:
    """Whatever readers copy is taken by their editor."""
    assert faults(document) == [], where


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"services": None, "defaults": None, "faults": None, "environments": None},
        {"services": {"a": "http://a", "b": ["http://b"], "c": None, "d": {}}},
        {"services": {"a": {"endpoints": "http://a", "aliases": None}}},
        {"services": {"a": [{"url": "http://a", "weight": 2, "metadata": {"v": 1, "x": True}}]}},
        {"defaults": {"timeout": "250ms", "attempt_timeout": None, "discovery_timeout": 0}},
        {"defaults": {"timeout": "1m30s", "retry": {"backoff": {"initial": 0.5}}}},
        {"defaults": {"retry": False, "breaker": True, "outlier": None, "panic": False}},
        {"defaults": {"hedge": True, "bulkhead": False, "slow_start": True, "drop_guard": {}}},
        {"defaults": {"balancer": "random"}},
        {"defaults": {"balancer": {"ring_hash": {"key": {"header": "x"}}}}},
        {"defaults": {"balancer": {"ring_hash": None}}},
        {"defaults": {"balancer": {"name": "maglev", "table_size": 65537}}},
        {"services": {"a": {"discovery": "env"}, "b": {"discovery": {"file": {"path": "x"}}}}},
        {"services": {"a": {"fallback": {"json": {"a": [1]}}}, "b": {"fallback": False}}},
        {"defaults": {"health_check": {"http": "/health"}}},
        {"defaults": {"health_check": {"tcp": True, "interval": "2s"}}},
        {"defaults": {"health_check": {"http": {"path": "/x", "status": ["2xx", 404]}}}},
        {"services": {"a": {"routes": [{"match": {"method": "get", "path": "/x"}, "deny": True}]}}},
        {"services": {"a": {"routes": [{"match": [{"source": "b"}], "subset": {"v": "1"}}]}}},
        {
            "services": {
                "a": {"routes": [{"split": [{"subset": {"v": ["1", "2"]}}], "key": "user"}]}
            }
        },
        {"services": {"a": {"routes": [{"retry": {"max_attempts": 2}, "hedge": False}]}}},
        {"services": {"a": {"routes": [{"fault": {"abort": {"status": 503}}, "breaker": None}]}}},
        {"services": {"a": {"affinity": {"cookie": "s"}}}},
        {"tenants": {"a": {"defaults": {"timeout": 1}, "services": {"b": {"retry": False}}}}},
        {
            "faults": [
                {"name": "x", "match": {"method": "POST", "path": "/x"}, "delay": {"fixed": 1}}
            ]
        },
        {"environments": {"a": None, "b": {"services": {"c": {"timeout": "1s"}}}}},
    ],
)
def test_short_forms_pass(document: Any) -> None:
    """Every way to write a section; and `load_config` takes it too."""
    load_config(document, environ={})
    assert faults(document) == []


@pytest.mark.parametrize(
    "document",
    [
        {"services": {"a": {"timeout": "${TIMEOUT}", "retry": {"max_attempts": "${N:-3}"}}}},
        {"outside": "${OUTSIDE}", "services": {"a": {"grpc_timeout": "${X}"}}},
        {
            "defaults": {"health_check": {"http": {"path": "/x"}}},
            "services": {"a": {"health_check": {"http": {"method": "HEAD"}}}},
        },
    ],
)
def test_what_is_replaced_or_inherited_passes(document: Any) -> None:
    """A document is judged as it is written: a variable may stand for any value."""
    assert faults(document) == []


INVALID: list[Any] = [
    [],
    {"servces": {}},
    {"services": []},
    {"services": {"a": 3}},
    {"services": {"a": {"timeot": 3}}},
    {"services": {"a": {"timeout": "5x"}}},
    {"services": {"a": {"timeout": 0}}},
    {"services": {"a": {"timeout": True}}},
    {"services": {"a": {"endpoints": [{"weight": 1}]}}},
    {"services": {"a": {"endpoints": [{"url": "http://a", "wieght": 1}]}}},
    {"services": {"a": {"endpoints": [{"url": "http://a", "weight": 0}]}}},
    {"services": {"a": {"retry": {"max_attempts": 0}}}},
    {"services": {"a": {"retry": {"statuses": [200]}}}},
    {"services": {"a": {"retry": {"backoff": {"kind": "linaer"}}}}},
    {"services": {"a": {"balancer": "randm"}}},
    {"services": {"a": {"balancer": {"ring_hash": {}, "maglev": {}}}}},
    {"services": {"a": {"breaker": {"failure_ratio": 2}}}},
    {"services": {"a": {"discovery": {"file": {}, "env": {}}}}},
    {"services": {"a": {"health_check": {"http": {"path": "x"}}}}},
    {"services": {"a": {"health_check": {"call": "x"}}}},
    {"services": {"a": {"routes": {}}}},
    {"services": {"a": {"routes": [{"subset": {"v": 1}}]}}},
    {"services": {"a": {"routes": [{"split": [{"weight": -1}]}]}}},
    {"services": {"a": {"routes": [{"match": {"pth": "/x"}}]}}},
    {"services": {"a": {"routes": [{"direct_response": {"body": "x"}}]}}},
    {"services": {"a": {"routes": [{"retry": {"max_attempts": 0}}]}}},
    {"tenants": {"a": {"defaults": {"endpoints": []}}}},
    {"faults": [{"delay": {"fixed": 1}}]},
    {"faults": [{"name": "x", "abort": {"error": "refusd"}}]},
    {"environments": {"a": {"environments": {}}}},
    {"environments": {"a": {"services": {"b": {"timeot": 1}}}}},
    {"outside": "dney"},
]


@pytest.mark.parametrize("document", INVALID, ids=json.dumps)
def test_wrong_document_fails(document: Any) -> None:
    """An editor underlines what `load_config` refuses as well."""
    assert faults(document)
    if isinstance(document, dict):
        with pytest.raises(ConfigurationError):
            load_config(document, environ={})


durations = st.one_of(
    st.integers(-1, 20), st.sampled_from(["250ms", "5s", "1m30s", "0s", "x", " 2h ", "5", "1.5us"])
)
switches = st.one_of(st.booleans(), st.none(), st.integers(0, 1))
counts = st.one_of(st.integers(-1, 5), st.none(), st.just("3x"))
ratios = st.one_of(st.floats(-0.5, 1.5), st.none())


def section(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A section with some of *keys*, or one of the short forms, right or wrong."""
    return st.one_of(switches, st.fixed_dictionaries({}, optional=keys))


texts = st.sampled_from(["x", "http://a", "http://b:1", "random", "user", "/x", "env", ""])
endpoints = st.one_of(texts, st.lists(st.sampled_from(["http://a", "http://b"]), unique=True))
services = st.one_of(
    endpoints,
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "endpoints": endpoints,
            "timeout": durations,
            "attempt_timeout": durations,
            "idempotent": st.one_of(st.booleans(), st.none(), texts),
            "retry": section(max_attempts=counts, max_hint=durations, buffer_body=counts),
            "hedge": section(delay=durations, quantile=ratios, max_hedges=counts),
            "breaker": section(failure_ratio=ratios, consecutive_failures=counts),
            "outlier": section(max_ejection_ratio=ratios, minimum_hosts=counts),
            "bulkhead": section(max_concurrency=counts, max_wait=durations),
            "panic": section(threshold=ratios),
            "balancer": st.one_of(texts, st.dictionaries(texts, st.none(), max_size=2)),
            "fallback": section(status=st.integers(99, 700), text=texts, cached=durations),
            "routes": st.lists(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "match": st.one_of(
                            texts,
                            st.fixed_dictionaries({}, optional={"path": texts, "method": texts}),
                        ),
                        "timeout": durations,
                        "deny": st.one_of(switches, texts),
                        "key": texts,
                        "retry": section(max_attempts=counts),
                        "hedge": section(delay=durations),
                    },
                ),
                max_size=2,
            ),
        },
    ),
)


@settings(max_examples=400)
@given(services)
def test_schema_and_loading_agree(service: Any) -> None:
    """Right or wrong, both say the same, but for rules across fields and parts of texts."""
    document = {"services": {"users": service}}
    told = refusal(document)
    if told is None:
        assert not faults(document)
    elif not all(any(part in line for part in ACROSS_FIELDS + LATE) for line in told):
        assert faults(document), told


def refusal(document: Any) -> list[str] | None:
    """What `load_config` has against *document*, a line each; None when it takes it."""
    try:
        load_config(document, environ={})
    except ConfigurationError as exc:
        return [line for line in str(exc).splitlines() if "errors:" not in line]
    return None


LATE = (
    "is not a known source",
    "has no scheme",
    "is no path",
    "cannot be the value",
    "takes nothing else",
    "has no host",
)
"""What is wrong with a text that has no pattern in the schema."""
