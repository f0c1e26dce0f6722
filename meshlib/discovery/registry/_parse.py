"""
From what the registry answers to endpoints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._exceptions import ConfigurationError
from ..._models import Endpoint
from .._endpoint import parse_endpoint
from .._records import endpoints_of, malformed

_FIELDS = ("url", "weight", "priority", "kind", "metadata")
_NAME = "registry"

Known = dict[str, tuple[Any, Endpoint | None]]
"""Instances that were parsed before, by id; of ten thousand, most are as they were."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The endpoints of a service, in the database *epoch*; *cursor* names this very list."""

    epoch: str
    cursor: str
    endpoints: tuple[Endpoint, ...]


def parse_text(text: str | bytes, service: str, known: Known | None = None) -> Answer:
    """`parse_answer` of the JSON in *text*; raises DiscoveryError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise malformed(service, _NAME, "JSON is needed", text) from None
    return parse_answer(document, service, known)


def parse_answer(document: Any, service: str, known: Known | None = None) -> Answer:
    """
    The endpoints of *document*, without those that drain.

    *known* is what earlier lists held, and is brought up to date. Keys of a later version
    are passed over. Raises DiscoveryError for what is no answer of the registry.
    """
    if not isinstance(document, Mapping):
        raise malformed(service, _NAME, "an object is needed", document)
    epoch, cursor = document.get("epoch"), document.get("cursor")
    if not isinstance(epoch, str) or not isinstance(cursor, str):
        raise malformed(service, _NAME, "the texts epoch and cursor are needed", (epoch, cursor))
    instances = document.get("instances")
    if not isinstance(instances, list):
        raise malformed(service, _NAME, "a list of instances is needed", instances)
    before = {} if known is None else known
    seen: Known = {}

    def parse(record: Any) -> Endpoint | None:
        name = record.get("id") if isinstance(record, Mapping) else None
        if not isinstance(name, str):
            raise ConfigurationError(f"an instance with an id is needed, not {record!r:.200}")
        held = before.get(name)
        if held is None or held[0] != record:
            held = (record, _endpoint(record))
        seen[name] = held
        return held[1]

    endpoints = endpoints_of(instances, parse, service=service, source=_NAME)
    if known is not None:
        known.clear()
        known.update(seen)
    return Answer(epoch, cursor, endpoints)


def _endpoint(record: Mapping[str, Any]) -> Endpoint | None:
    if record.get("state", "up") != "up":
        return None
    return parse_endpoint({name: record[name] for name in _FIELDS if name in record})
