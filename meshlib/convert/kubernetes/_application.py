"""
What an application needs of a cluster for itself: an identity, its document, its way out.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from ..._models import Endpoint
from ...config import MeshConfig
from .._part import Part
from ._names import manifest, object_name

_LARGEST = 1 << 20
_DNS = {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
_NAMESPACE = "kubernetes.io/metadata.name"
"""A label that every namespace has by itself, since Kubernetes 1.21."""


def service_account(name: str, namespace: str) -> dict[str, Any]:
    """Who the application is: mTLS and rights in the cluster go by it."""
    return manifest("v1", "ServiceAccount", object_name(name), namespace)


def config_map(name: str, namespace: str, text: str, key: str, root: Part) -> dict[str, Any] | None:
    """The document, as a file to be mounted and watched; None when it is too large."""
    if len(text.encode()) > _LARGEST:
        root.lose("", "a ConfigMap holds 1 MiB at the most", "a volume, or `etcd` or Consul")
        return None
    title = object_name(name, "mesh") if name else "mesh"
    return manifest("v1", "ConfigMap", title, namespace, data={key: text})


def peer_authentication(name: str, namespace: str) -> dict[str, Any]:
    """Who calls the application must show a certificate."""
    spec = {"selector": {"matchLabels": {"app": object_name(name)}}, "mtls": {"mode": "STRICT"}}
    return manifest(
        "security.istio.io/v1", "PeerAuthentication", object_name(name), namespace, spec=spec
    )


def network_policy(config: MeshConfig, namespace: str, root: Part) -> dict[str, Any]:
    """
    Where the application may connect to: its services, name servers, and nothing else.

    A document knows whom its application calls, and not who calls the services, so
    connections to them are no matter of this policy.
    """
    egress: list[dict[str, Any]] = [_DNS]
    services = root.part("services")
    for name, service in config.services.items():
        part = services.part(name) if services is not None else None
        if "endpoints" not in service.model_fields_set:
            egress.append({"to": [_pods(name)]})
        for endpoint in service.endpoints:
            block = _block(endpoint)
            if block is not None:
                egress.append(block)
            elif part is not None:
                host = urlsplit(endpoint.url).hostname
                why = f"a NetworkPolicy has addresses, and {host} is a name"
                part.lose("endpoints", why)
    root.raw("outside")
    if config.outside != "deny":
        why = "the NetworkPolicy lets nothing pass to hosts that are no service"
        root.ledger.lose((*root.place, "outside"), why, "`outside: deny`", lost=False)
    spec = {
        "podSelector": {"matchLabels": {"app": object_name(config.name)}},
        "policyTypes": ["Egress"],
        "egress": egress,
    }
    name = object_name(config.name, "egress")
    return manifest("networking.k8s.io/v1", "NetworkPolicy", name, namespace, spec=spec)


def _pods(service: str) -> dict[str, Any]:
    name, _, namespace = service.partition(".")
    to: dict[str, Any] = {"podSelector": {"matchLabels": {"app": object_name(name)}}}
    if namespace and "." not in namespace:
        to["namespaceSelector"] = {"matchLabels": {_NAMESPACE: namespace}}
    return to


def _block(endpoint: Endpoint) -> dict[str, Any] | None:
    url = urlsplit(endpoint.url)
    try:
        address = ipaddress.ip_address(url.hostname or "")
    except ValueError:
        return None
    cidr = f"{address}/{address.max_prefixlen}"
    ports = [{"protocol": "TCP", "port": url.port or (443 if url.scheme == "https" else 80)}]
    return {"to": [{"ipBlock": {"cidr": cidr}}], "ports": ports}
