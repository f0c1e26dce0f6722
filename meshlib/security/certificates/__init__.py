"""
The certificates of this process, and the TLS contexts made of them.

`Certificates` are some files: a certificate with its key, the roots to trust. They are
read as a whole, checked, and taken only when they fit together; what is in force stays
until then. `client_context` and `server_context` make an `ssl.SSLContext` that always
shows what is in force, so that new connections have the new certificate and old ones end
with the old. `Credentials` are what one service is called with: certificates, and who the
peer must be.
"""

from __future__ import annotations

from ._certificates import Certificates, CertificateStatus
from ._contexts import CheckedContext
from ._credentials import Credentials
from ._options import CertificateOptions, KeyPasswordOptions, ServerTLSOptions, TLSOptions
from ._refusals import Refused, refused
from ._reloading import ReloadingContext, client_context, serve_with, server_context

__all__ = [
    "CertificateOptions",
    "CertificateStatus",
    "Certificates",
    "CheckedContext",
    "Credentials",
    "KeyPasswordOptions",
    "Refused",
    "ReloadingContext",
    "ServerTLSOptions",
    "TLSOptions",
    "client_context",
    "refused",
    "serve_with",
    "server_context",
]
