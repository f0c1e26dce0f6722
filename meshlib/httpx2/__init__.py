"""
meshlib for httpx2: its clients and transports, and errors that are httpx2's too.

What `meshlib` has for httpx, by the same names and with the same options. Connections are
those of httpcore2. A `Mesh` may be shared by clients of both libraries.
"""

try:
    import httpx2 as _httpx2  # noqa: F401 -- only whether it is there
except ImportError as exc:
    raise ImportError("meshlib.httpx2 needs httpx2: pip install 'meshlib-client[httpx2]'") from exc

from ._client import MeshClient, ServiceClient
from ._client_async import AsyncMeshClient, AsyncServiceClient
from ._errors import (
    BulkheadFullError,
    CallRejectedError,
    CircuitOpenError,
    CredentialsError,
    DeadlineExceededError,
    NoEndpointError,
    RouteDeniedError,
    ThrottledError,
)
from ._transports import AsyncMeshTransport, MeshTransport

__all__ = [
    "AsyncMeshClient",
    "AsyncMeshTransport",
    "AsyncServiceClient",
    "BulkheadFullError",
    "CallRejectedError",
    "CircuitOpenError",
    "CredentialsError",
    "DeadlineExceededError",
    "MeshClient",
    "MeshTransport",
    "NoEndpointError",
    "RouteDeniedError",
    "ServiceClient",
    "ThrottledError",
]
