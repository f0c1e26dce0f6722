"""From what the daemon says of a container to an endpoint."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import ConfigurationError, DiscoveryError, Endpoint
from meshlib.discovery.docker._container import Choice, Container, parse_container
from meshlib.discovery.docker._labels import Labels

RECORDED = json.loads(
    (Path(__file__).parents[2] / "vectors" / "docker_container.json").read_text()
)["container"]


def document(**changes: Any) -> dict[str, Any]:
    """The recorded document in the network `back` alone, with *changes* by path."""
    made = copy.deepcopy(RECORDED)
    del made["NetworkSettings"]["Networks"]["front"]
    for path, value in changes.items():
        *parents, key = path.split("__")
        place = made
        for parent in parents:
            place = place[parent]
        place[key] = value
    return made


def parse(made: dict[str, Any], **choice: Any) -> Endpoint | None:
    """The endpoint of `users` in the container that *made* describes."""
    container = Container(made, "users", "docker")
    return parse_container(container, Choice(Labels("meshlib"), "users", **choice))


def url(made: dict[str, Any], **choice: Any) -> str:
    """Where that endpoint is."""
    endpoint = parse(made, **choice)
    assert endpoint is not None
    return endpoint.url


def labelled(**labels: str) -> dict[str, str]:
    """Labels of `users`, with more of them."""
    return {"meshlib.service": "users", **{f"meshlib.{key}": v for key, v in labels.items()}}


def test_the_recorded_container_is_an_endpoint() -> None:
    """Its address is that in its network, and its port the one that it exposes."""
    assert Endpoint("http://10.213.0.2:8080", metadata={"zone": "a"}) == parse(document())
    assert "https://10.213.0.2:8080" == url(document(), scheme="https")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"State__Running": False}, False),
        ({"State__Paused": True}, False),
        ({"State__Restarting": True}, False),
        ({"State__Health": None}, True),
        ({"State__Health": {"Status": "none"}}, True),
        ({"State__Health": {"Status": "starting"}}, False),
        ({"State__Health": {"Status": "unhealthy"}}, False),
        ({"Config__Labels": {"meshlib.service": "orders"}}, False),
        ({"Config__Labels": None}, False),
        ({"Config__Labels": labelled(weight="0")}, False),
    ],
)
def test_who_is_fit(changes: dict[str, Any], expected: bool) -> None:
    """Running, not paused, and healthy where there is a check."""
    assert expected is (parse(document(**changes)) is not None)


def test_the_unhealthy_may_be_included() -> None:
    """But nobody who does not run."""
    unhealthy = {"State__Health": {"Status": "unhealthy"}}
    assert parse(document(**unhealthy), include_unhealthy=True) is not None
    assert parse(document(**unhealthy, State__Paused=True), include_unhealthy=True) is None


def test_a_port_is_the_labelled_or_the_only_one() -> None:
    """Of several that are exposed none is guessed, and UDP serves no HTTP."""
    several = {"80/tcp": {}, "81/tcp": {}, "53/udp": {}}
    one = {"80/tcp": {}, "53/udp": {}, "x/tcp": {}}
    nothing = {"NetworkSettings__Ports": {}}
    assert "http://10.213.0.2:80" == url(document(Config__ExposedPorts=one, **nothing))
    with pytest.raises(ConfigurationError, match=r"shop-users-1: .*exposed are 80, 81, 8080;"):
        parse(document(Config__ExposedPorts=several))
    with pytest.raises(ConfigurationError, match="exposed are none"):
        parse(document(Config__ExposedPorts=None, **nothing))
    chosen = document(Config__ExposedPorts=several, Config__Labels=labelled(port="81"))
    assert "http://10.213.0.2:81" == url(chosen)


def test_the_network_is_chosen() -> None:
    """A container in several networks has several addresses, of which one may be of use."""
    both = copy.deepcopy(RECORDED)
    with pytest.raises(ConfigurationError, match=r"several networks: back, front; choose one"):
        parse(both)
    assert "http://10.213.1.2:8080" == url(both, network="front")
    both["Config"]["Labels"] = labelled(network="back")
    assert "http://10.213.0.2:8080" == url(both, network="front")
    with pytest.raises(ConfigurationError, match="no address in the network side"):
        parse(document(), network="side")


def test_the_network_may_have_its_name_in_the_compose_file() -> None:
    """Compose puts the project before it."""
    networks = {"shop_back": {"IPAddress": "10.1.0.2"}, "shop_front": {"IPAddress": "10.2.0.2"}}
    made = document(NetworkSettings__Networks=networks)
    made["Config"]["Labels"]["com.docker.compose.project"] = "shop"
    assert "http://10.1.0.2:8080" == url(made, network="back")


def test_an_address_of_ipv6_is_in_brackets() -> None:
    """It is taken where there is none of IPv4."""
    network = {"IPAddress": "", "GlobalIPv6Address": "fd00::2"}
    assert "http://[fd00::2]:8080" == url(document(NetworkSettings__Networks={"back": network}))


@pytest.mark.parametrize("mode", ["none", "container:05603a72108b"])
def test_a_container_without_an_address_is_refused(mode: str) -> None:
    """The message says why it has none."""
    made = document(HostConfig__NetworkMode=mode, NetworkSettings__Networks={})
    with pytest.raises(ConfigurationError, match=f"no address of its own \\(network {mode}\\)"):
        parse(made)


@pytest.mark.parametrize("address", ["container", "host"])
def test_in_the_network_of_the_host(address: str) -> None:
    """There is no address of its own and no publishing: the host and the port."""
    made = document(
        HostConfig__NetworkMode="host",
        NetworkSettings__Networks={"host": {"IPAddress": ""}},
        NetworkSettings__Ports={},
        Config__Labels=labelled(port="8001"),
    )
    assert "http://127.0.0.1:8001" == url(made, address=address)
    assert "http://10.9.9.9:8001" == url(made, address=address, host="10.9.9.9")


@pytest.mark.parametrize(
    ("bindings", "expected"),
    [
        ([("127.0.0.1", "18080")], "http://127.0.0.1:18080"),
        ([("192.0.2.1", "18080")], "http://192.0.2.1:18080"),
        ([("0.0.0.0", "18080")], "http://docker.example:18080"),
        ([("", "18080")], "http://docker.example:18080"),
        ([("::", "18080")], "http://docker.example:18080"),
        ([("::1", "18080")], "http://[::1]:18080"),
        ([("localhost", "18080")], "http://localhost:18080"),
        ([("::", "18081"), ("0.0.0.0", "18080")], "http://docker.example:18080"),
        ([("0.0.0.0", "18082"), ("0.0.0.0", "9000")], "http://docker.example:9000"),
    ],
)
def test_published_ports(bindings: list[tuple[str, str]], expected: str) -> None:
    """Where it is published, IPv4 first; everywhere is the host of the daemon."""
    ports = {
        "8080/tcp": [{"HostIp": ip, "HostPort": port} for ip, port in bindings],
        "9090/tcp": None,
    }
    made = document(NetworkSettings__Ports=ports)
    assert expected == url(made, address="host", host="docker.example")


def test_a_published_port_is_the_labelled_or_the_only_one() -> None:
    """The label names the port of the container."""
    binding = [{"HostIp": "127.0.0.1", "HostPort": "18080"}]
    several = {"NetworkSettings__Ports": {"80/tcp": binding, "81/tcp": binding}}
    with pytest.raises(ConfigurationError, match="published are 80, 81"):
        parse(document(**several), address="host")
    chosen = document(**several, Config__Labels=labelled(port="81"))
    assert "http://127.0.0.1:18080" == url(chosen, address="host")
    with pytest.raises(ConfigurationError, match="the port 82 is not published"):
        parse(document(**several, Config__Labels=labelled(port="82")), address="host")
    with pytest.raises(ConfigurationError, match="published are none"):
        parse(document(NetworkSettings__Ports={"80/tcp": None}), address="host")


def test_compose_projects() -> None:
    """With a project its containers need no label, and others do not count."""
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "users"}
    made = document(Config__Labels=labels)
    assert parse(made) is None
    assert parse(made, project="shop") is not None
    assert parse(made, project="other") is None
    assert parse(document(), project="shop") is None
    one_off = {**labels, "com.docker.compose.oneoff": "True"}
    assert parse(document(Config__Labels=one_off), project="shop") is None
    renamed = {**labels, "meshlib.service": "people"}
    assert parse(document(Config__Labels=renamed), project="shop") is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("State", []),
        ("Config__Labels", {"a": 1}),
        ("Config__ExposedPorts", [80]),
        ("NetworkSettings__Networks", {"back": "10.0.0.1"}),
        ("NetworkSettings__Ports", {"80/tcp": {}}),
        ("NetworkSettings__Ports", {"80/tcp": [80]}),
        ("HostConfig__NetworkMode", 1),
        ("Name", 1),
    ],
)
def test_a_document_of_another_shape_is_a_failure(path: str, value: Any) -> None:
    """It does not say that there is no endpoint."""
    with pytest.raises(DiscoveryError, match="cannot be understood") as error:
        parse(document(**{path: value}))
    assert ("users", "docker") == (error.value.service, error.value.source)


@pytest.mark.parametrize("made", [None, [], "", 1])
def test_what_is_no_document_is_a_failure(made: Any) -> None:
    """Nor is anything that is no object at all."""
    with pytest.raises(DiscoveryError, match="a container is an object"):
        Container(made, "users", "docker")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=4)
            | st.sampled_from(["State", "Config", "Running", "80/tcp", "Labels"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


def paths(value: Any, start: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where there is something in *value*."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = [start] if start else []
    if isinstance(value, dict | list):
        for key, one in inner:
            found += paths(one, (*start, key)) if isinstance(one, dict | list) else [(*start, key)]
    return found


@given(
    mutations=st.lists(st.tuples(st.sampled_from(paths(RECORDED)), JSON), max_size=4),
    address=st.sampled_from(["container", "host"]),
    network=st.sampled_from([None, "back"]),
)
def test_mutated_documents_are_read_or_refused(
    mutations: list[tuple[tuple[Any, ...], Any]], address: str, network: str | None
) -> None:
    """Whatever stands in its place, it is an endpoint, none, or an error of ours."""
    made = copy.deepcopy(RECORDED)
    for path, value in mutations:
        place: Any = made
        try:
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
        except (LookupError, TypeError):
            continue
    try:
        parse(made, address=address, network=network)
    except (DiscoveryError, ConfigurationError):
        pass


@given(JSON)
def test_any_document_is_read_or_refused(made: Any) -> None:
    """Another shape is a DiscoveryError."""
    try:
        parse(made)
    except (DiscoveryError, ConfigurationError):
        pass
