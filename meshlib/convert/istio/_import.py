"""
From the objects of Istio and of the Gateway API to a document.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from ...config import load_config
from .._finding import Finding
from ._destination_rule import read_destination_rule, read_subsets
from ._draft import Draft, Tree
from ._http_route import Sorted, enter, read_http_route
from ._resources import Resource, read_resources
from ._virtual_service import read_virtual_service

_DEFAULT = "default"
NO_ROUTE = {"name": "no-route", "direct_response": {"status": 404}}
"""What Istio and the Gateway API answer when no rule matches; here such calls would go on."""


class Imported(NamedTuple):
    """A document, and what of the objects it does not have."""

    document: dict[str, Any]
    findings: tuple[Finding, ...]


def import_istio(files: Iterable[tuple[str, bytes]], *, namespace: str = "") -> Imported:
    """
    The document that VirtualServices, DestinationRules and HTTPRoutes come to.

    *files* are names and contents. Services of *namespace* go by their names alone; by
    default that is the namespace most objects are in. The document is valid, and says only
    what the objects say: what they leave to Istio's defaults is left to those here. What
    none of it could carry over is in the findings.

    Raises ConfigurationError for what is no object of Kubernetes.
    """
    resources: list[Resource] = []
    findings: list[Finding] = []
    for file, content in files:
        found, unread = read_resources(content, file, namespace or _DEFAULT)
        resources += found
        findings += unread
    counted = Counter(each.namespace for each in resources).most_common(1)
    draft = Draft(namespace or (counted[0][0] if counted else _DEFAULT))
    _read(resources, draft)
    for each in resources:
        findings += each.close()
    document = _document(draft)
    load_config(document, environ={})
    return Imported(document, tuple(findings))


def _read(resources: list[Resource], draft: Draft) -> None:
    # Routes go to subsets, so these are defined first, and judged last.
    rules = [each for each in resources if each.kind == "DestinationRule"]
    hosts = [read_subsets(each, draft) for each in rules]
    sorted_rules: dict[str, list[Sorted]] = {}
    for each in resources:
        if each.kind == "VirtualService":
            read_virtual_service(each, draft)
        elif each.kind == "HTTPRoute":
            read_http_route(each, draft, sorted_rules)
    enter(sorted_rules, draft)
    for each, host in zip(rules, hosts, strict=True):
        if host is not None:
            read_destination_rule(each, host, draft)


def _document(draft: Draft) -> Tree:
    document: Tree = {}
    if draft.in_cluster:
        labels = draft.label_names
        document["discovery"] = {"kubernetes": {"labels": labels} if labels else {}}
    document["services"] = {name: _service(tree) for name, tree in draft.services.items()}
    return document


def _service(tree: Tree) -> Tree:
    routes = tree.pop("routes", [])
    if not routes:
        return tree
    if not routes[-1]:
        routes = routes[:-1]  # it is what becomes of a call that no route takes
    elif all("match" in route for route in routes):
        routes = [*routes, dict(NO_ROUTE)]
    if not routes:
        return tree
    return {**tree, "routes": _distinct(routes)}


def _distinct(routes: list[Tree]) -> list[Tree]:
    """*routes* with a number after each name that others have, too."""
    taken: set[str] = {route["name"] for route in routes if "name" in route}
    used: set[str] = set()
    found = []
    for route in routes:
        name = route.get("name")
        if name in used:
            number = next(n for n in range(2, len(routes) + 2) if f"{name}-{n}" not in taken)
            route = {**route, "name": f"{name}-{number}"}
            taken.add(route["name"])
        used.add(str(name))
        found.append(route)
    return found
