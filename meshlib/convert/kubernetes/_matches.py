"""
Istio's HTTPMatchRequest out of the matches of a route.

What cannot be said takes its match with it, as in the other direction: the rule would take
calls that it does not take here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._part import Part
from ._regex import fits_re2, literal, template_regex

Tree = dict[str, Any]
_LOST = {
    "tenant": "a tenant is told inside a process, and not on the wire",
}


class Path(NamedTuple):
    """One way to match a path: its *uri*, and from which kind of ours it came."""

    uri: Tree | None
    kind: str
    said: str = ""
    ignore_case: bool = False


def read_matches(route: Part) -> list[tuple[Tree, Path]]:
    """Istio's matches for those of *route*, each with its path; empty when none can be said."""
    parts = route.parts("match")
    if not parts:
        return [({}, Path(None, "any"))]
    found = []
    for part in parts:
        found += _alternatives(part)
    return found


def _alternatives(part: Part) -> list[tuple[Tree, Path]]:
    carried = [_nothing_of(part, key, why) for key, why in _LOST.items()]
    share = part.number("percentage")
    if share is not None and share < 100:
        part.lose("percentage", "a match takes no share of calls", "a split with weights")
        carried.append(False)
    tree: Tree = {}
    methods = part.texts("method")
    if methods:
        only = len(methods) == 1
        tree["method"] = {"exact": methods[0]} if only else {"regex": "|".join(methods)}
    carried += [_headers(part, tree), _without(part, tree), _cookies(part, tree)]
    carried.append(_query(part, tree))
    paths = _paths(part)
    callers = part.texts("caller")
    if not all(carried) or not paths:
        part.lose("", "without one of its conditions it would take more calls, so it is left out")
        return []
    return [
        ({**tree, **({"sourceLabels": {"app": caller}} if caller else {})}, path)
        for caller in callers or [""]
        for path in paths
    ]


def _nothing_of(part: Part, key: str, why: str) -> bool:
    if not part.raw(key):
        return True
    part.lose(key, why)
    return False


def _text(block: Part, name: str) -> Any:
    """A TextMatch in Istio's words: StringMatch, true for present, false for absent."""
    part = block.part(name)
    if part is None:
        return None
    present = part.flag("present")
    if present is not None:
        return present
    for kind in ("exact", "prefix", "regex"):
        value = part.text(kind)
        if value is None:
            continue
        if value == "" and kind != "regex":
            part.lose(kind, "Istio takes an empty text for presence", "`present: true`")
            return None
        if kind == "regex" and not fits_re2(value):
            part.lose(kind, "Envoy's engine RE2 does not read it")
            return None
        return {kind: value}
    return None


def _headers(part: Part, tree: Tree) -> bool:
    block = part.part("headers")
    for name in block or ():
        said = _text(block, name) if block is not None else None
        if said is None:
            return False
        where = "withoutHeaders" if said is False else "headers"
        tree.setdefault(where, {})[name] = {} if isinstance(said, bool) else said
    return True


def _without(part: Part, tree: Tree) -> bool:
    block = part.part("without_headers")
    for name in block or ():
        said = _text(block, name) if block is not None else None
        where = "headers" if said is False else "withoutHeaders"
        if said is None or name in tree.get(where, {}):
            part.lose("without_headers", f"{name!r} has two conditions, and Istio takes one")
            return False
        tree.setdefault(where, {})[name] = {} if isinstance(said, bool) else said
    return True


def _query(part: Part, tree: Tree) -> bool:
    block = part.part("query")
    for name in block or ():
        said = _text(block, name) if block is not None else None
        if said is False:
            part.lose("query", f"Istio cannot ask that {name!r} is absent")
        if not said:
            return False
        tree.setdefault("queryParams", {})[name] = {} if said is True else said
    return True


def _cookies(part: Part, tree: Tree) -> bool:
    block = part.part("cookies")
    names = list(block or ())
    if block is None or not names:
        return True
    said = _text(block, names[0])
    if said is None:
        return False
    if len(names) > 1 or "cookie" in tree.get("headers", {}) or said is False:
        part.lose("cookies", "Istio asks one thing of the header `cookie`, which has them all")
        return False
    value = "[^;]*"
    if isinstance(said, dict):
        ((kind, text),) = said.items()
        value = text if kind == "regex" else literal(text) + ("[^;]*" if kind == "prefix" else "")
    regex = f"(?:.*;\\s*)?{literal(names[0])}=(?:{value})(?:;.*)?"
    tree.setdefault("headers", {})["cookie"] = {"regex": regex}
    return True


def _paths(part: Part) -> list[Path]:
    block = part.part("path")
    if block is None:
        return [Path(None, "any")]
    ignore = bool(block.flag("ignore_case"))
    for kind in ("exact", "prefix", "regex"):
        value = block.text(kind)
        if value is not None and kind == "regex" and not fits_re2(value):
            block.lose(kind, "Envoy's engine RE2 does not read it")
            return []
        if value is not None:
            return [Path({kind: value}, kind, value, ignore)]
    template = block.text("template")
    if template is not None:
        regex, _ = template_regex(template)
        return [Path({"regex": f"(?i){regex}" if ignore else regex}, "template", template)]
    prefix = (block.text("path_prefix") or "/").rstrip("/")
    if not prefix:
        return [Path({"prefix": "/"}, "segments", "/", ignore)]
    # Istio compares text, so the segments take two matches.
    return [
        Path({"exact": prefix}, "whole", prefix, ignore),
        Path({"prefix": f"{prefix}/"}, "segments", f"{prefix}/", ignore),
    ]
