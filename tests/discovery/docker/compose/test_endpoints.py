"""From the services of a project to endpoints."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshlib import ConfigurationError, Endpoint
from meshlib.discovery.docker._labels import Labels
from meshlib.discovery.docker.compose._endpoints import ComposeChoice, project_endpoints
from meshlib.discovery.docker.compose._project import ProjectReader


def found(
    services: str, service: str = "users", profiles: tuple[str, ...] = (), **choice: Any
) -> tuple[Endpoint, ...]:
    """The endpoints in a file with *services*."""
    reader = ProjectReader(
        "/p",
        files=["f.yaml"],
        profiles=profiles,
        environ={},
        read=lambda path: (
            f"services:\n{services}\n".encode()
            if path == "/p/f.yaml"
            else FileNotFoundError(2, "No such file or directory")
        ),
    )
    return project_endpoints(reader.load(), ComposeChoice(Labels("meshlib"), service, **choice))


def urls(services: str, service: str = "users", **choice: Any) -> list[str]:
    """Where they are."""
    return [endpoint.url for endpoint in found(services, service, **choice)]


@pytest.mark.parametrize(
    ("services", "host", "network"),
    [
        ("  users: {ports: ['8001:80']}", "http://127.0.0.1:8001", "http://users:80"),
        ("  users: {ports: ['0.0.0.0:8001:80']}", "http://127.0.0.1:8001", "http://users:80"),
        ("  users: {ports: ['192.0.2.1:8001:80']}", "http://192.0.2.1:8001", "http://users:80"),
        ("  users: {ports: ['[::1]:8001:80']}", "http://[::1]:8001", "http://users:80"),
        (
            "  users: {ports: ['[::]:8002:80', '8001:80', '53:53/udp']}",
            "http://127.0.0.1:8001",
            "http://users:80",
        ),
        (
            "  users: {ports: [{target: 80, published: 8001, app_protocol: https}]}",
            "https://127.0.0.1:8001",
            "https://users:80",
        ),
        (
            "  users: {ports: ['1:80', '2:81'], labels: {meshlib.port: 81}}",
            "http://127.0.0.1:2",
            "http://users:81",
        ),
        (
            "  a: {ports: ['1:80'], labels: [meshlib.service=users]}",
            "http://127.0.0.1:1",
            "http://a:80",
        ),
        (
            "  a: {ports: ['1:80', '2:81'], labels: {meshlib.services.users.port: 81}}",
            "http://127.0.0.1:2",
            "http://a:81",
        ),
        ("  users: {ports: [8001:80], expose: [80]}", "http://127.0.0.1:8001", "http://users:80"),
    ],
)
def test_both_addresses(services: str, host: str, network: str) -> None:
    """The published port for those outside, the name of the service for those inside."""
    assert [host] == urls(services)
    assert [network] == urls(services, address="network")


def test_labels_and_settings_are_used() -> None:
    """All that labels can say, and the host and the scheme where they do not."""
    services = """
  users:
    ports: ["8001:80"]
    labels: {meshlib.weight: 2, meshlib.kind: edge, meshlib.metadata.version: 1.10}
"""
    (one,) = found(services, host="docker.example", scheme="https")
    assert (
        Endpoint(
            "https://docker.example:8001", weight=2.0, kind="edge", metadata={"version": "1.1"}
        )
        == one
    )


def test_who_has_no_endpoints() -> None:
    """Nobody by the name, another service by its label, no replicas, no weight."""
    assert [] == urls("  orders: {ports: ['1:80']}")
    assert [] == urls("  users: {ports: ['1:80'], labels: {meshlib.service: people}}")
    assert [] == urls("  users: {ports: ['1:80'], scale: 0}")
    assert [] == urls("  users: {ports: ['1:80'], labels: {meshlib.weight: 0}}")


def test_profiles_choose() -> None:
    """A service without profiles is always there."""
    services = """
  users: {ports: ["1:80"]}
  more: {ports: ["2:80"], profiles: [x, "y"], labels: {meshlib.service: users}}
"""
    assert ["http://127.0.0.1:1"] == urls(services)
    assert ["http://127.0.0.1:1"] == urls(services, profiles=("z",))
    both = {"http://127.0.0.1:1", "http://127.0.0.1:2"}
    assert both == set(urls(services, profiles=("y",)))
    assert both == set(urls(services, profiles=("*",)))


def test_replicas_share_a_range_of_ports() -> None:
    """Each container gets one of them when there are as many; inside they share a name."""
    services = "  users: {ports: ['8001-8003:80'], scale: 3}"
    assert [f"http://127.0.0.1:{port}" for port in (8001, 8002, 8003)] == urls(services)
    assert ["http://users:80"] == urls(services, address="network")
    by_deploy = "  users: {ports: ['8001-8002:80'], deploy: {replicas: 2}}"
    assert 2 == len(urls(by_deploy))


def test_the_network_of_the_host() -> None:
    """There is no publishing; the port is the labelled one or the only one that is exposed."""
    services = "  users: {network_mode: host, expose: [8001]}"
    assert ["http://127.0.0.1:8001"] == urls(services)
    with pytest.raises(ConfigurationError, match="'host' has no name in a network"):
        urls(services, address="network")


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ("{}", "published are none; say it by the label"),
        ("{ports: ['1:80', '2:81']}", "published are 80, 81"),
        ("{ports: ['1:80'], labels: {meshlib.port: 81}}", "the port 81 is not published; or"),
        ("{ports: ['80']}", "the daemon chooses where the port 80 is published; publish"),
        ("{ports: ['1:80'], scale: 2}", "2 containers share the ports 1 to 1, so"),
        ("{ports: ['1-2:80']}", "1 containers share the ports 1 to 2"),
        ("{network_mode: 'service:a'}", "network_mode 'service:a' has no address of its own"),
        ("{network_mode: host}", "ports and expose name none"),
        ("{ports: ['1:80'], labels: {meshlib.wieght: 1}}", "did you mean 'weight'?"),
        ("{ports: ['1:80'], labels: {meshlib.weight: x}}", "weight: a number is needed"),
        ("{ports: ['1:80'], labels: {meshlib.port: x}}", r"label meshlib\.port: a port is"),
    ],
)
def test_what_cannot_be_told_is_refused(service: str, message: str) -> None:
    """With file, line and service; nothing is guessed."""
    with pytest.raises(
        ConfigurationError, match=rf"^/p/f\.yaml, line 2: services\.users(: |\.).*{message}"
    ):
        urls(f"  users: {service}")


def test_others_may_be_wrong() -> None:
    """What cannot be told of one service does not concern another one."""
    assert ["http://127.0.0.1:1"] == urls("  users: {ports: ['1:80']}\n  orders: {ports: [80]}")


SCALARS = st.sampled_from(
    ["80", "8001:80", "1-2:80", "x", "0", "null", "true", "${A:-1}", "${A", "users", "''", "3"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(
            st.sampled_from(["target", "published", "protocol", "meshlib.port", "meshlib.q", "a"]),
            inner,
            max_size=3,
        ).map(lambda items: "{" + ", ".join(f"{k}: {v}" for k, v in items.items()) + "}")
    ),
    max_leaves=6,
)
SERVICES = st.dictionaries(
    st.sampled_from(
        ["ports", "expose", "labels", "profiles", "scale", "deploy", "network_mode", "extends"]
    ),
    VALUES,
    max_size=4,
).map(lambda items: "{" + ", ".join(f"{k}: {v}" for k, v in items.items()) + "}")


@given(SERVICES, SERVICES, st.sampled_from(["host", "network"]))
def test_any_services_are_read_or_refused(users: str, other: str, address: str) -> None:
    """Endpoints or a ConfigurationError, never another exception."""
    try:
        found(f"  users: {users}\n  other: {other}", address=address)
    except ConfigurationError:
        pass


@given(st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_read_or_refused(text: str) -> None:
    """Also what is no YAML at all."""
    try:
        found(text)
    except ConfigurationError:
        pass
