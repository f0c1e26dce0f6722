"""
From what the daemon says of a container to an endpoint.

The document is that of `GET /containers/{id}/json`:
https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerInspect
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._exceptions import ConfigurationError
from ..._models import Endpoint
from .._records import malformed
from ._labels import COMPOSE_ONE_OFF, COMPOSE_PROJECT, COMPOSE_SERVICE, Described, Labels

_FIT = ("", "none", "healthy")
_TCP = "/tcp"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which containers serve, and where of them; DockerDiscovery says what each means."""

    labels: Labels
    service: str
    project: str | None = None
    address: str = "container"
    host: str = "127.0.0.1"
    network: str | None = None
    scheme: str = "http"
    include_unhealthy: bool = False

    def concern(self, labels: Mapping[str, str]) -> bool:
        """Whether a container with *labels* serves the service when it runs."""
        if self.project is None:
            return self.labels.concern(labels, self.service)
        if labels.get(COMPOSE_PROJECT) != self.project:
            return False
        is_one_off = labels.get(COMPOSE_ONE_OFF, "").lower() == "true"
        default = None if is_one_off else labels.get(COMPOSE_SERVICE)
        return self.labels.concern(labels, self.service, default)


class Container:
    """
    One container, as *document* has it.

    Raises DiscoveryError when that is not what the documentation of Docker says.
    """

    def __init__(self, document: Any, service: str, source: str) -> None:
        self._told = (service, source)
        document = self._object(document, "a container")
        state = self._object(document.get("State"), "State")
        config = self._object(document.get("Config"), "Config")
        networks = self._object(document.get("NetworkSettings"), "NetworkSettings")
        self.name = self._text(document.get("Name"), "Name").lstrip("/")
        self.running = state.get("Running") is True and not (
            state.get("Paused") or state.get("Restarting")
        )
        health = self._object(state.get("Health"), "State.Health")
        self.health = self._text(health.get("Status"), "State.Health.Status")
        self.labels: dict[str, str] = {
            key: self._text(value, f"the label {key}")
            for key, value in self._object(config.get("Labels"), "Config.Labels").items()
        }
        self.exposed = list(self._object(config.get("ExposedPorts"), "Config.ExposedPorts"))
        host = self._object(document.get("HostConfig"), "HostConfig")
        self.network_mode = self._text(host.get("NetworkMode"), "HostConfig.NetworkMode")
        self.networks = {
            name: self._address(self._object(network, f"the network {name}"))
            for name, network in self._object(networks.get("Networks"), "Networks").items()
        }
        self.published = {
            port: [self._binding(binding) for binding in self._list(bindings, "Ports")]
            for port, bindings in self._object(networks.get("Ports"), "Ports").items()
        }

    def _address(self, network: dict[str, Any]) -> str:
        return self._text(network.get("IPAddress"), "IPAddress") or self._text(
            network.get("GlobalIPv6Address"), "GlobalIPv6Address"
        )

    def _binding(self, binding: Any) -> tuple[str, str]:
        binding = self._object(binding, "a binding")
        return (
            self._text(binding.get("HostIp"), "HostIp"),
            self._text(binding.get("HostPort"), "HostPort"),
        )

    def _object(self, value: Any, what: str) -> dict[str, Any]:
        if value is None and what != "a container":
            return {}
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise malformed(*self._told, f"{what} is an object", value)
        return value

    def _list(self, value: Any, what: str) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise malformed(*self._told, f"{what} is a list", value)
        return value

    def _text(self, value: Any, what: str) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise malformed(*self._told, f"{what} is a text", value)
        return value


def parse_container(container: Container, choice: Choice) -> Endpoint | None:
    """
    The endpoint of the service in *container*; None while it is not there or not fit.

    Raises ConfigurationError, naming the container, when its address cannot be told.
    """
    if not container.running or not choice.concern(container.labels):
        return None
    if container.health not in _FIT and not choice.include_unhealthy:
        return None
    path = f"container {container.name}"
    try:
        described = choice.labels.describe(container.labels, choice.service)
        if described.is_drained:
            return None
        host, port = _where(container, described, choice)
    except ConfigurationError as exc:
        raise ConfigurationError(str(exc), path=path) from exc
    return described.endpoint(host, port, choice.scheme, path)


def _where(container: Container, described: Described, choice: Choice) -> tuple[str, int]:
    if container.network_mode == "host":
        return choice.host, _port(container, described)
    if choice.address == "host":
        return _published(container, described.port, choice.host)
    return _address(container, described.network or choice.network), _port(container, described)


def _port(container: Container, described: Described) -> int:
    """The port in the container: the one that the labels say, or the only one there is."""
    if described.port is not None:
        return described.port
    ports = _numbers([*container.exposed, *container.published])
    if len(ports) == 1:
        return ports[0]
    told = ", ".join(str(port) for port in ports) or "none"
    raise ConfigurationError(
        f"which TCP port serves cannot be told: exposed are {told}",
        hint="say it by the label that ends in .port",
    )


def _numbers(ports: list[str]) -> list[int]:
    numbers = (port.removesuffix(_TCP) for port in ports if port.endswith(_TCP))
    return sorted({int(number) for number in numbers if _is_number(number)})


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 5


def _published(container: Container, port: int | None, host: str) -> tuple[str, int]:
    if port is None:
        ports = _numbers([port for port, bindings in container.published.items() if bindings])
        if len(ports) != 1:
            told = ", ".join(str(port) for port in ports) or "none"
            raise ConfigurationError(
                f"which TCP port serves cannot be told: published are {told}",
                hint="say which port of the container it is by the label that ends in .port",
            )
        port = ports[0]
    bindings = container.published.get(f"{port}{_TCP}", [])
    found = sorted(
        (":" in address, int(number), reachable(address, host))
        for address, number in bindings
        if _is_number(number)
    )
    if not found:
        raise ConfigurationError(
            f"the port {port} is not published", hint="or should address be container?"
        )
    return found[0][2], found[0][1]


def reachable(address: str, host: str) -> str:
    """Where a port can be called that is published on *address*: *host* stands for all."""
    try:
        everywhere = not address or ipaddress.ip_address(address).is_unspecified
    except ValueError:
        everywhere = False
    return host if everywhere else address


def _address(container: Container, network: str | None) -> str:
    addresses = {name: address for name, address in container.networks.items() if address}
    if network:
        project = container.labels.get(COMPOSE_PROJECT, "")
        for name in (network, f"{project}_{network}"):
            if name in addresses:
                return addresses[name]
        raise ConfigurationError(f"it has no address in the network {network}")
    if len(addresses) > 1:
        raise ConfigurationError(
            f"it is in several networks: {', '.join(sorted(addresses))}",
            hint="choose one by the setting network, or by the label that ends in .network",
        )
    for address in addresses.values():
        return address
    raise ConfigurationError(f"it has no address of its own (network {container.network_mode})")
