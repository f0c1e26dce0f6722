"""From answers to endpoints, whatever is in them."""

from __future__ import annotations

import json
import logging
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import ConfigurationError, DiscoveryError, Endpoint
from meshlib.discovery.consul._errors import ConsulError, MalformedError
from meshlib.discovery.consul._parse import parse_record
from meshlib.discovery.consul._view import View
from meshlib.discovery.consul._wire import prepared_records, records

# As an agent 1.8.7 answers, without the fields that nobody reads.
RECORD: dict[str, Any] = {
    "Node": {
        "ID": "101e54f1-041b-633d-6853-c620cde144af",
        "Node": "n1",
        "Address": "10.0.0.9",
        "Datacenter": "dc1",
        "TaggedAddresses": {"lan": "10.0.0.9", "wan": "10.0.0.9"},
        "Meta": {"rack": "r7"},
    },
    "Service": {
        "ID": "web1",
        "Service": "web",
        "Tags": ["primary", "shard=3", 7],
        "Address": "10.0.0.1",
        "Meta": {"version": "v1"},
        "Port": 8001,
        "Weights": {"Passing": 4, "Warning": 2},
    },
    "Checks": [
        {"CheckID": "serfHealth", "Status": "passing"},
        {"CheckID": "service:web1", "Status": "passing"},
    ],
}


def record(service: Any = None, node: Any = None, **more: Any) -> dict[str, Any]:
    """The record with some fields of its service and its node replaced."""
    made = deepcopy(RECORD)
    made["Service"].update(service or {})
    made["Node"].update(node or {})
    return {**made, **more}


def parsed(made: Any, health: str = "passing", scheme: str = "http") -> Endpoint | None:
    """The endpoint of one record."""
    return parse_record(made, health=health, scheme=scheme)


def checks(*states: str) -> list[dict[str, str]]:
    """One check in each of *states*."""
    return [{"CheckID": f"c{n}", "Status": state} for n, state in enumerate(states)]


def test_an_instance_becomes_an_endpoint() -> None:
    """With its weight, and all that is said of it and of its node."""
    assert Endpoint(
        "http://10.0.0.1:8001",
        weight=4.0,
        metadata={
            "version": "v1",
            "tag.primary": "true",
            "tag.shard": "3",
            "node": "n1",
            "node.rack": "r7",
            "datacenter": "dc1",
        },
    ) == parsed(RECORD)


@pytest.mark.parametrize(
    ("service", "node", "url"),
    [
        ({"Address": ""}, {}, "http://10.0.0.9:8001"),
        ({"Address": None}, {}, "http://10.0.0.9:8001"),
        ({"Address": "::1"}, {}, "http://[::1]:8001"),
        ({"Address": "[::1]"}, {}, "http://[::1]:8001"),
        ({"Address": "web.example"}, {}, "http://web.example:8001"),
        ({"Meta": {"scheme": "https"}}, {}, "https://10.0.0.1:8001"),
        ({"Meta": {"meshlib-path": "/api"}}, {}, "http://10.0.0.1:8001/api"),
    ],
)
def test_where_an_instance_is(service: Any, node: Any, url: str) -> None:
    """At its own address, else at that of its node; Meta may say more."""
    endpoint = parsed(record(service, node))
    assert endpoint is not None
    assert url == endpoint.url


def test_the_scheme_is_a_setting() -> None:
    """For instances that do not say theirs."""
    endpoint = parsed(RECORD, scheme="https")
    assert endpoint is not None
    assert "https://10.0.0.1:8001" == endpoint.url


@pytest.mark.parametrize(
    ("states", "health", "weight"),
    [
        (["passing"], "passing", 4.0),
        (["passing", "warning"], "passing", None),
        (["passing", "warning"], "warning", 2.0),
        (["warning", "critical"], "warning", None),
        (["warning", "critical"], "any", 4.0),
        (["unheard-of"], "warning", None),
        ([], "passing", 4.0),
    ],
)
def test_the_worst_check_counts(states: list[str], health: str, weight: float | None) -> None:
    """It decides whether an instance is taken, and by which weight."""
    endpoint = parsed(record(Checks=checks(*states)), health)
    assert weight == (endpoint and endpoint.weight)


@pytest.mark.parametrize("check", ["_node_maintenance", "_service_maintenance:web1"])
def test_maintenance_takes_out(check: str) -> None:
    """Whatever state is allowed: somebody has said so."""
    made = record(Checks=[{"CheckID": check, "Status": "critical"}])
    assert parsed(made, "any") is None


@pytest.mark.parametrize(
    ("weights", "weight"),
    [(None, 1.0), ({}, 1.0), ({"Passing": 7}, 7.0), ({"Passing": 0}, None)],
)
def test_weights(weights: Any, weight: float | None) -> None:
    """1 unless it is said; an instance with 0 takes no traffic."""
    endpoint = parsed(record({"Weights": weights}))
    assert weight == (endpoint and endpoint.weight)


def test_a_warning_may_have_no_weight() -> None:
    """Consul allows it, and means that nothing is sent there then."""
    made = record({"Weights": {"Passing": 4, "Warning": 0}}, Checks=checks("warning"))
    assert parsed(made, "warning") is None


def test_what_meshlib_registered_comes_back() -> None:
    """What Consul has no field for is in Meta, and does not become metadata."""
    meta = {"meshlib-weight": "0.5", "meshlib-priority": "2", "meshlib-kind": "edge", "a": "b"}
    endpoint = parsed(record({"Meta": meta, "Tags": None}, {"Meta": None}))
    assert endpoint is not None
    assert (0.5, 2, "edge") == (endpoint.weight, endpoint.priority, endpoint.kind)
    assert {"a": "b", "node": "n1", "datacenter": "dc1"} == endpoint.metadata


@pytest.mark.parametrize(
    ("service", "node", "zone"),
    [
        ({}, {}, None),
        ({}, {"Locality": {"Region": "r", "Zone": "z"}}, "z"),
        ({"Locality": {"Region": "r", "Zone": "y"}}, {"Locality": {"Zone": "z"}}, "y"),
        ({"Locality": {"Region": "r", "Zone": ""}}, {"Locality": {"Zone": "z"}}, "z"),
        ({"Locality": {"Zone": "y"}, "Meta": {"zone": "x"}}, {}, "x"),
    ],
)
def test_a_locality_is_a_zone(service: Any, node: Any, zone: str | None) -> None:
    """Of the instance before its node, and what its Meta says before both."""
    endpoint = parsed(record(service, node))
    assert endpoint is not None
    assert zone == endpoint.metadata.get("zone")
    assert ("r" if "Region" in str((service, node)) else None) == endpoint.metadata.get("region")


@pytest.mark.parametrize(
    "service",
    [
        {"Port": 0},
        {"Port": True, "Address": 1},
        {"Port": "8001"},
        {"Port": 65536},
        {"Address": 1},
        {"Address": "a b"},
        {"Meta": {"scheme": "grpc"}},
        {"Meta": {"meshlib-weight": "heavy"}},
        {"Meta": {"meshlib-priority": "1.5"}},
        {"Weights": {"Passing": -1}},
        {"Weights": {"Passing": 10**400}},
    ],
)
def test_what_cannot_be_called(service: Any) -> None:
    """It is an error of that instance alone."""
    with pytest.raises(ConfigurationError):
        parsed(record(service))


@pytest.mark.parametrize(
    "made",
    [
        None,
        [],
        {},
        {**RECORD, "Service": None},
        {**RECORD, "Node": []},
        {**RECORD, "Checks": {}},
        {**RECORD, "Checks": [None]},
    ],
)
def test_what_is_no_instance(made: Any) -> None:
    """It is an error of the answer."""
    with pytest.raises(MalformedError):
        parsed(made)


@pytest.mark.parametrize(
    ("content", "elements"),
    [
        (b"[]", []),
        (b" [ ]\n", []),
        (b"[1]", [1]),
        (b'[\n  {"a": [1, 2]},\n  "b" , null\n]\n', [{"a": [1, 2]}, "b", None]),
    ],
)
def test_an_array_is_read_bit_by_bit(content: bytes, elements: list[Any]) -> None:
    """With or without spaces, as `?pretty` adds them."""
    assert elements == list(records(content))


@given(st.lists(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5)))
def test_an_array_is_read_like_any_other(elements: list[Any]) -> None:
    """What a JSON library writes is understood as it reads it."""
    assert elements == list(records(json.dumps(elements, ensure_ascii=False).encode()))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[", b"[1", b"[1,", b"[1,]", b"[1 2]", b"[] []", b"\xff", b"[" * 9999]
)
def test_what_is_no_array(content: bytes) -> None:
    """Half an answer, or that of something else, is an error and no list."""
    with pytest.raises(MalformedError):
        list(records(content))


@pytest.mark.parametrize("content", [b"", b"[]", b'{"Nodes": null}', b"\xff", b"[" * 9999])
def test_what_is_no_prepared_query(content: bytes) -> None:
    """It is an error and no list."""
    with pytest.raises(MalformedError):
        list(prepared_records(content))


def test_a_prepared_query_has_nodes() -> None:
    """The records are one level down."""
    assert [1, 2] == list(prepared_records(b'{"Service": "web", "Nodes": [1, 2]}'))


def view(limit: int | None = None) -> View:
    """A view of the service `web`."""
    return View("web", records, health="passing", scheme="http", limit=limit)


def answer(*made: Any, indented: bool = False) -> bytes:
    """What an agent sends; in development mode it is indented."""
    if indented:
        return json.dumps(made, indent=4).encode()
    return json.dumps(made, separators=(",", ":")).encode() + b"\n"


async def test_only_changes_are_told() -> None:
    """The same instances in another order, or with other outputs of checks, are no change."""
    one, two = record(), record({"Address": "10.0.0.2"})
    watched = view()
    assert 2 == len(await watched.changed(answer(one, two)) or ())
    two["Checks"][0]["Output"] = "another"
    assert await watched.changed(answer(two, one)) is None
    two["Service"]["Meta"] = {"version": "v2"}
    assert 2 == len(await watched.changed(answer(one, two)) or ())
    assert () == await watched.changed(answer())
    assert await watched.changed(answer()) is None


@pytest.mark.parametrize("indented", [True, False])
async def test_however_it_is_written(indented: bool) -> None:
    """An answer that is indented, or has other keys first, is read as well."""
    one, two = record(), record({"Address": "10.0.0.2"})
    watched = view()
    for _ in range(2):
        assert 2 == len(await watched.changed(answer(one, two, indented=indented)) or ())
        assert 1 == len(await watched.changed(answer(two, indented=indented)) or ())
    turned = {key: one[key] for key in reversed(one)}
    assert 2 == len(await watched.changed(answer(turned, two)) or ())
    assert 1 == len(await watched.changed(answer(one)) or ())
    assert await watched.changed(answer(turned)) is None


async def test_the_nearest_are_taken() -> None:
    """With a limit, the order of the answer decides."""
    made = [record({"Address": f"10.0.0.{n}"}) for n in range(1, 251)]
    watched = view(2)
    near = [one.url for one in await watched.changed(answer(*made)) or ()]
    assert ["http://10.0.0.1:8001", "http://10.0.0.2:8001"] == near
    assert 2 == len(await watched.changed(answer(*reversed(made))) or ())


async def test_bad_instances_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Until they are mended, which may be followed by another mistake."""
    bad = record({"ID": "bad", "Port": 0})
    watched = view()
    with caplog.at_level(logging.WARNING):
        assert 1 == len(await watched.changed(answer(RECORD, bad)) or ())
        assert await watched.changed(answer(bad, RECORD)) is None
        assert 1 == len(caplog.records)
        assert await watched.changed(answer(RECORD)) is None
        assert await watched.changed(answer(RECORD, bad)) is None
        assert 2 == len(caplog.records)
    assert "'bad'" in caplog.records[0].getMessage()


async def test_nothing_but_bad_instances_is_a_failure() -> None:
    """It does not say that there are no endpoints."""
    with pytest.raises(ConsulError, match="nothing in Consul can be called"):
        await view().changed(answer(record({"Port": 0})))


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A real record in which some values are replaced by any others, or gone."""
    made: Any = deepcopy(RECORD)
    for _ in range(draw(st.integers(1, 3))):
        place = made
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and draw(st.booleans()):
                place = place[key]
                continue
            if isinstance(place, dict) and draw(st.booleans()):
                del place[key]
            else:
                place[key] = draw(JSON | st.integers(10**300, 10**320) | st.text("/:[]@%\\.0a"))
            break
    return made


def read(content: bytes, health: str) -> list[Endpoint | None]:
    """What a watch makes of *content*, without an event loop."""
    found = []
    for one in records(content):
        try:
            found.append(parse_record(one, health=health, scheme="http"))
        except ConfigurationError:
            continue
    return found


@given(st.lists(mutated() | JSON, max_size=4), st.sampled_from(["passing", "warning", "any"]))
def test_any_document_is_endpoints_or_an_error(document: list[Any], health: str) -> None:
    """Whatever an agent sends, nothing but DiscoveryError comes out beside endpoints."""
    try:
        found = read(json.dumps(document).encode(), health)
    except DiscoveryError:
        return
    assert all(one is None or isinstance(one, Endpoint) for one in found)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_endpoints_or_an_error(content: bytes) -> None:
    """So it is for what is no list of instances at all, and for prepared queries."""
    for reading in (records, prepared_records):
        try:
            list(reading(content))
        except DiscoveryError:
            continue
