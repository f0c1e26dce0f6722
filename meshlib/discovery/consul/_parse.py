"""
From what Consul says of an instance to an endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._exceptions import ConfigurationError
from ..._models import Endpoint
from .._endpoint import parse_endpoint
from ._errors import MalformedError
from ._layout import OWN, SCHEME

HEALTHS = {"passing": 0, "warning": 1, "any": 2}
"""The worst state of a check that an instance may be in, by what the setting says."""
_STATES = {"passing": 0, "warning": 1}
_CRITICAL = 2
_MAINTENANCE = ("_node_maintenance", "_service_maintenance")
"""What the ids of the checks begin with by which somebody takes an instance out."""
_LAST_PORT = 65535
_OWN_KEYS = frozenset({"path", "weight", "priority", "kind"})


def parse_record(record: Any, *, health: str, scheme: str) -> Endpoint | None:
    """
    The endpoint of one element of `/v1/health/service`; None when it takes no traffic.

    That is so in a worse state than *health* allows, in maintenance, and with weight 0.
    Raises ConfigurationError for an instance that cannot be called, and MalformedError for
    what is no instance.
    """
    service, node = _part(record, "Service"), _part(record, "Node")
    state = _state(record.get("Checks"))
    if state is None or state > HEALTHS[health]:
        return None
    meta = _texts(service.get("Meta"))
    own = {key: meta.pop(f"{OWN}{key}", None) for key in _OWN_KEYS}
    weight = own["weight"] if own["weight"] is not None else _weight(service, state)
    if weight in (0, "0", "0.0"):
        return None
    return parse_endpoint(
        {
            "url": _url(service, node, meta.get(SCHEME, scheme), own["path"] or ""),
            "weight": weight,
            "priority": own["priority"] or 0,
            "kind": own["kind"] or "local",
            "metadata": {**_surroundings(service, node), **meta},
        }
    )


def _part(record: Any, name: str) -> Mapping[str, Any]:
    part = record.get(name) if isinstance(record, dict) else None
    if not isinstance(part, dict):
        raise MalformedError(f"an instance with a {name} is needed", record)
    return part


def _state(checks: Any) -> int | None:
    """The worst state of all *checks*; None in maintenance."""
    if not isinstance(checks, list | None):
        raise MalformedError("a list of checks is needed", checks)
    worst = 0
    for check in checks or ():
        if not isinstance(check, dict):
            raise MalformedError("a check is needed", check)
        name, status = check.get("CheckID"), check.get("Status")
        if isinstance(name, str) and name.startswith(_MAINTENANCE):
            return None
        state = _STATES.get(status, _CRITICAL) if isinstance(status, str) else _CRITICAL
        worst = max(worst, state)
    return worst


def _weight(service: Mapping[str, Any], state: int) -> Any:
    weights = service.get("Weights")
    if not isinstance(weights, dict):
        return 1  # of a catalog that was written before Consul had weights
    return weights.get("Warning" if state == _STATES["warning"] else "Passing", 1)


def _url(service: Mapping[str, Any], node: Mapping[str, Any], scheme: str, path: str) -> str:
    # An instance without an address of its own is where its node is.
    address = service.get("Address") or node.get("Address")
    port = service.get("Port")
    if not isinstance(address, str) or not isinstance(port, int) or not 0 < port <= _LAST_PORT:
        raise ConfigurationError(
            f"the instance {service.get('ID')!r:.100} has no address and port, "
            f"but {address!r:.100} and {port!r:.100}"
        )
    if ":" in address and not address.startswith("["):
        address = f"[{address}]"
    return f"{scheme}://{address}:{port}{path}"


def _surroundings(service: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, str]:
    """What is known of an instance beside what it says of itself."""
    found = {f"node.{key}": value for key, value in _texts(node.get("Meta")).items()}
    tags = service.get("Tags")
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, str):
            name, _, value = tag.partition("=")
            found[f"tag.{name}"] = value or "true"
    # Consul 1.17 and later; what the instance says goes before what its node says.
    for place in (node.get("Locality"), service.get("Locality")):
        for key, value in _texts(place).items():
            if value and key in ("Zone", "Region"):
                found[key.lower()] = value
    names = {"node": node.get("Node"), "datacenter": node.get("Datacenter")}
    return {**found, **{key: value for key, value in _texts(names).items() if value}}


def _texts(mapping: Any) -> dict[str, str]:
    if not isinstance(mapping, dict):
        return {}
    return {key: value for key, value in mapping.items() if isinstance(value, str)}
