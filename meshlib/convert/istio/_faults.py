"""
Istio's HTTPFaultInjection and mirrors.
"""

from __future__ import annotations

from .._part import Part
from .._text import duration_text
from ._draft import Draft, Tree


def read_fault(route: Part) -> Tree:
    """The fault of a route; without a percentage it touches no call, as in Istio."""
    part = route.part("fault")
    tree: Tree = {}
    if part is None:
        return tree
    delay = part.part("delay")
    if delay is not None:
        delay.lose("exponentialDelay", "it has no meaning in Istio either", "`lognormal`")
        seconds = delay.seconds("fixedDelay")
        share = _percentage(delay, "percent", default=0)
        if seconds is None:
            delay.lose("", "it says no delay")
        else:
            tree["delay"] = {"percentage": share, "fixed": duration_text(seconds)}
    abort = part.part("abort")
    if abort is not None:
        for key in ("grpcStatus", "http2Error"):
            abort.lose(key, "an abort is a status of HTTP, or an error of the wire", "`status`")
        status = abort.whole("httpStatus")
        share = _percentage(abort, default=0)
        if status is None or not 200 <= status <= 599:
            abort.lose("", "it says no status from 200 to 599")
        else:
            tree["abort"] = {"percentage": share, "status": status}
    return tree


def _percentage(part: Part, *older: str, default: float, key: str = "percentage") -> float:
    """The share that *part* says, or in its *older* fields."""
    block = part.part(key)
    said = [part.number(name) for name in older]
    if block is not None:
        value = block.number("value")
        return _number(0 if value is None else value)
    return _number(next((value for value in said if value is not None), default))


def _number(value: float) -> float:
    return int(value) if value == int(value) else value


def read_mirrors(route: Part, draft: Draft, host_namespace: str, own: str) -> list[Tree]:
    """Where copies of the calls to the service *own* go."""
    found = []
    older = ("mirrorPercent", "mirror_percent")
    first = route.part("mirror")
    if first is not None:
        share = _percentage(route, *older, default=100, key="mirrorPercentage")
        found.append(_mirror(first, share, draft, host_namespace, own))
    for part in route.parts("mirrors"):
        share = _percentage(part, default=100)
        destination = part.part("destination")
        if destination is None:
            part.lose("", "it has no destination")
        else:
            found.append(_mirror(destination, share, draft, host_namespace, own))
    return [tree for tree in found if tree]


def _mirror(part: Part, share: float, draft: Draft, namespace: str, own: str) -> Tree:
    tree = read_destination(part, draft, namespace, own)
    if tree is None:
        return {}
    subset = tree.pop("name", None)
    if not tree:
        tree["service"] = own
    if subset is not None:
        tree["name"] = subset
    return {**tree, "percentage": share}


def read_destination(part: Part, draft: Draft, namespace: str, own: str) -> Tree | None:
    """
    Istio's Destination, seen from the service *own*; None, and reported, for none.

    A subset has its name beside its labels.
    """
    host = draft.find(part, "host", namespace)
    if host is None:
        return None
    part.lose("port", "a port is that of the endpoint", "URLs of endpoints")
    tree: Tree = {}
    name = draft.name(host)
    if name != own:
        tree["service"] = name
    subset = part.text("subset")
    if subset:
        labels = draft.subset(host, subset)
        if labels is None:
            part.lose(
                "subset",
                f"no DestinationRule that was read defines it, so it is `version: {subset}`",
                lost=False,
            )
            labels = {"version": subset}
        tree = {"name": subset, **tree}
        if labels:
            tree["subset"] = labels
    return tree
