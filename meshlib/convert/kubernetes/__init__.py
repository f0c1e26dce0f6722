"""
Objects of Kubernetes and Istio out of a document.

Routes become VirtualServices, subsets and policies DestinationRules, and the application
itself a ServiceAccount, a NetworkPolicy, a PeerAuthentication and a ConfigMap of its
document. Only what a document says is written. What Istio has no word for is reported, and
a route that would take other calls than it does here is left out.
"""

from __future__ import annotations

from ._export import Exported, export_kubernetes

__all__ = ["Exported", "export_kubernetes"]
