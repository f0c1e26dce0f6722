"""
The filters of the Gateway API's HTTPRoute.
"""

from __future__ import annotations

from .._part import Part
from ._draft import Draft, Host, Tree
from ._headers import read_operations

_REFUSING = {
    "ExtensionRef": "it says what another object of the cluster does",
    "ExternalAuth": "whoever is asked there may refuse a call",
}
_HEADERS = {"RequestHeaderModifier": "request", "ResponseHeaderModifier": "response"}
_FIELDS = {
    "RequestHeaderModifier": "requestHeaderModifier",
    "ResponseHeaderModifier": "responseHeaderModifier",
}


def read_filters(rule: Part, draft: Draft, namespace: str) -> Tree | None:
    """What the filters of *rule* change; None, and reported, when calls must not go on."""
    tree: Tree = {}
    headers: Tree = {}
    for part in rule.parts("filters"):
        kind = part.text("type") or ""
        if kind in _REFUSING:
            rule.lose("", f"the filter {kind} is left out, and the rule with it: {_REFUSING[kind]}")
            return None
        if kind in _HEADERS:
            _modifier(part, kind, headers)
        elif kind == "RequestRedirect":
            _redirect(part, tree)
        elif kind == "URLRewrite":
            _rewrite(part, tree)
        elif kind == "RequestMirror":
            _mirror(part, tree, draft, namespace)
        else:
            why = "a client is no browser, so there is nothing to allow"
            part.lose("", why if kind == "CORS" else f"{kind!r} is no filter")
    if headers:
        tree["headers"] = headers
    return tree


def read_backend_headers(backend: Part) -> Tree:
    """What the filters of one backend change: headers, and nothing else."""
    headers: Tree = {}
    for part in backend.parts("filters"):
        kind = part.text("type") or ""
        if kind in _HEADERS:
            _modifier(part, kind, headers)
        else:
            part.lose("", "of one destination only headers are changed", "a rule of its own")
    return headers


def _modifier(part: Part, kind: str, headers: Tree) -> None:
    block = part.part(_FIELDS[kind])
    if block is None:
        return
    said = dict(block.value)
    for key in ("set", "add"):
        pairs = block.parts(key)
        if pairs:
            values = {str(pair.text("name")): str(pair.text("value")) for pair in pairs}
            said[key] = values
    # Its pairs are read as Istio's, by name; what is lost of them is lost at their name.
    operations = read_operations(Part(block.ledger, said, block.place))
    if operations:
        headers.setdefault(_HEADERS[kind], {}).update(operations)


def _redirect(part: Part, tree: Tree) -> None:
    block = part.part("requestRedirect")
    if block is None:
        return
    found = {
        "scheme": block.text("scheme"),
        "authority": block.text("hostname"),
        "port": block.whole("port"),
        "code": block.whole("statusCode") or 302,
    }
    tree["redirect"] = {key: value for key, value in found.items() if value is not None}
    tree["redirect"].update(_path(block))


def _rewrite(part: Part, tree: Tree) -> None:
    block = part.part("urlRewrite")
    if block is None:
        return
    authority = block.text("hostname")
    tree["rewrite"] = {**({"authority": authority} if authority else {}), **_path(block)}


def _path(block: Part) -> Tree:
    path = block.part("path")
    if path is None:
        return {}
    kind = path.text("type")
    if kind == "ReplaceFullPath":
        return {"path": path.text("replaceFullPath") or "/"}
    return {"prefix": path.text("replacePrefixMatch") or "/"}


def _mirror(part: Part, tree: Tree, draft: Draft, namespace: str) -> None:
    block = part.part("requestMirror")
    if block is None:
        return
    share: float = 100
    percent = block.number("percent")
    fraction = block.part("fraction")
    if percent is not None:
        share = percent
    elif fraction is not None:
        share = 100 * (fraction.number("numerator") or 0) / (fraction.number("denominator") or 100)
    reference = block.part("backendRef")
    host = None if reference is None else backend(reference, draft, namespace)
    if host is not None:
        mirror = {"service": draft.name(host), "percentage": share}
        tree.setdefault("mirror", []).append(mirror)


def backend(part: Part, draft: Draft, namespace: str) -> Host | None:
    """The Service that *part* refers to; None, and reported, when it refers to no Service."""
    kind = part.text("kind") or "Service"
    group = part.text("group") or ""
    name = part.text("name")
    within = part.text("namespace") or namespace
    part.lose("port", "a port is that of the endpoint", "URLs of endpoints")
    if kind != "Service" or group not in ("", "core") or not name:
        part.lose("", f"it is a {kind}, and no Service")
        return None
    host = Host(name.lower(), within.lower())
    return None if draft.named(host, part, "name") is None else host
