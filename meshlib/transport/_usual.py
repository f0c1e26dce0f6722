"""
What a service knows of the headers that its calls bring.

Most calls bring the headers of their client and nothing else, so what was found out about
those of the last call is true of the next.
"""

from __future__ import annotations

from ._headers import Triple


class Usual:
    """
    Headers that need no second look.

    Read and written by any thread; each attribute is replaced whole, or only grows.
    """

    __slots__ = ("hosts", "triples")

    def __init__(self) -> None:
        self.hosts: set[bytes] = set()
        """Values of Host that clients write from the name of the service."""
        self.triples: list[Triple] | None = None
        """The headers of a call: such a Host first, and none that the mesh writes."""
