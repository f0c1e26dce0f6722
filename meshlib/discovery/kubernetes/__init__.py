"""
Endpoints from the EndpointSlices of a Kubernetes Service.

The slices of a Service are listed once and watched from the version of that list, so that
no change is missed; a watch that ends goes on from the last version heard, and a version
that the server has forgotten makes a new list. A *view* joins the slices to one list of
endpoints. Who we are and where the API server is comes from the files of the pod or from a
kubeconfig, which are read again for each request, since both are rotated.
"""

from __future__ import annotations

from ._source import KubernetesDiscovery

__all__ = ["KubernetesDiscovery"]
