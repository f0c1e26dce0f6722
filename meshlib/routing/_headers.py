"""
Changes to headers, made ready once.
"""

from __future__ import annotations

from collections.abc import Iterable

from ._change_options import HeaderOperations

Pair = tuple[bytes, bytes]
Triple = tuple[bytes, bytes, bytes]
"""A name as it was written, in lower case, and the value."""


class HeaderEdits:
    """
    Removes, sets and adds headers, in this order.

    Thread-safe: it never changes.
    """

    __slots__ = ("_added", "_dropped")

    def __init__(self, *operations: HeaderOperations) -> None:
        dropped: set[bytes] = set()
        added: list[Triple] = []
        for each in operations:
            gone = {name.encode("ascii") for name in (*each.remove, *each.set)}
            dropped |= gone
            added = [triple for triple in added if triple[1] not in gone]
            for name, value in (*each.set.items(), *each.add.items()):
                raw = name.encode("ascii")
                added.append((raw, raw, value.encode("ascii")))
        self._dropped = frozenset(dropped)
        self._added = tuple(added)

    def __bool__(self) -> bool:
        return bool(self._dropped or self._added)

    def edit_triples(self, headers: Iterable[Triple]) -> list[Triple]:
        """The headers as they should be; what is not concerned keeps its order."""
        dropped = self._dropped
        kept = [triple for triple in headers if triple[1] not in dropped]
        kept.extend(self._added)
        return kept

    def edit(self, headers: Iterable[Pair]) -> list[Pair]:
        """The same for pairs of name and value, with names in any case."""
        dropped = self._dropped
        kept = [pair for pair in headers if pair[0].lower() not in dropped]
        kept.extend((name, value) for name, _, value in self._added)
        return kept


def edits_of(*operations: HeaderOperations) -> HeaderEdits | None:
    """Edits that do *operations* one after the other; None when there is nothing to do."""
    return HeaderEdits(*operations) or None
