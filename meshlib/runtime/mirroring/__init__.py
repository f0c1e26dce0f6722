"""
The mirrors of a mesh: copies of calls, sent in the background.

`Mirroring` keeps a `MirrorSender` for each mirror of each route: its queue, its
connections and what became of its copies.
"""

from __future__ import annotations

from ._mirroring import Mirroring
from ._sender import MirrorSender

__all__ = ["MirrorSender", "Mirroring"]
