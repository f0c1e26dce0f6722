"""
Names and labels as Kubernetes takes them.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

_OTHER = re.compile(r"[^a-z0-9]+")
_LONGEST = 63
_LABEL = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")

MANAGED_BY = {"app.kubernetes.io/managed-by": "meshlib"}
"""A label of everything that is written."""


def object_name(*parts: str) -> str:
    """
    *parts* as one name of an object: a label of DNS (RFC 1123), 63 characters at the most.

    What is too long ends in a hash of all of it, so that two long names do not meet.
    """
    text = "-".join(filter(None, (_OTHER.sub("-", part.lower()).strip("-") for part in parts)))
    if not text:
        return "mesh"
    if len(text) <= _LONGEST:
        return text
    digest = hashlib.sha256("-".join(parts).encode()).hexdigest()[:8]
    return f"{text[: _LONGEST - 9].rstrip('-')}-{digest}"


def is_label(value: str) -> bool:
    """Whether *value* can be the value of a label."""
    return _LABEL.fullmatch(value) is not None


def seconds(value: float) -> str:
    """A duration as Protobuf and Go read it, in seconds."""
    return f"{value:.9f}".rstrip("0").rstrip(".") + "s"


def manifest(api: str, kind: str, name: str, namespace: str, **body: Any) -> dict[str, Any]:
    """An object of Kubernetes."""
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["labels"] = dict(MANAGED_BY)
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}
