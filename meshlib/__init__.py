"""
A service's own service mesh, inside its process.

`MeshClient` is an `httpx.Client`: every request gets discovery, load balancing, circuit
breaking, retries under a budget, deadlines, bulkheads and fault injection, with no proxy.
"""

from typing import TYPE_CHECKING, Any

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
)
from ._models import CallOptions, Endpoint
from ._transports import AsyncMeshTransport, MeshTransport
from .config import MeshConfig, ServiceConfig
from .events import Event, Listener
from .runtime import AppliedConfig, Canary, CanaryStatus, Mesh, Registration, Tenant, register
from .telemetry import AttemptReport, CallReport

if TYPE_CHECKING:
    __version__: str

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
    "deadline",
    "register",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("meshlib-client")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


for _name in __all__:
    _thing = globals()[_name]
    if getattr(_thing, "__module__", "").startswith(("meshlib._", "meshlib.runtime.")):
        # Reprs and tracebacks show where a name is imported from, not where it is defined.
        _thing.__module__ = "meshlib"
del _name, _thing
