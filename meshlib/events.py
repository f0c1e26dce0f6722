"""
The types of the events that listeners receive.

A listener is a callable; which event it was given is told by its type.
"""

from __future__ import annotations

from ._events import (
    AttemptFinished,
    BreakerChanged,
    CallFinished,
    CallRejected,
    CanaryChanged,
    CanaryStoreChanged,
    ConfigurationApplied,
    ConfigurationRejected,
    DiscoveryFailed,
    EndpointEjected,
    EndpointHealthChanged,
    EndpointReadmitted,
    EndpointsChanged,
    EndpointsHeld,
    Event,
    FallbackUsed,
    FaultInjected,
    HedgeStarted,
    InjectionFinished,
    Listener,
    MirrorDiffered,
    MirrorFinished,
    PanicChanged,
    RegistrationChanged,
    RetryRefused,
    RetryScheduled,
)

__all__ = [
    "AttemptFinished",
    "BreakerChanged",
    "CallFinished",
    "CallRejected",
    "CanaryChanged",
    "CanaryStoreChanged",
    "ConfigurationApplied",
    "ConfigurationRejected",
    "DiscoveryFailed",
    "EndpointEjected",
    "EndpointHealthChanged",
    "EndpointReadmitted",
    "EndpointsChanged",
    "EndpointsHeld",
    "Event",
    "FallbackUsed",
    "FaultInjected",
    "HedgeStarted",
    "InjectionFinished",
    "Listener",
    "MirrorDiffered",
    "MirrorFinished",
    "PanicChanged",
    "RegistrationChanged",
    "RetryRefused",
    "RetryScheduled",
]
