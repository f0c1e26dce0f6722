"""
From a manifest to a service of a document.
"""

from __future__ import annotations

from typing import Any

from ..._models import Endpoint
from ...discovery import parse_endpoint
from .._service import ServiceConfig
from .._trees import Tree, service_tree
from ._options import Manifest, ManifestEndpoint


def service_of(manifest: Manifest) -> Tree:
    """What *manifest* says, as the tree of a service; raises ConfigurationError."""
    policy = manifest.policy
    said = {key: getattr(policy.service, key) for key in policy.service.model_fields_set}
    said |= _selected(manifest)
    if policy.retries is not None:
        retry = said.get("retry")
        known = {} if retry is None else {k: getattr(retry, k) for k in retry.model_fields_set}
        said["retry"] = {**known, "max_attempts": policy.retries + 1}
    if manifest.interface.protocol == "grpc-web":
        said.setdefault("grpc_timeout", True)
    if "endpoints" in manifest.model_fields_set:
        said["endpoints"] = tuple(_endpoint(manifest, one) for one in manifest.endpoints)
    for key in ("aliases", "discovery", "health_check"):
        if key in manifest.model_fields_set:
            said[key] = getattr(manifest, key)
    ServiceConfig.model_validate(said)
    return service_tree(said, ())


def _selected(manifest: Manifest) -> Tree:
    """Balancer and levels; kinds stay levels below whatever is preferred."""
    meaning = dict(manifest.policy.meaning())
    levels: tuple[Any, ...] = ()
    if isinstance(manifest.priority, dict):
        levels = ("priority",)
    elif isinstance(manifest.priority, tuple):
        levels = ("priority", {"by": "kind", "order": manifest.priority})
    if manifest.policy.selection == "locality":
        meaning["prefer"] = (*(levels or ("priority", "kind")), "locality")
    elif "prefer" in meaning:
        meaning["prefer"] = (*meaning["prefer"], *(levels or ("priority", "kind")))
    elif levels and "prefer" not in manifest.policy.service.model_fields_set:
        meaning["prefer"] = levels
    return meaning


def _endpoint(manifest: Manifest, said: ManifestEndpoint) -> Endpoint:
    kind, priority = said.kind or "local", said.priority
    if priority is None:
        levels = manifest.priority
        if isinstance(levels, dict):
            priority = levels[kind]
        else:
            priority = levels if isinstance(levels, int) else 0
    return parse_endpoint(
        {
            "url": manifest.interface.url(said.url),
            "kind": kind,
            "priority": priority,
            "weight": said.weight,
            "metadata": {**manifest.metadata, **said.metadata, **said.facts()},
        },
        said.place,
    )
