"""
Istio's HTTPRoute: one rule of a VirtualService.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from .._part import Part
from .._text import duration_text
from ._answers import read_direct_response, read_redirect
from ._draft import Draft, Tree
from ._faults import read_destination, read_fault, read_mirrors
from ._headers import read_headers
from ._match import Match, read_match
from ._retries import read_retries

_ANSWERS = {"redirect": "redirect", "directResponse": "direct_response"}
_BESIDE_ANSWERS = {"name", "match", "headers", *_ANSWERS}
_PREFIX = "prefix"


def read_route(
    part: Part, draft: Draft, *, service: str, namespace: str, host: str, hosts: Collection[str]
) -> list[Tree]:
    """
    The routes of *service* that the rule in *part* becomes; none, and reported, if it cannot.

    A rule becomes several when its rewrite means one thing for a prefix that was matched,
    and another for a whole path.
    """
    part.lose("corsPolicy", "a client is no browser, so there is nothing to allow")
    matches = [read_match(each, host, hosts) for each in part.parts("match")]
    carried = [match for match in matches if match is not None]
    if matches and not carried:
        part.lose("", "none of its matches is left")
        return []
    if part.has("delegate"):
        part.lose("", "it delegates to another VirtualService", "its routes, written out")
        return []
    found = []
    name = part.text("name")
    methods = _methods(carried)
    for kind, tree in _actions(part, draft, service, namespace, methods):
        for group, chosen in _groups(carried, apart=kind is not None):
            found.append(_finished({**chosen, **tree}, kind, group, name))
    return [tree for tree in found if draft.valid({"routes": [tree]}, part, "")]


def _actions(
    part: Part, draft: Draft, service: str, namespace: str, methods: frozenset[str]
) -> Iterator[tuple[str | None, Tree]]:
    """What becomes of a call; and of `rewrite` or `redirect`, which replaces what matched."""
    for key, name in _ANSWERS.items():
        answer = part.part(key)
        if answer is None:
            continue
        said = read_redirect(answer) if key == "redirect" else read_direct_response(answer)
        headers = read_headers(part)
        if headers.get("response", {}).get("set") and key == "directResponse":
            said["headers"] = headers["response"].pop("set")
        if any(headers.values()):
            part.lose("headers", "an answer brings its own headers", "`direct_response.headers`")
        for other in list(part):
            if other not in _BESIDE_ANSWERS:
                part.lose(other, f"it has no effect beside {key}")
        yield (name if _PREFIX in said else None), {name: said}
        return
    tree = _destinations(part, draft, service, namespace)
    if tree is None:
        part.lose("", "it has no destination that could be called")
        return
    rewrite, replaces = _rewrite(part)
    if rewrite:
        tree["rewrite"] = rewrite
    tree.update(_said(headers=read_headers(part), fault=read_fault(part)))
    tree.update(_said(mirror=read_mirrors(part, draft, namespace, service)))
    timeout = part.seconds("timeout")
    if timeout is not None:
        tree["timeout"] = duration_text(timeout)
    tree.update(read_retries(part, methods))
    yield ("rewrite" if replaces else None), tree


def _said(**sections: Any) -> Tree:
    return {name: said for name, said in sections.items() if said}


def _destinations(part: Part, draft: Draft, service: str, namespace: str) -> Tree | None:
    routes = part.parts("route")
    split = []
    for each in routes:
        destination = each.part("destination")
        tree = None
        if destination is not None:
            tree = read_destination(destination, draft, namespace, service)
        if tree is None:
            each.lose("", "it has no destination that could be called")
            return None
        headers = read_headers(each)
        if headers:
            tree["headers"] = headers
        weight = each.whole("weight")
        split.append({**tree, "weight": weight or 0} if len(routes) > 1 else tree)
    if not split:
        return None
    if len(split) > 1:
        return {"split": split}
    (only,) = split
    if only.keys() & {"name", "headers"}:
        return {"split": split}
    return only


def _rewrite(part: Part) -> tuple[Tree, bool]:
    """What a rewrite says, and whether its path replaces what was matched."""
    block = part.part("rewrite")
    if block is None:
        return {}, False
    tree: Tree = {}
    authority = block.text("authority")
    if authority:
        tree["authority"] = authority
    regex = block.part("uriRegexRewrite")
    uri = block.text("uri")
    if regex is not None:
        tree["regex"] = {"match": regex.text("match"), "rewrite": regex.text("rewrite") or ""}
        if uri:
            block.lose("uri", "Istio takes the regular expression")
    elif uri:
        tree[_PREFIX] = uri
        return tree, True
    return tree, False


def _groups(matches: list[Match], *, apart: bool) -> Iterator[tuple[str, Tree]]:
    """Matches by how they compare paths, if that is of meaning; without any, all calls."""
    if not apart:
        trees = [match.tree for match in matches]
        every = not all(trees)
        yield "", {} if every or not trees else {"match": trees if len(trees) > 1 else trees[0]}
        return
    of_prefix: list[Tree] = []
    of_path: list[Tree] = []
    for match in matches or [Match({}, "any")]:
        if match.kind == "any":
            # Istio's route without a path matches the prefix `/`, and that is replaced.
            of_prefix.append({**match.tree, "path": {"prefix": "/"}})
        else:
            (of_prefix if match.kind == _PREFIX else of_path).append(match.tree)
    for kind, trees in ((_PREFIX, of_prefix), ("path", of_path)):
        if trees:
            yield kind, {"match": trees if len(trees) > 1 else trees[0]}


def _finished(tree: Tree, kind: str | None, group: str, name: str | None) -> Tree:
    if kind is not None and group == "path":
        change = dict(tree[kind])
        change["path"] = change.pop(_PREFIX)
        tree = {**tree, kind: change}
    return {"name": name, **tree} if name else tree


def _methods(matches: list[Match]) -> frozenset[str]:
    found: set[str] = set()
    for match in matches:
        said = match.tree.get("method")
        if said is None:
            return frozenset()
        found.update([said] if isinstance(said, str) else said)
    return frozenset(found)
