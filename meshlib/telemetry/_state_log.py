"""
Log lines for changes of state, and for nothing else: a call writes none.
"""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import Any

from .._clock import Clock, monotonic
from .._models import Endpoint
from .._redact import redacted_error
from ..events import (
    BreakerChanged,
    CanaryChanged,
    CanaryStoreChanged,
    CertificateExpiring,
    CertificateLoaded,
    CertificateRejected,
    ConfigurationApplied,
    ConfigurationRejected,
    DiscoveryFailed,
    EndpointEjected,
    EndpointHealthChanged,
    EndpointReadmitted,
    EndpointsChanged,
    EndpointsHeld,
    Event,
    LoopStalled,
    PanicChanged,
    RegistrationChanged,
    RetryGuardChanged,
)

_LOGGER = logging.getLogger("meshlib")
_REPEAT = 60.0
"""Seconds until a source that goes on failing in the same way is told of again."""
_NAMED = 10
"""How many of a list the readable message names; the fields of the record name them all."""

# One message to a kind of change, so that log stores group by it.
_MESSAGES: dict[type[Event], str] = {
    BreakerChanged: "%(service)s: breaker of %(endpoint)s: %(old)s -> %(new)s (%(cause)s)",
    EndpointEjected: "%(service)s: %(endpoint)s is ejected for %(duration).1f s: %(reason)s",
    EndpointReadmitted: "%(service)s: %(endpoint)s is readmitted",
    EndpointHealthChanged: "%(service)s: checks find %(endpoint)s healthy",
    PanicChanged: "%(service)s: priority %(priority)s leaves panic",
    EndpointsChanged: (
        "%(service)s: endpoints changed: %(added)s added, %(removed)s removed, %(total)s in all"
    ),
    DiscoveryFailed: "%(service)s: discovery by %(source)s failed: %(error)s",
    EndpointsHeld: (
        "%(service)s: %(source)s lacks so many endpoints at once that they are kept for "
        "%(duration).1f s: %(missing)s"
    ),
    RegistrationChanged: (
        "%(service)s: the registration of %(instance)s at %(registrar)s is %(state)s"
    ),
    CanaryChanged: (
        "%(service)s: canary %(revision)s of %(route)s: %(old)s -> %(new)s at %(weight).2f,"
        " by %(store)s: %(reason)s"
    ),
    CanaryStoreChanged: "%(service)s: the canary of %(route)s is in touch with its %(store)s again",
    CertificateLoaded: "certificate %(certificate)s of %(identity)s is in force",
    CertificateRejected: "certificate %(certificate)s cannot be used: %(error)s",
    CertificateExpiring: (
        "certificate %(certificate)s of %(identity)s has %(remaining).0f s left until it expires"
    ),
    ConfigurationApplied: "configuration %(version)s applied; changed: %(changed)s",
    ConfigurationRejected: "configuration refused: %(error)s",
    RetryGuardChanged: "%(service)s: retries are made again",
    LoopStalled: (
        "an event loop stood still for %(duration).3f s while calls were in flight: something "
        "blocks it"
    ),
}
_LONG_STALL = 0.1
"""Seconds from which a stall is a warning: asyncio's own `slow_callback_duration`."""
_PANIC = "%(service)s: priority %(priority)s is in panic: health is ignored"
_WITHHELD = "%(service)s: retries are withheld: they get no calls through, and feed an overload"
_UNHEALTHY = "%(service)s: checks find %(endpoint)s unhealthy: %(reason)s"
_OUT_OF_TOUCH = (
    "%(service)s: the canary of %(route)s keeps its share: its %(store)s cannot be reached: "
    "%(error)s"
)
_SHADOW: dict[type[Event], str] = {
    BreakerChanged: (
        "%(service)s: breaker of %(endpoint)s, in shadow: %(old)s -> %(new)s (%(cause)s)"
    ),
    EndpointEjected: (
        "%(service)s: %(endpoint)s would be ejected for %(duration).1f s: %(reason)s"
    ),
}


class StateLog:
    """
    A listener that logs state changes to the logger `meshlib`.

    What takes endpoints away is a warning: a breaker that opens or is isolated, an
    ejection, failed checks, panic, retries that are withheld, a source that fails, a canary
    that is rolled back or out of touch with its store, an event loop that stood still for 0.1 s. A
    refused configuration is an error, because a person has to act. Recoveries, other changes,
    and what happens only in shadow, are information. A source that goes on failing in the
    same way, and loops that stand still, are told of once a minute.

    Each record has the event's name and fields for structured output, as `mesh_event`,
    `mesh_service` and so on: endpoints by their addresses, errors by type and text, both
    without credentials. Nothing is formatted for a level that is off. Thread-safe.
    """

    def __init__(self, *, clock: Clock = monotonic) -> None:
        self._clock = clock
        self._told: dict[tuple[str, str], tuple[str, float]] = {}

    def __call__(self, event: Event) -> None:
        """Log *event* if it changes a state."""
        message = _MESSAGES.get(type(event))
        if message is None:
            return
        level = _level(event)
        if not _LOGGER.isEnabledFor(level) or self._is_old(event):
            return
        if getattr(event, "shadow", False):
            message = _SHADOW[type(event)]
        elif isinstance(event, PanicChanged) and event.active:
            message = _PANIC
        elif isinstance(event, RetryGuardChanged) and event.active:
            message = _WITHHELD
        elif isinstance(event, EndpointHealthChanged) and not event.healthy:
            message = _UNHEALTHY
        elif isinstance(event, CanaryStoreChanged) and not event.reachable:
            message = _OUT_OF_TOUCH
        elif isinstance(event, RegistrationChanged) and event.error is not None:
            message += ": %(error)s"
        values = {item.name: _plain(getattr(event, item.name)) for item in fields(event)}
        extra = {f"mesh_{name}": value for name, value in values.items()}
        extra["mesh_event"] = type(event).__name__
        texts = {name: _text(value) for name, value in values.items()}
        _LOGGER.log(level, message, texts, extra=extra)

    def _is_old(self, event: Event) -> bool:
        """Whether *event* changes nothing, or says again what was said not long ago."""
        if isinstance(event, EndpointsChanged):
            return not event.added and not event.removed
        now = self._clock()
        if isinstance(event, LoopStalled):
            key, error = ("", logging.getLevelName(_level(event))), ""
        elif isinstance(event, DiscoveryFailed):
            key, error = (event.service, event.source), redacted_error(event.error)
        else:
            return False
        before = self._told.get(key)
        if before is not None and before[0] == error and 0.0 <= now - before[1] < _REPEAT:
            return True
        self._told[key] = (error, now)
        return False


def _level(event: Event) -> int:
    if isinstance(event, ConfigurationRejected | CertificateRejected):
        return logging.ERROR
    if isinstance(event, DiscoveryFailed | EndpointsHeld | CertificateExpiring):
        return logging.WARNING
    bad = (
        isinstance(event, EndpointEjected)
        or (isinstance(event, LoopStalled) and event.duration >= _LONG_STALL)
        or (isinstance(event, BreakerChanged) and event.new in ("open", "isolated"))
        or (isinstance(event, PanicChanged | RetryGuardChanged) and event.active)
        or (isinstance(event, EndpointHealthChanged) and not event.healthy)
        or (isinstance(event, RegistrationChanged) and event.state in ("failing", "lost"))
        or (isinstance(event, CanaryChanged) and event.new == "rolled_back")
        or (isinstance(event, CanaryStoreChanged) and not event.reachable)
    )
    return logging.WARNING if bad and not getattr(event, "shadow", False) else logging.INFO


def _plain(value: Any) -> Any:
    """*value* as structured output can show it."""
    if isinstance(value, Endpoint):
        return value.address
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, BaseException):
        return redacted_error(value)
    return value


def _text(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    named = ", ".join(map(str, value[:_NAMED])) or "none"
    rest = len(value) - _NAMED
    return f"{named} and {rest} more" if rest > 0 else named
