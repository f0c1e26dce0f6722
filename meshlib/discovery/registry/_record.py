"""
What may be registered, checked before it is stored.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ..._exceptions import ConfigurationError
from .._endpoint import parse_endpoint
from .._settings import number, one_of, seconds

_SERVICE = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?")
"""What can be the host of a URL, in at most the 253 characters of a DNS name."""
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:~@+=-]{0,511}")
STATES = ("up", "draining")
_MIN_TTL = 1.0
_MAX_TTL = 86400.0
"""Seconds in a day: what needs longer is a fixed endpoint."""
_MAX_WEIGHT = 1e6
_MAX_PRIORITY = 1e6
_MAX_URL = 2048
_MAX_KIND = 64
_DEFAULT_TTL = 15.0
"""What Consul's documentation takes in its examples, and `meshlib.register` too."""


@dataclass(frozen=True, slots=True)
class Record:
    """One instance as it is stored: *text* is its JSON, the same for the same content."""

    id: str
    ttl: float
    text: str


def check_service(name: str) -> str:
    """*name* in lower case, as hosts are; raises ConfigurationError."""
    if not _SERVICE.fullmatch(name):
        raise ConfigurationError(
            f"{name!r:.300} is not the name of a service: letters, digits, '.', '_' and '-', "
            "at most 253",
            path="service",
        )
    return name.lower()


def check_id(name: str) -> str:
    """*name*; raises ConfigurationError if it cannot be an instance's."""
    if not _ID.fullmatch(name):
        raise ConfigurationError(
            f"{name!r:.600} is not the id of an instance: a letter or digit, then letters, "
            "digits and any of '._:~@+=-', at most 512",
            path="id",
        )
    return name


def read_json(content: bytes) -> Any:
    """The JSON in *content*; raises ConfigurationError, also for NaN and for double keys."""
    try:
        return json.loads(
            content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse
        )
    except (ValueError, RecursionError) as exc:
        raise ConfigurationError(f"the body is not JSON: {exc!s:.200}") from None


def parse_record(name: str, document: Any) -> Record:
    """
    What *document* registers under the id *name*.

    Raises ConfigurationError, whose path is the field that is wrong.
    """
    if not isinstance(document, dict):
        raise ConfigurationError(
            f"an object with a url is needed, not {type(document).__name__}",
            hint='such as {"url": "http://10.0.0.5:8080"}',
        )
    fields = dict(document)
    ttl = _ttl(fields.pop("ttl", _DEFAULT_TTL))
    state = one_of(fields.pop("state", "up"), STATES, "state")
    for key in ("url", "kind", "metadata"):
        _check_text(fields.get(key), key)
    for key, limit in (("url", _MAX_URL), ("kind", _MAX_KIND)):
        if len(str(fields.get(key))) > limit:
            raise ConfigurationError(f"more than {limit} characters", path=key)
    # Before parsing, which takes the integers of JSON however large they are.
    fields["weight"] = number(fields.get("weight", 1), "weight", maximum=_MAX_WEIGHT)
    number(fields.get("priority", 0), "priority", maximum=_MAX_PRIORITY)
    endpoint = parse_endpoint(fields)
    record = {
        "id": name,
        "url": endpoint.url,
        "weight": endpoint.weight,
        "priority": endpoint.priority,
        "kind": endpoint.kind,
        "metadata": dict(sorted(endpoint.metadata.items())),
        "state": state,
        "ttl": ttl,
    }
    return Record(name, ttl, json.dumps(record, separators=(",", ":")))


def _ttl(value: Any) -> float:
    if not isinstance(value, str):
        return number(value, "ttl", minimum=_MIN_TTL, maximum=_MAX_TTL)
    return number(seconds(value, "ttl"), "ttl", minimum=_MIN_TTL, maximum=_MAX_TTL)


def _check_text(value: Any, path: str) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ConfigurationError("holds half of a surrogate pair", path=path) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")
