"""
The account of one document: each of its fields is used or reported, and none is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._problems import Place, path_of
from ._finding import Finding

_UNREAD = "nothing here has this meaning"


def leaves(value: Any, place: Place = ()) -> Iterator[Place]:
    """The places of everything that *value* says: of scalars, and of empty collections."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from leaves(part, (*place, str(key)))
    elif isinstance(value, list) and value:
        for index, part in enumerate(value):
            yield from leaves(part, (*place, index))
    else:
        yield place


class Ledger:
    """
    What became of the fields of the object *what* in *file*.

    A field that is read is entered as used, and one that cannot be carried over as lost.
    `close` reports all others, for the reason *unread*, so that nothing is dropped in
    silence. Not thread-safe.
    """

    def __init__(self, file: str, what: str, *, unread: str = _UNREAD) -> None:
        self._file = file
        self._what = what
        self._unread = unread
        self._entered: set[Place] = set()
        self._findings: dict[tuple[Place, str], Finding] = {}

    def use(self, place: Place) -> None:
        """Enter what stands at *place*, all of it, as used."""
        self._entered.add(place)

    def lose(self, place: Place, why: str, nearest: str = "", *, lost: bool = True) -> None:
        """Enter and report what stands at *place*, all of it."""
        self._entered.add(place)
        finding = Finding(self._file, self._what, path_of(place), why, nearest, lost)
        self._findings.setdefault((place, why), finding)

    def knows(self, place: Place) -> bool:
        """Whether *place*, or something that it is in, has been entered."""
        return any(place[:end] in self._entered for end in range(len(place) + 1))

    def close(self, value: Any, place: Place = ()) -> list[Finding]:
        """Report what of *value*, which stands at *place*, was not entered; all findings."""
        for leaf in leaves(value, place):
            if not self.knows(leaf):
                self.lose(leaf, self._unread)
        return list(self._findings.values())
