"""Faults in a document: the schema takes what the options take."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from meshlib import ConfigurationError, MeshConfig
from meshlib.config import json_schema

VALIDATOR = Draft202012Validator(json_schema())

GOOD: list[dict[str, Any]] = [
    {"delay": {"fixedDelay": "7s", "percentage": {"value": 0.1}}},
    {"delay": {"fixed_delay": 7, "percentage": {"numerator": 1, "denominator": "MILLION"}}},
    {"delay": {"relative": 0.9}},
    {"delay": {"relative": {"factor": 0.9, "of": "left"}}},
    {"delay": {"empirical": ["1ms", 2]}},
    {"delay": {"quantiles": {"p50": "1ms"}}},
    {"abort": {"httpStatus": 503}},
    {"abort": {"http_status": 503, "headers": {"a": "b"}}},
    {"abort": {"blackhole": True}},
    {"abort": {"blackhole": "connect"}, "when": "after"},
    {"response": {"corrupt": "json"}},
    {"response": {"corrupt": {"bytes": 0.5, "json": True, "field": {"path": "a", "value": [1]}}}},
    {"response": {"headers": {"set": {"a": "b"}, "remove": ["c"]}}},
    {"quota": {"requests": 1, "window": "1m", "key": "tenant"}},
    {"sequence": ["ok", 503, "reset"]},
    {"sequence": {"steps": ["ok", 503], "repeat": True}},
    {"delay": {"fixed": 1}, "sequence": {"succeed": 2, "fail": 3}},
    {"delay": {"fixed": 1}, "schedule": [{"end": "5m", "every": 600}]},
    {"delay": {"fixed": 1}, "schedule": [{"start": "22:00", "end": "06:00:30"}]},
    {"delay": {"fixed": 1}, "max_active_faults": 5},
    {"delay": {"fixed": 1}, "match": {"subset": {"v": ["1", "2"]}, "tenant": "a"}},
    {"delay": {"fixed": 1}, "match": {"query": {"q": True}, "headers": {"h": {"present": False}}}},
]
BAD: list[dict[str, Any]] = [
    {"delay": {"fixed": 1, "percentage": {"value": 1, "of": 2}}},
    {"delay": {"relative": "0.9"}},
    {"abort": {"blackhole": "write"}},
    {"abort": {"error": "explode"}},
    {"response": {"corrupt": "jsn"}},
    {"response": {"corrupt": {"json_": True}}},
    {"quota": {"requests": 1}},
    {"sequence": ["ok", 100]},
    {"sequence": [["ok"]]},
    {"delay": {"fixed": 1}, "schedule": [{"end": "9:30"}]},
    {"delay": {"fixed": 1}, "schedule": [{"start": 1}]},
    {"delay": {"fixed": 1}, "match": {"subset": {"v": 1.1}}},
]


def document(rule: dict[str, Any]) -> dict[str, Any]:
    """A document with this rule."""
    return {"faults": [{"name": "r", **rule}]}


@pytest.mark.parametrize("rule", GOOD, ids=str)
def test_what_options_take_passes(rule: dict[str, Any]) -> None:
    """Also what is short for something, and the names of others."""
    MeshConfig.model_validate(document(rule))
    assert [] == [*VALIDATOR.iter_errors(document(rule))]


@pytest.mark.parametrize("rule", BAD, ids=str)
def test_what_options_refuse_is_marked(rule: dict[str, Any]) -> None:
    """What an editor can see without computing it."""
    with pytest.raises(ConfigurationError, match=r"faults\[0\]"):
        MeshConfig.model_validate(document(rule))
    assert [*VALIDATOR.iter_errors(document(rule))]
