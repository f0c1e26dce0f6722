"""
Under which name the public things of this package are shown.
"""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def public(thing: T) -> T:
    """Mark *thing*, a class, as one that is imported from `meshlib.httpx2`."""
    thing.__module__ = "meshlib.httpx2"
    return thing
