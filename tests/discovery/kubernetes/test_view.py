"""From EndpointSlices to endpoints: conditions, ports, families, hints, and no surprises."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import DiscoveryError, Endpoint
from meshlib.discovery import parse_endpoint
from meshlib.discovery.kubernetes._choice import make_choice
from meshlib.discovery.kubernetes._slices import SliceReader
from meshlib.discovery.kubernetes._view import View

LEAVING = {"ready": False, "serving": True, "terminating": True}
HTTP = {"name": "http", "port": 8080, "protocol": "TCP"}
METRICS = {"name": "metrics", "port": 9090}


def view(**settings: Any) -> View:
    """A view with these settings of the source."""
    known = {"port": None, "scheme": None, "address_family": "auto", "zone": None, "node": None}
    choice = make_choice(**{**known, "labels": (), **settings})
    return View(choice, SliceReader("users", "kubernetes"), service="users", source="kubernetes")


def endpoint(address: str, **fields: Any) -> dict[str, Any]:
    """An endpoint of a slice."""
    return {"addresses": [address], **fields}


def slice_of(
    *endpoints: Any, name: str = "one", family: str = "IPv4", ports: Any = (HTTP,), **metadata: Any
) -> dict[str, Any]:
    """A slice with addresses, or whole endpoints."""
    return {
        "metadata": {"name": name, "resourceVersion": "1", **metadata},
        "addressType": family,
        "ports": list(ports),
        "endpoints": [endpoint(one) if isinstance(one, str) else one for one in endpoints],
    }


def endpoints(*slices: Any, **settings: Any) -> tuple[Endpoint, ...]:
    """The endpoints of *slices*."""
    made = view(**settings)
    made.replace(slices)
    return made.endpoints()


def urls(*slices: Any, **settings: Any) -> list[str]:
    """The URLs of the endpoints of *slices*."""
    return [one.url for one in endpoints(*slices, **settings)]


def test_a_slice_of_the_documentation_is_read() -> None:
    """Address and port become a URL; zone, node, name and pod are metadata."""
    # From "EndpointSlices" of the Kubernetes 1.34 documentation, with a targetRef.
    document = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "example-abc",
            "labels": {"kubernetes.io/service-name": "example", "team": "a"},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
        "endpoints": [
            {
                "addresses": ["10.1.2.3"],
                "conditions": {"ready": True},
                "hostname": "pod-1",
                "nodeName": "node-1",
                "zone": "us-west2-a",
                "hints": {"forZones": [{"name": "us-west2-a"}, {"name": "us-west2-b"}]},
                "deprecatedTopology": {"topology.kubernetes.io/region": "us-west2"},
                "targetRef": {"kind": "Pod", "name": "pod-1-xyz"},
            }
        ],
    }
    (found,) = endpoints(document, labels={"owner": "team", "missing": "nothing"})
    assert found == parse_endpoint(found)
    assert ("http://10.1.2.3:80", 1.0, 0) == (found.url, found.weight, found.priority)
    assert {
        "hint_zones": "us-west2-a,us-west2-b",
        "hostname": "pod-1",
        "node": "node-1",
        "owner": "a",
        "pod": "pod-1-xyz",
        "region": "us-west2",
        "zone": "us-west2-a",
    } == dict(found.metadata)


@pytest.mark.parametrize(
    ("conditions", "used"),
    [
        (None, True),
        ({}, True),
        ({"ready": None}, True),
        ({"ready": True}, True),
        ({"ready": False}, False),
        ({"ready": False, "serving": True}, False),
        ({"ready": False, "terminating": True}, False),
        # publishNotReadyAddresses has the controller say so.
        ({"ready": True, "serving": False, "terminating": True}, True),
    ],
    ids=str,
)
def test_unknown_conditions_are_as_documented(
    conditions: Mapping[str, Any] | None, used: bool
) -> None:
    """Ready unless said otherwise; serving as ready; not terminating."""
    assert used == bool(urls(slice_of(endpoint("10.0.0.1", conditions=conditions))))


def test_terminating_endpoints_are_used_when_none_is_ready() -> None:
    """Of these only those that serve, and none of them beside a ready one."""
    leaving = endpoint("10.0.0.1", conditions=LEAVING)
    gone = endpoint("10.0.0.2", conditions={**LEAVING, "serving": False})
    assert ["http://10.0.0.1:8080"] == urls(slice_of(leaving, gone))
    assert ["http://10.0.0.3:8080"] == urls(slice_of(leaving, gone, "10.0.0.3"))
    assert ["http://10.0.0.1:8080"] == urls(slice_of(leaving), zone="a")


@pytest.mark.parametrize("swap", [False, True])
def test_an_endpoint_in_two_slices_is_one(swap: bool) -> None:
    """While it moves; the slice that knows it fitter counts, whatever its name."""
    unfit = endpoint("10.0.0.1", conditions={"ready": False})
    names = ["b", "a"] if swap else ["a", "b"]
    slices = [slice_of("10.0.0.1", name=names[0]), slice_of(unfit, "10.0.0.2", name=names[1])]
    assert {"http://10.0.0.1:8080", "http://10.0.0.2:8080"} == set(urls(*slices))
    assert 1 == len(urls(slices[0], slice_of("10.0.0.1", name="c")))


def test_only_the_first_address_counts() -> None:
    """Further ones have no meaning that is defined."""
    assert ["http://10.0.0.1:8080"] == urls(slice_of({"addresses": ["10.0.0.1", "10.0.0.2"]}))


def test_slices_change_one_by_one() -> None:
    """A slice replaces the one of its name, a list all of them."""
    made = view()
    made.replace([slice_of("10.0.0.1"), slice_of("10.0.0.2", name="two")])
    made.put(slice_of("10.0.0.3", name="two"))
    assert ["http://10.0.0.1:8080", "http://10.0.0.3:8080"] == [e.url for e in made.endpoints()]
    made.drop(slice_of())
    made.drop(slice_of(name="unknown"))
    assert ["http://10.0.0.3:8080"] == [e.url for e in made.endpoints()]
    made.replace([])
    assert () == made.endpoints()


def test_what_did_not_change_is_not_read_again() -> None:
    """The endpoints of another slice are the same objects as before."""
    made = view()
    made.replace([slice_of("10.0.0.1"), slice_of("10.0.0.2", name="two")])
    before = made.endpoints()
    made.put(slice_of("10.0.0.3", name="two"))
    assert before[0] is made.endpoints()[0]


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ({"uid": "a"}, {"uid": "a"}, True),
        ({"uid": "a"}, {"uid": "a", "resourceVersion": "2"}, False),
        ({"uid": "a"}, {"uid": "b"}, False),
        ({}, {}, False),
        ({"uid": 1}, {"uid": 1}, False),
    ],
    ids=str,
)
def test_a_new_list_is_read_where_it_differs(
    before: dict[str, Any], after: dict[str, Any], same: bool
) -> None:
    """By object and version; where these are not told, everything is read again."""
    made = view()
    made.replace([slice_of("10.0.0.1", **before)])
    known = made.endpoints()
    made.replace([slice_of("10.0.0.1", **after)])
    assert same == (known[0] is made.endpoints()[0])


@pytest.mark.parametrize(
    ("port", "ports", "expected"),
    [
        (None, [HTTP], 8080),
        (None, [{"port": 81}], 81),
        (None, [HTTP, {**METRICS, "protocol": "UDP"}], 8080),
        ("metrics", [HTTP, METRICS], 9090),
        (9090, [HTTP, METRICS], 9090),
        ("9090", [HTTP, METRICS], 9090),
        (70, [HTTP, {"name": "any"}], 70),
        (70, [], 70),
    ],
    ids=str,
)
def test_a_port_is_chosen(port: Any, ports: Any, expected: int) -> None:
    """By name or number; a single one needs no choice."""
    assert [f"http://10.0.0.1:{expected}"] == urls(slice_of("10.0.0.1", ports=ports), port=port)


@pytest.mark.parametrize(
    ("port", "ports", "says"),
    [
        (None, [HTTP, METRICS], r"several ports: .* http \(8080\), metrics \(9090\)"),
        (None, [], "no TCP port"),
        (None, [{**HTTP, "protocol": "SCTP"}], "no TCP port"),
        (None, [{"name": "x"}], r"any port: .* x \(any\)"),
        ("x", [{"name": "x"}], "any port"),
        ("admin", [HTTP], r"has no port admin; its ports are http \(8080\)"),
        (1, [HTTP], "has no port 1"),
        (None, [{"port": 80}, {"name": "b", "port": 81}], r"unnamed \(80\), b \(81\)"),
    ],
    ids=str,
)
def test_a_port_that_is_open_is_an_error(port: Any, ports: Any, says: str) -> None:
    """It names the ports that there are."""
    with pytest.raises(DiscoveryError, match=says) as error:
        urls(slice_of("10.0.0.1", ports=ports), port=port)
    assert ("users", "kubernetes") == (error.value.service, error.value.source)


def test_pods_may_listen_on_different_ports_of_one_name() -> None:
    """Each slice has its own; those without the port are left out, and empty ones not asked."""
    slices = [
        slice_of("10.0.0.1"),
        slice_of("10.0.0.2", name="two", ports=[{**HTTP, "port": 8081}]),
        slice_of("10.0.0.3", name="three", ports=[METRICS]),
        slice_of(name="four", ports=[]),
    ]
    assert ["http://10.0.0.1:8080", "http://10.0.0.2:8081"] == urls(*slices, port="http")
    assert [] == urls(slice_of(ports=[HTTP, METRICS]))


@pytest.mark.parametrize(
    ("name", "protocol", "chosen", "expected"),
    [
        ("web", None, None, "http"),
        ("web", None, "https", "https"),
        ("web", "https", None, "https"),
        ("web", "HTTPS", "http", "https"),
        ("web", "kubernetes.io/wss", None, "https"),
        ("web", "kubernetes.io/h2c", "https", "http"),
        ("web", "example.com/own", None, "http"),
        ("https", None, None, "https"),
        ("https-admin", None, None, "https"),
        ("https", None, "http", "http"),
        ("https", "http", None, "http"),
    ],
)
def test_the_scheme_is_what_is_said_on_purpose(
    name: str, protocol: str | None, chosen: str | None, expected: str
) -> None:
    """An appProtocol, then the setting, then what the port's name begins with."""
    port = {"name": name, "port": 80, "appProtocol": protocol}
    (found,) = endpoints(slice_of("10.0.0.1", ports=[port]), scheme=chosen)
    assert f"{expected}://10.0.0.1:80" == found.url
    assert protocol == found.metadata.get("app_protocol")


def test_each_pod_of_two_families_counts_once() -> None:
    """IPv4 by default where there is any; the setting chooses otherwise."""
    four, six = slice_of("10.0.0.1"), slice_of("fd00::1", name="six", family="IPv6")
    name = slice_of("db.example", name="dns", family="FQDN")
    other = slice_of("?", name="else", family="Carrier pigeon")
    assert ["http://10.0.0.1:8080"] == urls(four, six, other)
    assert ["http://[fd00::1]:8080"] == urls(six)
    assert ["http://[fd00::1]:8080"] == urls(four, six, address_family="ipv6")
    assert [] == urls(six, address_family="ipv4")
    assert ["http://[fd00::1]:8080"] == urls(slice_of(name="empty"), six)
    assert ["http://db.example:8080", "http://10.0.0.1:8080"] == urls(four, name)
    assert ["http://db.example:8080"] == urls(name)


def hinted(address: str, *zones: str, nodes: tuple[str, ...] = ()) -> dict[str, Any]:
    """An endpoint that is hinted for these."""
    hints = {
        "forZones": [{"name": zone} for zone in zones],
        "forNodes": [{"name": node} for node in nodes],
    }
    return endpoint(address, hints=hints)


@pytest.mark.parametrize(
    ("settings", "last", "priorities"),
    [
        ({}, hinted("10.0.0.3", "b"), [0, 0, 0]),
        ({"zone": "a"}, hinted("10.0.0.3", "b"), [0, 0, 1]),
        ({"zone": "b"}, hinted("10.0.0.3", "b"), [1, 0, 0]),
        ({"zone": "c"}, hinted("10.0.0.3", "b"), [0, 0, 0]),
        ({"zone": "a"}, endpoint("10.0.0.3"), [0, 0, 0]),
        ({"zone": "a"}, endpoint("10.0.0.3", conditions={"ready": False}), [0, 0]),
        ({"zone": "b", "node": "n"}, hinted("10.0.0.3", "b"), [1, 0, 0]),
        ({"zone": "b", "node": "n"}, hinted("10.0.0.3", "b", nodes=("m",)), [0, 1, 1]),
        ({"zone": "b", "node": "o"}, hinted("10.0.0.3", "b", nodes=("m",)), [1, 0, 0]),
    ],
    ids=str,
)
def test_endpoints_that_are_hinted_for_us_come_first(
    settings: dict[str, str], last: dict[str, Any], priorities: list[int]
) -> None:
    """If every ready one has a hint and one is for us; those of our node before our zone."""
    first = hinted("10.0.0.1", "a", nodes=("n",))
    both = hinted("10.0.0.2", "a", "b", nodes=("m",))
    found = endpoints(slice_of(first, both, last), **settings)
    assert priorities == [one.priority for one in found]


@pytest.mark.parametrize(
    ("weight", "expected"), [("3", [3.0]), ("0.5", [0.5]), ("0", []), ("0.0", [])]
)
def test_a_slice_may_have_a_weight(weight: str, expected: list[float]) -> None:
    """By an annotation; nothing is no traffic."""
    found = endpoints(slice_of("10.0.0.1", annotations={"meshlib/weight": weight}))
    assert expected == [one.weight for one in found]


@pytest.mark.parametrize(
    "bad",
    [
        slice_of("10.0.0.1:80", name="bad"),
        slice_of({"addresses": []}, name="bad"),
        slice_of("10.0.0.1", name="bad", annotations={"meshlib/weight": "heavy"}),
        slice_of("10.0.0.1", name="bad", annotations={"meshlib/weight": "-1"}),
        slice_of("10.0.0.1", name="bad", ports=[{**HTTP, "port": 0}]),
    ],
    ids=["address", "none", "word", "negative", "port"],
)
def test_what_cannot_be_called_is_left_out(
    bad: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """With a warning, for it must not hold the others; alone it is an error."""
    caplog.set_level(logging.WARNING)
    assert ["http://10.0.0.9:8080"] == urls(slice_of("10.0.0.9"), bad)
    assert "left out" in caplog.text
    with pytest.raises(DiscoveryError, match="can be called"):
        urls(bad)


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("addressType",), None, "an addressType, not None"),
        (("metadata",), 1, "metadata, not 1"),
        (("metadata", "name"), "", "the name of an EndpointSlice"),
        (("metadata", "labels"), {"a": 1}, "labels"),
        (("ports",), "80", "ports"),
        (("ports", 0), 80, "a port"),
        (("ports", 0, "port"), True, "the number of a port"),
        (("ports", 0, "name"), 1, "the name of a port"),
        (("endpoints",), {}, "endpoints"),
        (("endpoints", 0), "10.0.0.1", "an endpoint"),
        (("endpoints", 0, "addresses"), "10.0.0.1", "addresses"),
        (("endpoints", 0, "addresses", 0), 1, "an address"),
        (("endpoints", 0, "hints", "forZones", 0), "a", "forZones"),
        (("endpoints", 1, "conditions", "ready"), "true", "a condition"),
        (("endpoints", 1, "zone"), 1, "a zone"),
        (("endpoints", 1, "targetRef"), "pod", "a targetRef"),
    ],
    ids=str,
)
def test_a_document_of_another_shape_is_an_error(
    place: tuple[Any, ...], value: Any, says: str
) -> None:
    """Nobody knows what it means, and it is said what was found where something else was due."""
    with pytest.raises(DiscoveryError, match=says) as error:
        view().replace([mutated(place, value)])
    assert ("users", "kubernetes") == (error.value.service, error.value.source)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
WHOLE = slice_of(
    hinted("10.0.0.1", "a"),
    endpoint(
        "fd00::1",
        conditions=LEAVING,
        hostname="h",
        nodeName="n",
        zone="z",
        targetRef={"kind": "Pod", "name": "p"},
        topology={"kubernetes.io/hostname": "n"},
    ),
    labels={"a": "b"},
    annotations={"meshlib/weight": "1"},
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in *value*."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def mutated(path: tuple[Any, ...], value: Any) -> Any:
    """A whole slice with *value* at *path*."""
    document: Any = {"top": copy.deepcopy(WHOLE)}
    target = document
    for key in ("top", *path)[:-1]:
        target = target[key]
    target[("top", *path)[-1]] = value
    return document["top"]


@given(
    st.lists(JSON | st.builds(mutated, st.sampled_from(places(WHOLE)), JSON), max_size=3),
    st.sampled_from([None, "http", 8080]),
    st.sampled_from([None, "a"]),
)
def test_whatever_comes_is_endpoints_or_an_error(
    documents: list[Any], port: Any, zone: str | None
) -> None:
    """No document makes another exception than a DiscoveryError."""
    made = view(port=port, zone=zone, labels=["a"])
    try:
        made.replace(documents)
        for document in documents:
            made.put(document)
        found = made.endpoints()
        made.drop(documents[0] if documents else WHOLE)
    except DiscoveryError:
        return
    assert all(one == parse_endpoint(one) for one in found)
