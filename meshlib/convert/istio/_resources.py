"""
The objects in files of Kubernetes: several documents a file, and lists of objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from ..._exceptions import ConfigurationError
from ..._problems import Place
from .._finding import Finding
from .._ledger import Ledger
from .._part import Part

KINDS = {
    "VirtualService": "networking.istio.io",
    "DestinationRule": "networking.istio.io",
    "HTTPRoute": "gateway.networking.k8s.io",
}
"""What is read, and of which group it is."""


class Resource(NamedTuple):
    """One object: its kind, its name, and where the account of its fields is kept."""

    kind: str
    name: str
    namespace: str
    ledger: Ledger
    spec: Part
    value: dict[str, Any]

    def close(self) -> list[Finding]:
        """Everything of the object that was not carried over."""
        return self.ledger.close(self.value["spec"], ("spec",))


def read_resources(
    content: bytes, file: str, namespace: str
) -> tuple[list[Resource], list[Finding]]:
    """
    The objects in *content*, that of *file*, and what of it is not read.

    *namespace* is that of an object that names none. Of an object `spec` is configuration;
    its metadata and its status are told by the cluster, and are not.

    Raises ConfigurationError for what is no YAML, or no object of Kubernetes.
    """
    try:
        documents = list(yaml.safe_load_all(content))
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{file}: {exc}") from None
    found: list[Resource] = []
    findings: list[Finding] = []
    for number, document in enumerate(documents):
        place: Place = (f"[{number}]",) if len(documents) > 1 else ()
        for value in _objects(document, file, place):
            kind, name, own = _identity(value)
            what = f"{kind} {own or namespace}/{name}"
            group = str(value.get("apiVersion", "")).partition("/")[0]
            if KINDS.get(kind) != group:
                why = f"{group or 'this'} {kind} is not read".strip()
                findings.append(Finding(file, what, "", why, f"read are {', '.join(KINDS)}"))
            elif not isinstance(value.get("spec"), dict):
                findings.append(Finding(file, what, "spec", "it has none"))
            else:
                ledger = Ledger(file, what)
                spec = Part(ledger, value["spec"], ("spec",))
                found.append(Resource(kind, name, own or namespace, ledger, spec, value))
    return found, findings


def _objects(document: Any, file: str, place: Place) -> Iterator[dict[str, Any]]:
    if document is None:
        return
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        where = f"{file}: document {place[0]}" if place else file
        raise ConfigurationError(f"{where}: no object of Kubernetes: it has no kind")
    items = document.get("items")
    if document["kind"].endswith("List") and isinstance(items, list):
        for number, item in enumerate(items):
            yield from _objects(item, file, (*place, f"items[{number}]"))
    else:
        yield document


def _identity(value: dict[str, Any]) -> tuple[str, str, str]:
    metadata = value.get("metadata")
    said = metadata if isinstance(metadata, dict) else {}
    return value["kind"], str(said.get("name") or "?"), str(said.get("namespace") or "")
