"""
What servers have in common: a context, and the certificate of who is at the other end.
"""

from __future__ import annotations

import ssl
from typing import Any

from .._client import MeshClient
from .._client_async import AsyncMeshClient
from ..runtime import Mesh
from ..security import ReloadingContext, ServerTLSOptions, server_context

Source = Mesh | MeshClient | AsyncMeshClient | ServerTLSOptions | ReloadingContext
"""Where a server has its certificate from: a mesh is by `server_tls` of its document."""


def context_of(source: Source) -> ReloadingContext:
    """The context that *source* means; a client stands for its mesh."""
    if isinstance(source, MeshClient | AsyncMeshClient):
        source = getattr(source.mesh, "mesh", source.mesh)  # a tenant has a mesh
    if isinstance(source, Mesh):
        return source.certifying.server_context()
    return server_context(source) if isinstance(source, ServerTLSOptions) else source


def peer_of(connection: Any) -> bytes | None:
    """The verified certificate (DER) of the peer of a TLS connection; None when it has none."""
    if not isinstance(connection, ssl.SSLObject | ssl.SSLSocket):
        return None
    if connection.context.verify_mode is ssl.CERT_NONE:
        return None  # it would not be verified
    return connection.getpeercert(binary_form=True)


def is_outdated(connection: Any) -> bool:
    """Whether new connections have another certificate, or are verified by other roots."""
    return bool(getattr(connection.context, "outdated", False))
