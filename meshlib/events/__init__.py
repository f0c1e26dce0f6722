"""
What happened, as values: one frozen type per event, sent to listeners.

A listener is called in the thread or task in which the event happened, after every lock
is released. It must not block. What it raises is logged and dropped: a listener cannot
fail a call.
"""

from __future__ import annotations

from ._calls import (
    AttemptFinished,
    CallFinished,
    CallRejected,
    FallbackUsed,
    FaultInjected,
    HedgeStarted,
    InjectionFinished,
    MirrorDiffered,
    MirrorFinished,
    RetryGuardChanged,
    RetryRefused,
    RetryScheduled,
)
from ._certificates import (
    CertificateExpiring,
    CertificateLoaded,
    CertificateRejected,
)
from ._configuration import (
    CanaryChanged,
    CanaryStoreChanged,
    ConfigurationApplied,
    ConfigurationRejected,
)
from ._endpoints import (
    BreakerChanged,
    DiscoveryFailed,
    EndpointEjected,
    EndpointHealthChanged,
    EndpointReadmitted,
    EndpointsChanged,
    EndpointsHeld,
    PanicChanged,
    RegistrationChanged,
)
from ._event import (
    Event,
    Listener,
)
from ._inbound import (
    RequestRefused,
    RequestServed,
)
from ._loops import (
    LoopStalled,
)

__all__ = [
    "AttemptFinished",
    "BreakerChanged",
    "CallFinished",
    "CallRejected",
    "CanaryChanged",
    "CanaryStoreChanged",
    "CertificateExpiring",
    "CertificateLoaded",
    "CertificateRejected",
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
    "LoopStalled",
    "MirrorDiffered",
    "MirrorFinished",
    "PanicChanged",
    "RegistrationChanged",
    "RequestRefused",
    "RequestServed",
    "RetryGuardChanged",
    "RetryRefused",
    "RetryScheduled",
]
