"""
Manifests: a service as those who run it describe it, apart from those who call it.

A manifest says what a service is called and how it is spoken to, where its endpoints are,
by kind (`local`, `edge`, `cloud`), how they are checked, and by which policy one of them is
selected. It is translated into a `ServiceConfig`, so nothing of it works otherwise than
what a document says, and what a document says of the same service is laid over it.
"""

from __future__ import annotations

from ._expand import expand_manifests
from ._files import load_manifest
from ._options import InterfaceOptions, Manifest, ManifestEndpoint
from ._policy import PolicyOptions
from ._schema import manifest_schema
from ._sources import Manifests, manifests_of

__all__ = [
    "InterfaceOptions",
    "Manifest",
    "ManifestEndpoint",
    "Manifests",
    "PolicyOptions",
    "expand_manifests",
    "load_manifest",
    "manifest_schema",
    "manifests_of",
]
