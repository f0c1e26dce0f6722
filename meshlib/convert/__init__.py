"""
A document in the words of others, and theirs in ours: Istio, the Gateway API, Kubernetes.

A conversion is a function from documents to documents and *findings*: what could not be
carried over, field by field, each with the reason and the nearest thing. Nothing is
dropped in silence, since what was read is entered in a *ledger*, and the rest is reported.
Nothing here reads a file or asks a cluster.
"""

from __future__ import annotations

from ._finding import Finding
from ._text import to_yaml
from .istio import Imported, import_istio
from .kubernetes import Exported, export_kubernetes

__all__ = ["Exported", "Finding", "Imported", "export_kubernetes", "import_istio", "to_yaml"]
