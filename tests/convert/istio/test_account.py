"""No field of a source object is dropped in silence: it is used, or it is reported."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib.convert import Imported, import_istio
from support.istio import sample_fields

DATA = Path(__file__).parents[1] / "data"
REDIRECT = ("spec", "rules", 0, "filters", 0, "requestRedirect")
SESSION = ("spec", "rules", 0, "sessionPersistence")
EFFECTLESS = {
    (*SESSION, "type"): "a cookie is the default",
    (*SESSION, "cookie", "path"): "all paths are the default",
    (*SESSION, "cookie", "lifetimeType"): "follows from the time",
    (*REDIRECT, "path", "type"): "the field beside it tells",
    ("spec", "rules", 0, "matches", 0, "path", "type"): "a prefix is the default",
    ("spec", "rules", 1, "matches", 0, "path", "type"): "a prefix is the default",
    ("spec", "parentRefs", 0, "group"): "an empty one is the default",
}
"""Fields of the files that say what would hold without them."""
SAME = {
    ("http", 0, "retries", "retryIgnorePreviousHosts"): "endpoints that were tried are avoided",
    ("http", 0, "route", 0, "weight"): "all calls go to an only destination",
}
"""Fields of the published schemas that say what holds anyway."""


def objects(path: Path) -> list[dict[str, Any]]:
    """The objects in a file, those of its lists too."""
    found = []
    for document in yaml.safe_load_all(path.read_text()):
        found += document.get("items", [document])
    return found


def leaves(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The places of all scalars and empty collections."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    if not items:
        yield place
    for key, part in items:
        yield from leaves(part, (*place, key))


def without(values: list[Any], number: int, place: tuple[Any, ...]) -> list[Any]:
    """Copies of all objects, the one at *number* without what stands at *place*."""
    changed = copy.deepcopy(values)
    holder = changed[number]
    for key in place[:-1]:
        holder = holder[key]
    del holder[place[-1]]
    return changed


def read(values: list[Any]) -> Imported:
    """What all of them come to."""
    return import_istio([("f", yaml.safe_dump_all(values).encode())])


@pytest.mark.parametrize("name", ["shop.yaml", "gateway.yaml"])
def test_each_field_of_a_file_matters(name: str) -> None:
    """Without any one field the document would be another, or the field is reported."""
    values = objects(DATA / name)
    whole = read(values)
    silent, count = set(), 0
    for number, value in enumerate(values):
        for place in leaves(value["spec"], ("spec",)):
            count += 1
            changed = read(without(values, number, place))
            if changed.document == whole.document and changed.findings == whole.findings:
                silent.add(place)
    assert 40 < count
    assert silent <= set(EFFECTLESS)


@pytest.mark.parametrize("kind", ["VirtualService", "DestinationRule"])
def test_each_field_of_the_published_schema_matters(kind: str) -> None:
    """Every field that Istio has changes the document or is reported, and none is an error."""
    specs = {
        "VirtualService": {
            "hosts": ["users"],
            "http": [{"route": [{"destination": {"host": "users"}}]}],
        },
        "DestinationRule": {"host": "users"},
    }

    def imported(spec: Any) -> Imported:
        api = "networking.istio.io/v1"
        return read([{"apiVersion": api, "kind": kind, "metadata": {"name": "a"}, "spec": spec}])

    base = imported(specs[kind])
    silent, count = set(), 0
    for place, spec in sample_fields(kind, specs[kind]):
        count += 1
        found = imported(spec)
        if found == base:
            silent.add(place)
    assert 90 < count
    assert silent <= set(SAME)


def subtrees(value: Any, place: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The places of everything below *place*."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, part in items:
        yield (*place, key)
        yield from subtrees(part, (*place, key))


PLACES = [
    (name, number, place)
    for name in ("shop.yaml", "gateway.yaml")
    for number, value in enumerate(objects(DATA / name))
    for place in subtrees(value["spec"], ("spec",))
]
WRONG = [7, -1.5, float("inf"), "x", "", True, None, [], {}, [1], ["x"], [{}], {"a": 1}, {"a": "b"}]


@settings(max_examples=150)
@given(st.sampled_from(PLACES), st.sampled_from(WRONG))
def test_what_is_wrong_is_told_and_never_an_error(
    where: tuple[str, int, tuple[Any, ...]], wrong: Any
) -> None:
    """Whatever stands at a place, a valid document comes out, and the field is accounted for."""
    name, number, place = where
    values = objects(DATA / name)
    holder = values[number]
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = wrong
    assert "services" in read(values).document
