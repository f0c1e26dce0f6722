"""
Istio's VirtualService: the rules of one or more hosts.
"""

from __future__ import annotations

from ._draft import Draft
from ._resources import Resource
from ._route import read_route


def read_virtual_service(resource: Resource, draft: Draft) -> None:
    """Enter the rules of *resource* in *draft*, and all else in its account."""
    spec = resource.spec
    for key in ("tcp", "tls"):
        spec.lose(key, "calls are HTTP")
    spec.lose("exportTo", "a document is of one application, and seen by nobody else")
    gateways = spec.texts("gateways")
    if gateways and "mesh" not in gateways:
        spec.lose("", "it is for gateways, and calls from inside a process pass none")
        return
    if set(gateways) - {"mesh"}:
        spec.lose("gateways", "calls from inside a process pass no gateway")
    hosts = spec.texts("hosts")
    if not hosts:
        spec.lose("", "it names no host")
        return
    found = [(text, draft.host(text, spec, "hosts", resource.namespace)) for text in hosts]
    spellings = {text.lower() for text in hosts}
    rules = spec.parts("http")
    if not any(host is not None for _, host in found):
        spec.lose("http", "none of its hosts is a service")
        return
    for text, host in found:
        if host is None:
            continue
        name = draft.name(host)
        routes = draft.services[name].setdefault("routes", [])
        before = len(routes)
        for rule in rules:
            routes += read_route(
                rule,
                draft,
                service=name,
                namespace=resource.namespace,
                host=text.lower(),
                hosts=spellings,
            )
        if before and len(routes) > before:
            spec.lose("hosts", f"{text!r} has rules already, and these come after", lost=False)
