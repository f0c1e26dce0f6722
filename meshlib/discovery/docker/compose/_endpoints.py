"""
From the services of a project to endpoints.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...._exceptions import ConfigurationError
from ...._models import Endpoint
from .._container import reachable
from .._labels import Described, Labels
from ._part import Part
from ._ports import Port
from ._project import Project

_ALONE = ("none", "service:", "container:")


@dataclass(frozen=True, slots=True)
class ComposeChoice:
    """What is looked for; ComposeDiscovery says what each means."""

    labels: Labels
    service: str
    address: str = "host"
    host: str = "127.0.0.1"
    scheme: str = "http"


def project_endpoints(project: Project, choice: ComposeChoice) -> tuple[Endpoint, ...]:
    """
    The endpoints of the service that is looked for.

    Raises ConfigurationError, naming file and line, when an address cannot be told.
    """
    endpoints: list[Endpoint] = []
    for name, part in sorted(project.services.items()):
        labels = part.labels.value if part.labels is not None else {}
        if _is_active(part, project) and choice.labels.concern(labels, choice.service, name):
            try:
                endpoints += _endpoints(name, part, choice)
            except ConfigurationError as exc:
                raise ConfigurationError(str(exc), path=part.place) from exc
    return tuple(endpoints)


def _is_active(part: Part, project: Project) -> bool:
    profiles = part.profiles.value if part.profiles is not None else ()
    return not profiles or "*" in project.profiles or not {*profiles}.isdisjoint(project.profiles)


def _endpoints(name: str, part: Part, choice: ComposeChoice) -> list[Endpoint]:
    labels = part.labels.value if part.labels is not None else {}
    for problem in choice.labels.unknown(labels):
        raise ConfigurationError(problem)
    described = choice.labels.describe(labels, choice.service)
    if described.is_drained or part.count == 0:
        return []
    mode = part.network_mode.value if part.network_mode is not None else ""
    if mode.startswith(_ALONE):
        raise ConfigurationError(f"a container of network_mode {mode!r} has no address of its own")
    if mode == "host":
        if choice.address == "network":
            raise ConfigurationError("a container of network_mode 'host' has no name in a network")
        return [described.endpoint(choice.host, _port(part, described), choice.scheme, "")]
    if choice.address == "network":
        port = _port(part, described)
        return [described.endpoint(name, port, _scheme(part, port, choice), "")]
    return [
        described.endpoint(host, port, _scheme(part, target, choice), "")
        for target, host, port in _published(part, described.port, choice.host)
    ]


def _port(part: Part, described: Described) -> int:
    """The port in the container: the one that the labels say, or the only one there is."""
    if described.port is not None:
        return described.port
    exposed = part.exposed.value if part.exposed is not None else ()
    ports = sorted({*exposed, *(port.target for port in _tcp(part))})
    return _only(ports, "which port serves cannot be told: ports and expose name")


def _only(ports: list[int], problem: str) -> int:
    if len(ports) == 1:
        return ports[0]
    told = ", ".join(str(port) for port in ports) or "none"
    raise ConfigurationError(f"{problem} {told}", hint="say it by the label that ends in .port")


def _tcp(part: Part) -> list[Port]:
    ports = part.ports.value if part.ports is not None else ()
    return [port for port in ports if port.protocol == "tcp"]


def _scheme(part: Part, target: int, choice: ComposeChoice) -> str:
    for port in _tcp(part):
        if port.target == target and port.app_protocol in ("http", "https"):
            return port.app_protocol
    return choice.scheme


def _published(part: Part, target: int | None, host: str) -> list[tuple[int, str, int]]:
    """The port of the container, and where it is published, for each container."""
    ports = _tcp(part)
    if target is None:
        targets = sorted({port.target for port in ports})
        target = _only(targets, "which port serves cannot be told: published are")
    bindings = [port for port in ports if port.target == target]
    if not bindings:
        raise ConfigurationError(
            f"the port {target} is not published", hint="or should address be network?"
        )
    fixed = [(":" in port.host_ip, port.published, port.host_ip) for port in bindings]
    known = sorted((six, at, address) for six, at, address in fixed if at is not None)
    if not known:
        raise ConfigurationError(
            f"the daemon chooses where the port {target} is published",
            hint="publish it at a port, or ask the daemon by the source docker",
        )
    _, (first, last), address = known[0]
    if last - first + 1 != part.count:
        raise ConfigurationError(
            f"{part.count} containers share the ports {first} to {last}, so which of them "
            f"they get cannot be told",
            hint="as many ports as scale says can, and the source docker knows",
        )
    return [(target, reachable(address, host), port) for port in range(first, last + 1)]
