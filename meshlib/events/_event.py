"""
The base of every event, and who receives them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of every event; *service* is empty where none is concerned."""

    service: str = ""


Listener = Callable[[Event], None]
"""Receives events; called in the thread or task of the event, and must not block."""
