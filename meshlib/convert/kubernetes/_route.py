"""
Istio's HTTPRoutes out of one route.
"""

from __future__ import annotations

import json

from .._part import Part
from ._changes import read_redirect, read_rewrite
from ._destinations import Own, read_destinations, read_headers, read_mirrors
from ._matches import Path, Tree, read_matches
from ._policies import read_fault, read_timeouts

_KEY = "by what calls stick to their share is not told to Istio, where each call draws"


def read_route(route: Part, service: Part, own: Own) -> list[Tree]:
    """
    The rules that *route* becomes; none, and reported, when it cannot be said.

    It becomes several when what it does to a path depends on which match it was.
    """
    matches = read_matches(route)
    if not matches:
        route.lose("", "none of its matches is left")
        return []
    route.lose("key", _KEY)
    action = _answer(route)
    if action is None:
        action = _forward(route, service, own)
    if action is None:
        route.lose("", "Istio has no such destination")
        return []
    name = route.text("name")
    found: list[Tree] = []
    for match, path in matches:
        change = _change(route, path)
        if change is None:
            route.lose("", "Istio has no such change of a path")
            return []
        tree = {**({"name": name} if name else {}), **action, **change}
        condition = {**match, **_uri(path)}
        same = bool(found) and {**found[-1], "match": 0} == {**tree, "match": 0}
        if same and condition:
            found[-1]["match"].append(condition)
        else:
            found.append({**tree, "match": [condition]})
    return [_tidy(tree) for tree in found]


def _uri(path: Path) -> Tree:
    if path.uri is None:
        return {}
    return {"uri": path.uri, **({"ignoreUriCase": True} if path.ignore_case else {})}


def _change(route: Part, path: Path) -> Tree | None:
    for key, read in (("rewrite", read_rewrite), ("redirect", read_redirect)):
        block = route.part(key)
        if block is not None:
            said = read(block, path)
            return None if said is None else {key: said} if said else {}
    return {}


def _answer(route: Part) -> Tree | None:
    """What answers instead of an endpoint; a redirect is read with the path."""
    if route.has("redirect"):
        return {}
    direct = route.part("direct_response")
    if direct is not None:
        body = direct.text("body")
        if direct.has("json"):
            body = json.dumps(direct.raw("json"))
        tree: Tree = {"directResponse": {"status": direct.whole("status")}}
        if body:
            tree["directResponse"]["body"] = {"string": body}
        headers = direct.pairs("headers")
        if headers:
            said = {name: value.replace("%", "%%") for name, value in headers.items()}
            tree["headers"] = {"response": {"set": said}}
        return tree
    deny = route.part("deny")
    if deny is None and not route.has("deny"):
        return None
    status = (deny.whole("status") if deny is not None else None) or 403
    reason = deny.text("reason") if deny is not None else None
    route.lose("deny", f"it becomes an answer {status}, and no error", lost=False)
    text = {"body": {"string": reason}} if reason else {}
    return {"directResponse": {"status": status, **text}}


def _forward(route: Part, service: Part, own: Own) -> Tree | None:
    destinations = read_destinations(route, own)
    if destinations is None:
        return None
    tree: Tree = {"route": destinations}
    for key, said in (
        ("headers", read_headers(route)),
        ("fault", read_fault(route)),
        ("mirrors", read_mirrors(route, own)),
    ):
        if said:
            tree[key] = said
    tree.update(read_timeouts(route, service))
    return tree


def _tidy(tree: Tree) -> Tree:
    """*tree* with its keys in the order that people write, and no match that says nothing."""
    match = tree.pop("match")
    name = {"name": tree.pop("name")} if "name" in tree else {}
    return {**name, **({"match": match} if all(match) else {}), **tree}
