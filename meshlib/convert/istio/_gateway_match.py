"""
The Gateway API's HTTPRouteMatch, and which of them comes first.
"""

from __future__ import annotations

from .._part import Part
from ._draft import Tree
from ._match import compiles

_RANKS = {"exact": 2, "regex": 1, "path_prefix": 0}
_PATHS = {"Exact": "exact", "PathPrefix": "path_prefix", "RegularExpression": "regex"}


def read_gateway_match(part: Part) -> Tree | None:
    """What *part* says here; None, and reported, when it cannot be said."""
    tree: Tree = {}
    carried = [_path(part, tree)]
    method = part.text("method")
    if method is not None:
        tree["method"] = method
    for key, name in (("headers", "headers"), ("queryParams", "query")):
        carried.append(_pairs(part, key, name, tree))
    if not all(carried):
        part.lose("", "without one of its conditions it would take more calls, so it is left out")
        return None
    return tree


def precedence(tree: Tree) -> tuple[int, ...]:
    """
    A number by which matches are sorted: the more a match says, the earlier it stands.

    The specification's order: an exact path, the longest prefix, a method, the number of
    headers, the number of query parameters. Where a regular expression stands is left to
    the implementation; here it comes after exact paths.
    """
    path = tree.get("path") or {"path_prefix": "/"}
    ((kind, value),) = path.items()
    return (
        -_RANKS[kind],
        -len(value),
        -("method" in tree),
        -len(tree.get("headers", ())),
        -len(tree.get("query", ())),
    )


def _path(part: Part, tree: Tree) -> bool:
    block = part.part("path")
    if block is None:
        return not part.has("path")
    kind = _PATHS.get(block.text("type") or "PathPrefix")
    value = block.text("value") or "/"
    if kind is None or (kind == "regex" and not compiles(value)):
        block.lose("", "it is no path that could be compared here")
        return False
    tree["path"] = {kind: value}
    return True


def _pairs(part: Part, key: str, name: str, tree: Tree) -> bool:
    found: Tree = {}
    for pair in part.parts(key):
        title, value = pair.text("name") or "", pair.text("value") or ""
        known = {word.lower() for word in found} if key == "headers" else found
        if (title.lower() if key == "headers" else title) in known:
            pair.lose("", "only the first of a name counts, as in the Gateway API")
            continue
        if (pair.text("type") or "Exact") == "Exact":
            found[title] = value
        elif compiles(value):
            found[title] = {"regex": value}
        else:
            pair.lose("value", "it is no regular expression of Python")
            return False
    if found:
        tree[name] = found
    return True
