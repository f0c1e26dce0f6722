"""
How an instance is written in etcd.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..._exceptions import ConfigurationError
from ..._models import Endpoint
from .._endpoint import parse_endpoint

_KEYS = ("url", "weight", "priority", "kind", "metadata")
_DELETE = 1


def key_prefix(prefix: str, service: str) -> str:
    """What the keys of *service* begin with: its name and the slash after it."""
    return f"{prefix}/{service}/" if prefix else f"{service}/"


def to_value(endpoint: Endpoint) -> bytes:
    """What is registered of *endpoint*."""
    document = {
        "url": endpoint.url,
        "weight": endpoint.weight,
        "priority": endpoint.priority,
        "kind": endpoint.kind,
        "metadata": dict(endpoint.metadata),
    }
    return json.dumps(document, ensure_ascii=False).encode()


def from_value(value: bytes, scheme: str) -> Endpoint | None:
    """
    The endpoint that *value* registers; None when it takes no traffic.

    A value is a URL, an address `host:port`, an object as `to_value` writes it, or one as
    `naming/endpoints` of the Go client of etcd writes it for gRPC: `{"Op": 0, "Addr":
    "host:port", "Metadata": ...}`. *scheme* is for addresses that have none. Raises
    ConfigurationError for anything else.
    """
    try:
        text = value.decode().strip()
        document = json.loads(text) if text.startswith("{") else {"url": text}
    except (ValueError, RecursionError) as exc:
        raise ConfigurationError(f"{value!r:.200} is neither a URL nor JSON: {exc}") from None
    if "url" in document:
        return _ours(document, scheme)
    if "Addr" in document:
        return _of_go(document, scheme)
    raise ConfigurationError(f"{value!r:.200} has neither url nor Addr")


def _ours(document: Mapping[str, Any], scheme: str) -> Endpoint | None:
    # Keys that a later version may add are no reason to leave an instance out.
    known = {key: document[key] for key in _KEYS if document.get(key) is not None}
    weight = known.get("weight")
    if isinstance(weight, int | float) and not isinstance(weight, bool) and weight == 0:
        return None
    known["metadata"] = _texts(known.get("metadata"))
    known["url"] = _url(known.get("url"), known["metadata"], scheme)
    return parse_endpoint(known)


def _of_go(document: Mapping[str, Any], scheme: str) -> Endpoint | None:
    # https://github.com/etcd-io/etcd/blob/v3.5.16/client/v3/naming/endpoints/internal/update.go
    if document.get("Op") == _DELETE:
        return None
    metadata = _texts(document.get("Metadata"))
    return parse_endpoint({"url": _url(document["Addr"], metadata, scheme), "metadata": metadata})


def _url(address: Any, metadata: Mapping[str, str], scheme: str) -> Any:
    if not isinstance(address, str) or "://" in address:
        return address
    return f"{metadata.get('scheme', scheme)}://{address}"


def _texts(metadata: Any) -> dict[str, str]:
    """What of *metadata* can be a text; Go programs put objects of any kind there."""
    if not isinstance(metadata, Mapping):
        return {}
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in metadata.items()
        if isinstance(value, str | int | float)
    }
