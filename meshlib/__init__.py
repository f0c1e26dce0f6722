"""
A service's own service mesh, inside its process.

`MeshClient` is an `httpx.Client`: every request gets discovery, load balancing, circuit
breaking, retries under a budget, deadlines, bulkheads and fault injection, with no proxy.
"""

from typing import TYPE_CHECKING

from . import _clock  # noqa: F401 -- takes the clocks before a test puts others in their place
from ._public import lazily

if TYPE_CHECKING:
    from ._client import MeshClient, ServiceClient
    from ._client_async import AsyncMeshClient, AsyncServiceClient
    from ._context import deadline
    from ._exceptions import (
        BulkheadFullError,
        CallRejectedError,
        CertificateError,
        CircuitOpenError,
        ConfigurationError,
        ConflictError,
        CredentialsError,
        DeadlineExceededError,
        DiscoveryError,
        HandshakeError,
        MeshError,
        NoEndpointError,
        RouteDeniedError,
        StoreError,
        ThrottledError,
    )
    from ._models import CallOptions, Endpoint
    from ._transports import AsyncMeshTransport, MeshTransport
    from ._version import __version__ as __version__
    from .config import MeshConfig, ServiceConfig
    from .events import Event, Listener
    from .runtime import AppliedConfig, Canary, CanaryStatus, Mesh, Registration, Tenant, register
    from .telemetry import AttemptReport, CallReport
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "._client": "MeshClient ServiceClient",
            "._client_async": "AsyncMeshClient AsyncServiceClient",
            "._context": "deadline",
            "._exceptions": (
                "BulkheadFullError CallRejectedError CertificateError CircuitOpenError "
                "ConfigurationError ConflictError CredentialsError "
                "DeadlineExceededError DiscoveryError HandshakeError MeshError "
                "NoEndpointError RouteDeniedError StoreError ThrottledError"
            ),
            "._models": "CallOptions Endpoint",
            "._transports": "AsyncMeshTransport MeshTransport",
            ".config": "MeshConfig ServiceConfig",
            ".events": "Event Listener",
            ".runtime": "AppliedConfig Canary CanaryStatus Mesh Registration Tenant register",
            ".telemetry": "AttemptReport CallReport",
            "._version": "__version__",
        },
        "balancing breaker bulkhead config discovery events faults health inbound retry routing "
        "runtime security telemetry throttle transport",
    )

__all__ = [
    "AppliedConfig",
    "AsyncMeshClient",
    "AsyncMeshTransport",
    "AsyncServiceClient",
    "AttemptReport",
    "BulkheadFullError",
    "CallOptions",
    "CallRejectedError",
    "CallReport",
    "Canary",
    "CanaryStatus",
    "CertificateError",
    "CircuitOpenError",
    "ConfigurationError",
    "ConflictError",
    "CredentialsError",
    "DeadlineExceededError",
    "DiscoveryError",
    "Endpoint",
    "Event",
    "HandshakeError",
    "Listener",
    "Mesh",
    "MeshClient",
    "MeshConfig",
    "MeshError",
    "MeshTransport",
    "NoEndpointError",
    "Registration",
    "RouteDeniedError",
    "ServiceClient",
    "ServiceConfig",
    "StoreError",
    "Tenant",
    "ThrottledError",
    "deadline",
    "register",
]
