"""
Certificates, identities, and who may call whom.

A certificate says who somebody is; `certificates` keeps the own one and checks that of the
other side, `identity` is what a verified one says. Both halves of a connection live here:
`client_context` for what calls, `server_context` for what is called.
"""

from __future__ import annotations

from .certificates import (
    CertificateOptions,
    Certificates,
    CertificateStatus,
    Credentials,
    KeyPasswordOptions,
    Refused,
    ReloadingContext,
    ServerTLSOptions,
    TLSOptions,
    client_context,
    refused,
    serve_with,
    server_context,
)
from .identity import PeerIdentity, identity_of

__all__ = [
    "CertificateOptions",
    "CertificateStatus",
    "Certificates",
    "Credentials",
    "KeyPasswordOptions",
    "PeerIdentity",
    "Refused",
    "ReloadingContext",
    "ServerTLSOptions",
    "TLSOptions",
    "client_context",
    "identity_of",
    "refused",
    "serve_with",
    "server_context",
]
