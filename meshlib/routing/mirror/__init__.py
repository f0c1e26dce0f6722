"""
Copies of calls for another version to try, whose answers nobody waits for.

A *mirror* takes a share of the calls of a route. Its *counts* say what became of the copies,
and a *comparer* says where the copy's answer differs from the one that the caller got.

All of it decides and does nothing: whoever sends the copies asks it.
"""

from __future__ import annotations

from ._comparer import Comparer
from ._comparison import Answered, Comparison, Difference
from ._counts import MirrorCounts
from ._host import shadow_host
from ._mirror import Mirror, make_mirrors
from ._options import CompareOptions, MirrorOptions, mirrors_of
from ._rest import Rest

__all__ = [
    "Answered",
    "CompareOptions",
    "Comparer",
    "Comparison",
    "Difference",
    "Mirror",
    "MirrorCounts",
    "MirrorOptions",
    "Rest",
    "make_mirrors",
    "mirrors_of",
    "shadow_host",
]
