"""
One mirror, compiled.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._headers import Triple, edits_of
from ._comparer import Comparer
from ._host import shadow_host
from ._options import MirrorOptions

_NAME = b"x-meshlib-mirror"


class Mirror:
    """
    Decides which calls are copied, and what a copy says.

    *comparer* is None when answers are not compared. Thread-safe: it never changes.
    """

    __slots__ = ("_authority", "_edits", "_label", "comparer", "name", "options", "share")

    def __init__(self, options: MirrorOptions) -> None:
        self.name = options.title
        self.options = options
        self.share = options.percentage / 100.0
        """Of the calls, from 0 to 1: a call is copied whose draw is below."""
        self.comparer = None if options.compare is None else Comparer(options.compare)
        self._edits = edits_of(options.headers)
        self._authority = None if options.authority is None else options.authority.encode("ascii")
        self._label = (_NAME, _NAME, self.name.encode("ascii"))

    def __repr__(self) -> str:
        return f"<Mirror {self.name}>"

    def host(self, usual: bytes) -> bytes:
        """The Host header of a copy, of what it would *usual*ly be."""
        if self._authority is not None:
            return self._authority
        return shadow_host(usual) if self.options.shadow_host else usual

    def headers(self, triples: Iterable[Triple]) -> list[Triple]:
        """The headers of a copy, of those of the call."""
        kept = [triple for triple in triples if triple[1] != _NAME]
        edited = kept if self._edits is None else self._edits.edit_triples(kept)
        edited.append(self._label)
        return edited


def make_mirrors(options: Iterable[MirrorOptions]) -> tuple[Mirror, ...]:
    """A mirror for each of *options* that takes any call at all."""
    return tuple(Mirror(each) for each in options if each.percentage > 0)
