"""
Sources that are made of other sources.

A *union* has the endpoints of all of them, a *fallback* those of the first that has any, a
*filter* some of one source's, and a *cache* keeps the last ones on disk for a cold start.
Each inner source is followed by a supervisor of its own, so one that fails does not stop
the others. What such a list is worth, a `Snapshot` says of itself.
"""

from __future__ import annotations

from ._cached import CachedDiscovery
from ._fallback import FallbackDiscovery
from ._filter import FilterDiscovery
from ._union import UnionDiscovery

__all__ = ["CachedDiscovery", "FallbackDiscovery", "FilterDiscovery", "UnionDiscovery"]
