"""
Log lines for changes of state, and for nothing else: a call writes none.
"""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import Any

from .._clock import Clock, monotonic
from .._events import (
    BreakerChanged,
    ConfigurationApplied,
    ConfigurationRejected,
    DiscoveryFailed,
    EndpointEjected,
    EndpointReadmitted,
    EndpointsChanged,
    Event,
    PanicChanged,
)
from .._models import Endpoint

_LOGGER = logging.getLogger("meshlib")
_REPEAT = 60.0
"""Seconds until a source that goes on failing in the same way is told of again."""

_MESSAGES: dict[type[Event], tuple[int, str]] = {
    BreakerChanged: (logging.WARNING, "breaker of %(endpoint)s: %(old)s -> %(new)s (%(cause)s)"),
    EndpointEjected: (logging.WARNING, "%(endpoint)s is ejected: %(reason)s"),
    EndpointReadmitted: (logging.INFO, "%(endpoint)s is readmitted"),
    PanicChanged: (logging.WARNING, "panic of priority %(priority)s: %(active)s"),
    EndpointsChanged: (logging.INFO, "endpoints changed: %(added)s added, %(removed)s removed"),
    DiscoveryFailed: (logging.WARNING, "discovery by %(source)s failed: %(error)s"),
    ConfigurationApplied: (logging.INFO, "configuration applied; changed: %(changed)s"),
    ConfigurationRejected: (logging.ERROR, "configuration refused: %(error)s"),
}


class StateLog:
    """
    A listener that logs state changes to the logger `meshlib`.

    Each record has the event's name and fields as `mesh_event`, `mesh_service` and so on,
    for structured output. Thread-safe.
    """

    def __init__(self, *, clock: Clock = monotonic) -> None:
        self._clock = clock
        self._told: dict[tuple[str, str], tuple[str, float]] = {}

    def __call__(self, event: Event) -> None:
        """Log *event* if it changes a state."""
        known = _MESSAGES.get(type(event))
        if known is None:
            return
        level, message = known
        if isinstance(event, BreakerChanged) and event.new == "closed":
            level = logging.INFO
        if not _LOGGER.isEnabledFor(level) or self._is_repeated(event):
            return
        values = {item.name: _text(getattr(event, item.name)) for item in fields(event)}
        extra = {f"mesh_{name}": value for name, value in values.items()}
        extra["mesh_event"] = type(event).__name__
        if event.service:
            message = "%(service)s: " + message
        _LOGGER.log(level, message, values, extra=extra)

    def _is_repeated(self, event: Event) -> bool:
        if not isinstance(event, DiscoveryFailed):
            return False
        key, error, now = (event.service, event.source), repr(event.error), self._clock()
        before = self._told.get(key)
        if before is not None and before[0] == error and now - before[1] < _REPEAT:
            return True
        self._told[key] = (error, now)
        return False


def _text(value: Any) -> Any:
    if isinstance(value, Endpoint):
        return value.address
    if isinstance(value, tuple):
        return ", ".join(str(_text(item)) for item in value) or "none"
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    return value
