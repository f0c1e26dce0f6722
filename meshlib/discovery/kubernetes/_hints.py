"""
Which endpoints Kubernetes hints that callers of a zone or a node should use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ._slices import Record

_Item = TypeVar("_Item")


def hinted(
    items: Sequence[_Item], records: Sequence[Record], *, zone: str | None, node: str | None
) -> Sequence[_Item] | None:
    """
    Those of *items* that are hinted for our *node*, else for our *zone*; None is no preference.

    Each item is described by the record at its place. As in kube-proxy, hints count only
    when every endpoint has one and at least one is for us: a part of the hints is a
    cluster in transition, whose rest would be overloaded.
    """
    kinds = ((node, [record.nodes for record in records]), (zone, [r.zones for r in records]))
    for ours, hints in kinds:
        if ours is not None and hints and all(hints):
            preferred = [item for item, hint in zip(items, hints, strict=True) if ours in hint]
            if preferred:
                return preferred
    return None
