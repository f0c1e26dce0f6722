"""
Istio's HTTPMatchRequest.

A condition that cannot be carried over takes its whole match with it: without the condition
the rule would take calls that it did not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from .._part import Part
from ._draft import Tree

_TOKEN = re.compile(r"[A-Z]+(?:\|[A-Z]+)*")
_APP_LABELS = ("app", "app.kubernetes.io/name", "service.istio.io/canonical-name")
_KINDS = ("exact", "prefix", "regex")
_TEXTS = ("headers", "withoutHeaders", "queryParams")
_NAMES = {"headers": "headers", "withoutHeaders": "without_headers", "queryParams": "query"}
_UNKNOWN = {
    "port": ("a service has one port, that of its endpoints", "a service for each port"),
    "scheme": ("the scheme is that of the endpoint", "URLs of endpoints"),
    "sourceNamespace": ("callers have names, and no namespaces", "`match.caller`"),
}
_HARMLESS = {
    "name": ("matches have no names", "the name of the route"),
    "statPrefix": ("figures of a route go by its name", "the name of the route"),
}


class Match(NamedTuple):
    """What a match says here, and how it compares paths: `exact`, `prefix`, `regex` or not."""

    tree: Tree
    kind: str


def read_match(part: Part, host: str, others: Iterable[str]) -> Match | None:
    """
    What *part* says of calls to *host*; None when it cannot be said, or never applies.

    *others* are the hosts of the same VirtualService, in all their spellings.
    """
    carried = [_condition(part, key) for key in _UNKNOWN]
    for key, (why, nearest) in _HARMLESS.items():
        part.lose(key, why, nearest)
    tree: Tree = {}
    carried += [_method(part, tree), _caller(part, tree), _gateways(part)]
    carried += [_texts(part, key, tree) for key in _TEXTS]
    kind = _path(part, tree)
    carried.append(kind is not None)
    applies = _authority(part, host, others)
    carried.append(applies is not None)
    if not all(carried):
        part.lose("", "without one of its conditions it would take more calls, so it is left out")
        return None
    if not applies:
        part.use()
        return None
    return Match(tree, kind or "")


def text_match(part: Part, *, spelt: bool = False) -> Any:
    """Istio's StringMatch as it is said here; None, and reported, when it cannot be."""
    given = [key for key in _KINDS if part.has(key)]
    if not given:
        part.use()
        return True
    kind = given[0]
    value = part.text(kind)
    if len(given) > 1 or value is None:
        part.lose("", "one of exact, prefix and regex is needed here")
        return None
    if kind == "regex" and not compiles(value):
        part.lose("regex", "it is RE2, and no regular expression of Python")
        return None
    return value if kind == "exact" and not spelt else {kind: value}


def compiles(regex: str) -> bool:
    """Whether Python takes *regex*."""
    try:
        re.compile(regex)
    except re.error:
        return False
    return True


def _condition(part: Part, key: str) -> bool:
    part.lose(key, *_UNKNOWN[key])
    return not part.has(key)


def _method(part: Part, tree: Tree) -> bool:
    method = part.part("method")
    if method is None:
        return not part.has("method")
    value = method.text("exact") or method.text("regex")
    if value is None or not _TOKEN.fullmatch(value):
        method.lose("", "methods are named, one by one", "`method: [GET, HEAD]`")
        return False
    names = value.split("|")
    tree["method"] = names if len(names) > 1 else value
    return True


def _path(part: Part, tree: Tree) -> str | None:
    uri = part.part("uri")
    ignore_case = part.flag("ignoreUriCase")
    if uri is None:
        if ignore_case:
            part.lose("ignoreUriCase", "there is no path to compare")
        return None if part.has("uri") else "any"
    said = text_match(uri, spelt=True)
    if said is None or said is True:
        return None if said is None else "any"
    ((kind, value),) = said.items()
    if kind != "regex" and (not value.startswith("/") or "?" in value or "#" in value):
        uri.lose(kind, "it is no path: that begins with a slash, and has no query", "`query`")
        return None
    tree["path"] = said
    if ignore_case and kind == "regex":
        part.lose("ignoreUriCase", "Istio ignores it for a regex, too")
    elif ignore_case:
        tree["path"] = {**said, "ignore_case": True}
    return str(kind)


def _texts(part: Part, key: str, tree: Tree) -> bool:
    block = part.part(key)
    if block is None:
        return not part.has(key)
    found: Tree = {}
    for name in block:
        if not block.has(name):
            block.raw(name)
            found[name] = True
            continue
        value = block.part(name)
        said = None if value is None else text_match(value)
        if said is None:
            return False
        found[name] = said
    if found:
        tree[_NAMES[key]] = found
    return True


def _caller(part: Part, tree: Tree) -> bool:
    labels = part.pairs("sourceLabels")
    if not labels:
        return True
    values = {labels.get(name) for name in _APP_LABELS} - {None}
    if set(labels) - set(_APP_LABELS) or len(values) != 1:
        part.lose(
            "sourceLabels",
            "callers go by the name of their application, not by labels",
            "`match.caller`, which the labels app and app.kubernetes.io/name become",
        )
        return False
    (tree["caller"],) = values
    return True


def _gateways(part: Part) -> bool:
    gateways = part.texts("gateways")
    if not gateways or "mesh" in gateways:
        return True
    part.lose("gateways", "calls from inside a process pass no gateway")
    return False


def _authority(part: Part, host: str, others: Iterable[str]) -> bool | None:
    authority = part.part("authority")
    if authority is None:
        return None if part.has("authority") else True
    value = authority.text("exact")
    if value is not None and value.lower() in others:
        return value.lower() == host
    authority.lose("", "the host of a call chooses its service, and is one of `hosts`")
    return None
