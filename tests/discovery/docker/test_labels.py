"""What labels say of services."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import ConfigurationError, Endpoint
from meshlib.discovery.docker._labels import Labels

LABELS = Labels("meshlib")


def endpoint(labels: dict[str, str], service: str = "users") -> Endpoint:
    """The endpoint that *labels* make of an address."""
    return LABELS.describe(labels, service).endpoint("10.0.0.1", 80, "http", "container c")


def test_every_label_is_read() -> None:
    """Each of them ends up in the endpoint."""
    labels = {
        "meshlib.service": "users",
        "meshlib.port": "8001",
        "meshlib.scheme": "https",
        "meshlib.weight": "2.5",
        "meshlib.priority": "1",
        "meshlib.kind": "edge",
        "meshlib.network": "back",
        "meshlib.metadata.zone": "a",
        "meshlib.metadata.app.kubernetes.io/name": "x",
        "other": "meshlib",
    }
    described = LABELS.describe(labels, "users")
    assert (8001, "https", "back") == (described.port, described.scheme, described.network)
    assert Endpoint(
        "https://10.0.0.1:80",
        weight=2.5,
        priority=1,
        kind="edge",
        metadata={"zone": "a", "app.kubernetes.io/name": "x"},
    ) == endpoint(labels)
    assert [] == LABELS.unknown(labels)


def test_labels_of_one_service_win_over_those_of_all() -> None:
    """A container with several services says of each what differs."""
    labels = {
        "meshlib.services.users.port": "1",
        "meshlib.services.users.metadata.zone": "b",
        "meshlib.services.a.b.port": "2",
        "meshlib.port": "3",
        "meshlib.weight": "4",
        "meshlib.metadata.zone": "a",
    }
    assert 1 == LABELS.describe(labels, "users").port
    assert 2 == LABELS.describe(labels, "a.b").port
    assert 3 == LABELS.describe(labels, "b").port
    assert ("b", 4.0) == (endpoint(labels).metadata["zone"], endpoint(labels).weight)
    assert "a" == endpoint(labels, "a.b").metadata["zone"]
    assert [] == LABELS.unknown(labels)


@pytest.mark.parametrize(
    ("labels", "default", "expected"),
    [
        ({"meshlib.service": "users"}, None, True),
        ({"meshlib.service": "orders"}, None, False),
        ({"meshlib.service": "orders"}, "users", False),
        ({"meshlib.services.users.port": "1"}, None, True),
        ({"meshlib.services.orders.port": "1"}, "users", False),
        ({"meshlib.services.users.weight": "1"}, None, False),
        ({}, "users", True),
        ({}, "orders", False),
        ({}, None, False),
    ],
)
def test_whom_labels_concern(labels: dict[str, str], default: str | None, expected: bool) -> None:
    """Labels say it; where none does, the default name counts."""
    assert expected is LABELS.concern(labels, "users", default)


def test_label_keys_are_chosen() -> None:
    """Both the prefix and the label that names the service may be others."""
    labels = Labels("com.example", "app")
    assert labels.concern({"app": "users"}, "users")
    assert not labels.concern({"com.example.service": "users"}, "users")
    assert labels.concern({"com.example.services.users.port": "1"}, "users")
    assert 7 == labels.describe({"com.example.port": "7", "meshlib.port": "8"}, "users").port
    assert Labels("com.example").concern({"com.example.service": "users"}, "users")
    assert [] == Labels("meshlib", "meshlib.name").unknown({"meshlib.name": "users"})


@pytest.mark.parametrize("weight", ["0", "0.0", "-0"])
def test_a_weight_of_zero_drains(weight: str) -> None:
    """It is no mistake, but takes no traffic."""
    assert LABELS.describe({"meshlib.weight": weight}, "users").is_drained
    assert not LABELS.describe({"meshlib.weight": "x"}, "users").is_drained
    assert not LABELS.describe({}, "users").is_drained


@pytest.mark.parametrize("port", ["", "0", "65536", "-1", "+80", " 80", "8_0", "eighty", "٨٠"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    """The message names the label."""
    with pytest.raises(ConfigurationError, match=r"label meshlib\.port: a port is 1 to 65535"):
        LABELS.describe({"meshlib.port": port}, "users")


def test_a_scheme_that_is_none_is_refused() -> None:
    """The message names the label, that of the service where it is one."""
    with pytest.raises(ConfigurationError, match=r"meshlib\.services\.users\.scheme: http or"):
        LABELS.describe({"meshlib.services.users.scheme": "grpc"}, "users")


def test_a_weight_that_is_none_is_refused() -> None:
    """The message says which container it is."""
    with pytest.raises(ConfigurationError, match=r"container c\.weight"):
        endpoint({"meshlib.weight": "heavy"})


def test_a_label_that_means_nothing_is_told() -> None:
    """A misspelt label would be lost without a word."""
    labels = {"meshlib.wieght": "3", "meshlib.services.users.prot": "1", "meshlibx": "1"}
    assert [
        "the label 'meshlib.wieght' means nothing; did you mean 'weight'?",
        "the label 'meshlib.services.users.prot' means nothing; did you mean 'port'?",
    ] == LABELS.unknown(labels)
    assert ["the label 'meshlib.q' means nothing"] == LABELS.unknown({"meshlib.q": ""})


KEYS = st.one_of(
    st.text(max_size=10),
    st.sampled_from(
        [
            f"meshlib.{start}{key}"
            for start in ("", "services.users.", "services.")
            for key in ("service", "port", "scheme", "weight", "priority", "kind", "metadata.a")
        ]
    ),
)


@given(st.dictionaries(KEYS, st.text(max_size=8)))
def test_any_labels_are_read_or_refused(labels: dict[str, str]) -> None:
    """Whatever somebody writes, it makes an endpoint or a ConfigurationError."""
    LABELS.unknown(labels)
    LABELS.concern(labels, "users")
    try:
        made = endpoint(labels)
    except ConfigurationError:
        return
    assert made.url.endswith("://10.0.0.1:80")
