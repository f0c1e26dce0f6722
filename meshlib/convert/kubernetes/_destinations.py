"""
Istio's destinations, weights, headers and mirrors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .._part import Part
from ._hosts import Hosts
from ._matches import Tree

_MOST = 2**31 - 1
_SUM = 1_000_000


class Own(NamedTuple):
    """The service whose routes are read, and what all hosts are called."""

    service: str
    hosts: Hosts

    @property
    def host(self) -> str:
        """Its host."""
        return self.hosts.host(self.service)


def read_headers(part: Part) -> Tree:
    """Istio's Headers, in which a percent sign is written twice."""
    block = part.part("headers")
    found: Tree = {}
    for side in ("request", "response") if block is not None else ():
        operations = block.part(side) if block is not None else None
        said = {} if operations is None else read_operations(operations)
        if said:
            found[side] = said
    return found


def read_operations(part: Part) -> Tree:
    """Istio's HeaderOperations."""
    tree: Tree = {}
    for key in ("set", "add"):
        pairs = part.pairs(key)
        if pairs:
            tree[key] = {name: value.replace("%", "%%") for name, value in pairs.items()}
    removed = part.texts("remove")
    if removed:
        tree["remove"] = removed
    return tree


def read_destinations(route: Part, own: Own) -> list[Tree] | None:
    """Where the calls of *route* go; None, and reported, when it cannot be said."""
    parts = route.parts("split")
    if not parts:
        destination = _destination(route, own, "")
        return None if destination is None else [{"destination": destination}]
    found: list[Tree] = []
    for part in parts:
        for key in ("subset_fallback", "default_subset"):
            if part.raw(key) not in (None, "none", {}):
                part.lose(key, "without an endpoint in a subset Istio answers 503")
        destination = _destination(part, own, part.text("name") or "")
        if destination is None:
            return None
        headers = read_headers(part)
        found.append({"destination": destination, **({"headers": headers} if headers else {})})
    said = [part.number("weight") for part in parts]
    numbers = weights([1.0 if weight is None else weight for weight in said])
    if len(found) > 1:
        for tree, number in zip(found, numbers, strict=True):
            tree["weight"] = number
    return found


def _destination(part: Part, own: Own, name: str) -> Tree | None:
    service = part.text("service")
    host = own.host if service is None else own.hosts.host(service)
    subset = own.hosts.subset(part, host, name)
    if subset is None:
        return None
    if name and name != subset:
        part.lose("name", "Istio names subsets, and not destinations", lost=not subset)
    return {"host": host, **({"subset": subset} if subset else {})}


def weights(said: Sequence[float]) -> list[int]:
    """
    *said* as the whole numbers that Istio takes, in the same proportion.

    Those that are whole stay; others are parts of a million, and one that is not 0 is not
    rounded to 0.
    """
    if all(weight == int(weight) for weight in said) and sum(said) <= _MOST:
        return [int(weight) for weight in said]
    total = sum(said)
    return [max(round(weight / total * _SUM), 1) if weight else 0 for weight in said]


def read_mirrors(route: Part, own: Own) -> list[Tree]:
    """Istio's mirrors."""
    found = []
    for part in route.parts("mirror"):
        destination = _destination(part, own, part.text("name") or "")
        share = part.number("percentage")
        if part.flag("shadow_host") is False:
            part.lose("shadow_host", "Istio always appends `-shadow` to the host")
        if destination is None:
            part.lose("", "Istio has no such destination")
            continue
        value = 100 if share is None else share
        found.append({"destination": destination, "percentage": {"value": value}})
    return found
