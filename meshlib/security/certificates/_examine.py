"""
Whether certificate, key and roots are what they should be, and fit together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..._exceptions import CertificateError
from ..identity import PeerIdentity
from ..identity._certificate import describe, x509
from ._material import Material


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """
    What is to be known of certificate and roots; instants are seconds since the epoch.

    *identity* is None without a certificate, *roots* are the names of the authorities.
    """

    identity: PeerIdentity | None = None
    not_before: float = 0.0
    not_after: float = float("inf")
    roots: tuple[str, ...] = ()
    roots_not_after: float = float("inf")


def examine(material: Material) -> Facts:
    """
    The facts; raises CertificateError, which never holds what was read.

    The reason is `malformed`, `password` or `mismatch`. Whether it is the time for the
    certificate is not asked here.
    """
    roots = _roots(material.roots) if material.roots else []
    names = tuple(map(_subject, roots))
    ends = min((each.not_valid_after_utc.timestamp() for each in roots), default=float("inf"))
    if not material.certificate:
        return Facts(roots=names, roots_not_after=ends)
    leaf = _certificate(material.certificate)
    if _spki(leaf.public_key()) != _spki(_key(material).public_key()):
        raise CertificateError("the key is not that of the certificate", reason="mismatch")
    return Facts(
        identity=describe(leaf),
        not_before=leaf.not_valid_before_utc.timestamp(),
        not_after=leaf.not_valid_after_utc.timestamp(),
        roots=names,
        roots_not_after=ends,
    )


def _certificate(pem: bytes) -> Any:
    try:
        leaf = x509().load_pem_x509_certificates(pem)[0]
        describe(leaf)
    except ValueError:
        raise CertificateError(
            "there is no certificate in PEM form in it", reason="malformed"
        ) from None
    return leaf


def _roots(pem: bytes) -> list[Any]:
    try:
        return list(x509().load_pem_x509_certificates(pem))
    except ValueError:
        raise CertificateError("the roots are not in PEM form", reason="malformed") from None


def _key(material: Material) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(material.key, material.password)
    except TypeError:
        # One without password for an encrypted key, or the reverse.
        said = "has no password" if material.password is not None else "needs a password"
        raise CertificateError(f"the key {said}", reason="password") from None
    except Exception:  # the library has several; their texts may tell of the content
        if material.password is not None:
            raise CertificateError(
                "the key is malformed, or its password is another one", reason="password"
            ) from None
        raise CertificateError("the key is malformed", reason="malformed") from None


def _spki(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _subject(certificate: Any) -> str:
    return str(certificate.subject.rfc4514_string()) or "a root without a name"
