"""
From a document to objects of Kubernetes and Istio.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ...config import FaultRule, MeshConfig, RetryOptions
from .._finding import Finding
from .._ledger import Ledger
from .._part import Part
from .._said import said
from ._application import config_map, network_policy, peer_authentication, service_account
from ._destinations import Own
from ._hosts import Hosts
from ._matches import Tree
from ._names import manifest, object_name
from ._policies import read_timeouts
from ._route import read_route
from ._traffic import read_policy

_NETWORKING = "networking.istio.io/v1"
_UNREAD = "Istio has nothing of this meaning"
_SERVICE = {
    "endpoints": ("endpoints are those of the Service in the cluster", "a ServiceEntry"),
    "aliases": ("a VirtualService is of the names that it lists", "a Service for each"),
    "health_check": ("the cluster checks pods", "`readinessProbe` of the pods"),
    "hedge": ("Istio sends no second request before the first has ended", "`retries`"),
    "fallback": ("Istio has no answer for calls that fail", "`direct_response` of a route"),
}
_DOCUMENT = {
    "faults": ("a fault of Istio is one of a route", "`fault` of the routes"),
    "fault_control": ("whoever may change Istio's objects may cause its faults", "RBAC"),
    "tenants": ("Istio knows no tenants", "routes that match a header"),
}


class Exported(NamedTuple):
    """Objects in the order in which they can be created, and what they do not say."""

    objects: tuple[dict[str, Any], ...]
    findings: tuple[Finding, ...]


def export_kubernetes(
    config: MeshConfig, text: str = "", *, file: str = "mesh.yaml", namespace: str = ""
) -> Exported:
    """
    What a cluster with Istio is told for the application that *config* is about.

    The ServiceAccount, the NetworkPolicy and the PeerAuthentication are the application's,
    and need `name` in the document; pods are told by the label `app`. A ConfigMap holds
    *text*, the document as it was written, under the name *file*. A DestinationRule and a
    VirtualService are written for each service that says something of theirs; what Istio
    has no word for is in the findings, field by field.
    """
    tree = said(config)
    tree.pop("defaults", None)  # each service has them
    tree.pop("environments", None)  # those that were chosen are in it
    tree["services"] = {
        name: _service_tree(service, config) for name, service in config.services.items()
    }
    ledger = Ledger(file, "", unread=_UNREAD)
    root = Part(ledger, tree)
    hosts = Hosts(in_cluster=_is_kubernetes(root.raw("discovery")))
    objects = _own_objects(config, text, file.rpartition("/")[2], namespace, root)
    objects += _traffic_objects(root, config, hosts, namespace)
    for key, (why, nearest) in _DOCUMENT.items():
        root.lose(key, why, nearest)
    return Exported(tuple(objects), tuple(ledger.close(tree)))


def _service_tree(service: Any, config: MeshConfig) -> Tree:
    """What *service* says, with settings of other families in routes in their long form."""
    tree = said(service, config.defaults)
    for number, route in enumerate(tree.get("routes", ())):
        options = service.routes[number]
        if options.retry is not None:
            route["retry"] = said(RetryOptions.model_validate(options.retry))
        if isinstance(options.fault, dict):
            rule = said(FaultRule.model_validate({"name": "route", **options.fault}))
            route["fault"] = {key: value for key, value in rule.items() if key != "name"}
    return tree


def _is_kubernetes(discovery: Any) -> bool:
    return discovery == "kubernetes" or (isinstance(discovery, dict) and "kubernetes" in discovery)


def _own_objects(
    config: MeshConfig, text: str, key: str, namespace: str, root: Part
) -> list[dict[str, Any]]:
    found = []
    name = config.name
    root.raw("name")
    if name:
        found.append(service_account(name, namespace))
    else:
        why = "without it there is no ServiceAccount, NetworkPolicy and PeerAuthentication"
        root.ledger.lose(("name",), why, "`name: checkout`")
    if text:
        document = config_map(name, namespace, text, key, root)
        found += [] if document is None else [document]
    if name:
        found.append(network_policy(config, namespace, root))
        found.append(peer_authentication(name, namespace))
    return found


def _traffic_objects(
    root: Part, config: MeshConfig, hosts: Hosts, namespace: str
) -> list[dict[str, Any]]:
    services = root.part("services")
    policies: dict[str, Tree] = {}
    virtual: list[dict[str, Any]] = []
    for name in config.services if services is not None else ():
        part = services.part(name) if services is not None else None
        if part is None:
            continue
        _where(part)
        for key, (why, nearest) in _SERVICE.items():
            if part.value.get(key):
                part.lose(key, why, nearest)
        own = Own(name, hosts)
        rules = _rules(part, own)
        policy = read_policy(part)
        if policy:
            policies[own.host] = policy
        if rules:
            spec = {"hosts": [own.host], "http": rules}
            virtual.append(_object("VirtualService", name, namespace, spec))
    destinations = []
    for host in dict.fromkeys([*policies, *hosts.subsets]):
        spec = {"host": host}
        if host in policies:
            spec["trafficPolicy"] = policies[host]
        if hosts.subsets.get(host):
            known = hosts.subsets[host].items()
            spec["subsets"] = [{"name": name, "labels": labels} for name, labels in known]
        destinations.append(_object("DestinationRule", host, namespace, spec))
    return [*destinations, *virtual]


def _where(part: Part) -> None:
    """The source of endpoints, which a cluster is for itself."""
    discovery = part.raw("discovery")
    if discovery is not None and not _is_kubernetes(discovery):
        part.lose("discovery", "endpoints are those of the Service in the cluster")


def _rules(part: Part, own: Own) -> list[Tree]:
    rules: list[Tree] = []
    for route in part.parts("routes"):
        rules += read_route(route, part, own)
    inherited = read_timeouts(Part(Ledger("", ""), {}), part)
    if (rules and all("match" in rule for rule in rules)) or (not rules and inherited):
        # Istio answers 404 when no rule matches, and here a call goes where it was aimed.
        rules.append({"route": [{"destination": {"host": own.host}}], **inherited})
    return rules


def _object(kind: str, name: str, namespace: str, spec: Tree) -> dict[str, Any]:
    title = object_name(name.removesuffix(".svc.cluster.local"))
    return manifest(_NETWORKING, kind, title, namespace, spec=spec)
