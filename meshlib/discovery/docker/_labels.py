"""
What the labels of a container say of the services behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ..._exceptions import ConfigurationError
from ..._models import Endpoint
from .._endpoint import parse_endpoint

COMPOSE_PROJECT = "com.docker.compose.project"
COMPOSE_SERVICE = "com.docker.compose.service"
COMPOSE_ONE_OFF = "com.docker.compose.oneoff"
_FIELDS = ("weight", "priority", "kind")
_KEYS = ("service", "port", "scheme", "network", *_FIELDS)
_HIGHEST = 65535


@dataclass(frozen=True, slots=True)
class Described:
    """What labels say of one service: an empty *scheme* or *network* is not said."""

    port: int | None
    scheme: str
    network: str
    fields: Mapping[str, Any]

    @property
    def is_drained(self) -> bool:
        """Whether the weight is 0: it takes no traffic."""
        try:
            return float(self.fields.get("weight", 1)) == 0.0
        except ValueError:
            return False

    def endpoint(self, host: str, port: int, scheme: str, path: str) -> Endpoint:
        """The endpoint at *host* and *port*; *scheme* is for labels that say none."""
        host = f"[{host}]" if ":" in host else host
        url = f"{self.scheme or scheme}://{host}:{port}"
        return parse_endpoint({**self.fields, "url": url}, path)


class Labels:
    """
    Reads labels that begin with *prefix*, and *service_label*, which names the service.

    `<prefix>.port` and the like are for that service; `<prefix>.services.<name>.port` and
    the like are for the service *name*, and win over the former.
    """

    def __init__(self, prefix: str, service_label: str | None = None) -> None:
        self.prefix = prefix
        self.service_label = service_label or f"{prefix}.service"

    def own(self, service: str) -> str:
        """The label that gives the port of *service* where a container serves several."""
        return f"{self.prefix}.services.{service}.port"

    def concern(self, labels: Mapping[str, str], service: str, default: str | None = None) -> bool:
        """Whether they say that *service* is here; *default* is its name without such labels."""
        if self.own(service) in labels:
            return True
        several = f"{self.prefix}.services."
        if default is not None and any(label.startswith(several) for label in labels):
            default = None
        return labels.get(self.service_label, default) == service

    def describe(self, labels: Mapping[str, str], service: str) -> Described:
        """What they say of *service*. Raises ConfigurationError, naming the label."""
        common, own = f"{self.prefix}.", f"{self.prefix}.services.{service}."
        said: dict[str, tuple[str, str]] = {}
        for start in (common, own):
            for key in (*_KEYS, *_metadata_keys(labels, start)):
                if f"{start}{key}" in labels:
                    said[key] = (f"{start}{key}", labels[f"{start}{key}"])
        fields: dict[str, Any] = {key: said[key][1] for key in _FIELDS if key in said}
        fields["metadata"] = {
            key.removeprefix("metadata."): value
            for key, (_, value) in said.items()
            if key.startswith("metadata.")
        }
        return Described(
            port=_port(*said["port"]) if "port" in said else None,
            scheme=_scheme(*said["scheme"]) if "scheme" in said else "",
            network=said["network"][1] if "network" in said else "",
            fields=fields,
        )

    def unknown(self, labels: Mapping[str, str]) -> list[str]:
        """What is wrong with labels that begin with the prefix and mean nothing."""
        found = []
        for label in labels:
            key = label.removeprefix(f"{self.prefix}.")
            if key == label or label == self.service_label:
                continue
            if key.startswith("services."):
                key = key.removeprefix("services.")
                if any(key.endswith(f".{known}") for known in _KEYS) or ".metadata." in key:
                    continue
                key = key.rpartition(".")[2]
            elif key in _KEYS or key.startswith("metadata."):
                continue
            near = get_close_matches(key, _KEYS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            found.append(f"the label {label!r} means nothing{hint}")
        return found


def _metadata_keys(labels: Mapping[str, str], start: str) -> list[str]:
    beginning = f"{start}metadata."
    return [label.removeprefix(start) for label in labels if label.startswith(beginning)]


def _port(label: str, value: str) -> int:
    # int() would take blanks, signs, underscores and other digits as well.
    if not value.isascii() or not value.isdigit() or not 1 <= int(value[:9]) <= _HIGHEST:
        raise ConfigurationError(f"a port is 1 to {_HIGHEST}, not {value!r}", path=f"label {label}")
    return int(value)


def _scheme(label: str, value: str) -> str:
    if value not in ("http", "https"):
        raise ConfigurationError(f"http or https is needed, not {value!r}", path=f"label {label}")
    return value
