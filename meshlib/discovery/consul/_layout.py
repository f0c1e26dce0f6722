"""
How an instance is written in Consul: what meshlib needs and Consul has no field for.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ..registration import Instance

SCHEME = "scheme"
OWN = "meshlib-"
"""What the keys of Meta begin with that nobody but meshlib reads."""
_MOST = 65535
"""Weights in Consul are whole numbers from 1 to this."""


def check_id(instance: Instance) -> str:
    """The id of the check that lives by the heartbeats of *instance*."""
    return f"service:{instance.id}"


def registration(
    instance: Instance, *, tags: tuple[str, ...], deregister_after: float
) -> dict[str, Any]:
    """What registers *instance* with an agent, passing from the beginning."""
    endpoint = instance.endpoint
    weight = min(max(round(endpoint.weight), 1), _MOST)
    own = {
        SCHEME: instance.scheme if instance.scheme != "http" else None,
        f"{OWN}path": urlsplit(endpoint.url).path.rstrip("/") or None,
        f"{OWN}weight": repr(endpoint.weight) if weight != endpoint.weight else None,
        f"{OWN}priority": str(endpoint.priority) if endpoint.priority else None,
        f"{OWN}kind": endpoint.kind if endpoint.kind != "local" else None,
    }
    return {
        "ID": instance.id,
        "Name": instance.service,
        "Address": instance.host,
        "Port": instance.port,
        "Tags": list(tags),
        "Meta": {
            **endpoint.metadata,
            **{key: value for key, value in own.items() if value is not None},
        },
        "Weights": {"Passing": weight, "Warning": 1},
        "Check": {
            "CheckID": check_id(instance),
            "Name": f"Heartbeats of {instance.id}",
            "TTL": _duration(instance.ttl),
            "Status": "passing",
            "DeregisterCriticalServiceAfter": _duration(deregister_after),
        },
    }


def heartbeat(instance: Instance) -> dict[str, str]:
    """
    What says that *instance* lives.

    Always the same text: another one would be a change that the servers have to write.
    """
    return {"Status": "passing", "Output": f"meshlib: heartbeats within {instance.ttl:g} s"}


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
