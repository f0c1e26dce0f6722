"""
What happened to the event loops that calls run in.
"""

from __future__ import annotations

from dataclasses import dataclass

from ._event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStalled(Event):
    """
    An event loop ran nothing for *duration* seconds while calls were in flight.

    Told once the loop runs again, in its own thread. What calls lost by it is not held against
    their endpoints.
    """

    duration: float
