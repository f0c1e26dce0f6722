"""
Changes of headers, of Istio and of the Gateway API.
"""

from __future__ import annotations

from ..._exceptions import ConfigurationError
from ...routing import HeaderOperations
from .._part import Part
from ._draft import Tree

_HOSTS = ("host", ":authority")


def read_headers(part: Part) -> Tree:
    """Istio's Headers: changes of the request and of the response."""
    return _sides(part, "request", "response")


def _sides(part: Part, *sides: str) -> Tree:
    block = part.part("headers")
    found: Tree = {}
    for side in sides if block is not None else ():
        operations = block.part(side) if block is not None else None
        said = read_operations(operations) if operations is not None else {}
        if said:
            found[side] = said
    return found


def read_operations(part: Part) -> Tree:
    """Istio's HeaderOperations; what cannot be changed here is reported, one by one."""
    found: Tree = {}
    for key in ("set", "add"):
        block = part.part(key)
        said = {} if block is None else _values(block)
        if said:
            found[key] = said
    removed = [name for name in part.texts("remove") if _valid(part, "remove", name, [name])]
    if removed:
        found["remove"] = removed
    return found


def _values(block: Part) -> dict[str, str]:
    found = {}
    for name in list(block):
        value = block.text(name)
        if value is None:
            continue
        if name.lower() in _HOSTS:
            block.lose(name, "a host is no header here", "`rewrite.authority`")
        elif "%" in value.replace("%%", ""):
            block.lose(name, "values are plain text, and Envoy's %...% means nothing")
        elif _valid(block, name, name, {name: value.replace("%%", "%")}):
            found[name] = value.replace("%%", "%")
    return found


def _valid(part: Part, key: str, name: str, value: object) -> bool:
    kind = "set" if isinstance(value, dict) else "remove"
    try:
        HeaderOperations.model_validate({kind: value})
    except ConfigurationError as exc:
        part.lose(key, f"{name}: {exc}")
        return False
    return True
