"""
Reading the identity off a certificate.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from ..._exceptions import ConfigurationError
from ._identity import PeerIdentity
from ._spiffe import parse_spiffe


def x509() -> Any:
    """The library that reads certificates; ConfigurationError when it is not installed."""
    try:
        from cryptography import x509 as found
    except ImportError:
        raise ConfigurationError(
            "reading certificates needs the package cryptography", hint="install meshlib[tls]"
        ) from None
    return found


@lru_cache(maxsize=1024)
def identity_of(der: bytes) -> PeerIdentity:
    """
    The identity in a certificate in DER form; raises ValueError for what is none.

    It says what the certificate claims: that it was verified is for the caller to know.
    Results are kept, as a server asks with every request of a connection.
    """
    library = x509()
    try:
        return describe(library.load_der_x509_certificate(der))
    except Exception:  # the library has more than one error for what is malformed
        raise ValueError("this is no certificate that can be read") from None


def describe(certificate: Any) -> PeerIdentity:
    """The identity in a certificate of the library `cryptography`."""
    library = x509()
    try:
        names = certificate.extensions.get_extension_for_class(library.SubjectAlternativeName)
    except library.ExtensionNotFound:
        uris, hosts = [], []
    else:
        uris = names.value.get_values_for_type(library.UniformResourceIdentifier)
        hosts = names.value.get_values_for_type(library.DNSName)
    common = certificate.subject.get_attributes_for_oid(library.NameOID.COMMON_NAME)
    return PeerIdentity(
        spiffe=_spiffe(uris),
        dns=tuple(host.lower() for host in hosts),
        common_name=str(common[0].value) if common else None,
        fingerprint=hashlib.sha256(_der(certificate)).hexdigest(),
        not_after=certificate.not_valid_after_utc.timestamp(),
    )


def _der(certificate: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return bytes(certificate.public_bytes(Encoding.DER))


def _spiffe(uris: list[str]) -> str | None:
    if len(uris) != 1:
        return None  # an SVID has exactly one URI
    try:
        return str(parse_spiffe(uris[0]))
    except ValueError:
        return None
