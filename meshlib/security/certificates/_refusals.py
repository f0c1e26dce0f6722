"""
What a failed handshake says, in words.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..._exceptions import HandshakeError

_ALERT = re.compile(r"ALERT[_ ]([A-Z][A-Z_ ]+)")
_CODES = {
    # X509_V_ERR_... of OpenSSL
    2: "unknown_authority",
    9: "not_yet_valid",
    10: "expired",
    18: "unknown_authority",
    19: "unknown_authority",
    20: "unknown_authority",
    21: "unknown_authority",
    62: "wrong_identity",
    64: "wrong_identity",
}
_TEXTS = {
    "expired": "its certificate has expired",
    "not_yet_valid": "its certificate is not yet valid",
    "unknown_authority": "its certificate is from an authority that is not trusted",
    "untrusted": "its certificate is refused",
}
_ALERTS = {
    "CERTIFICATE_REQUIRED": "client_certificate_missing",
    "CERTIFICATE_EXPIRED": "client_certificate_expired",
    "UNKNOWN_CA": "client_certificate_unknown_authority",
    "CERTIFICATE_REVOKED": "client_certificate_revoked",
    "BAD_CERTIFICATE": "client_certificate_refused",
    "CERTIFICATE_UNKNOWN": "client_certificate_refused",
    "UNSUPPORTED_CERTIFICATE": "client_certificate_refused",
    "ACCESS_DENIED": "client_certificate_refused",
    "DECRYPT_ERROR": "client_certificate_refused",
}
_OWN = {
    "client_certificate_missing": "it requires a client certificate, and none was shown",
    "client_certificate_expired": "it refuses the client certificate as expired",
    "client_certificate_unknown_authority": (
        "it refuses the client certificate: it does not trust the authority"
    ),
    "client_certificate_revoked": "it refuses the client certificate as revoked",
    "client_certificate_refused": "it refuses the client certificate",
}


class Refused(NamedTuple):
    """Why a handshake failed, and whether it was the server that refused *this* process."""

    reason: str
    text: str
    presented: str = ""
    wanted: str = ""

    @property
    def by_server(self) -> bool:
        """Whether the server refused; trying again would show it the same certificate."""
        return self.reason in _OWN


def refused(
    error: BaseException, *, wanted: str = "", shown: str = "", roots: Sequence[str] = ()
) -> Refused | None:
    """
    What *error*, or one of its causes, says of TLS; None when it says nothing of it.

    *wanted* is who the peer must be, *shown* whose certificate this process shows, *roots*
    the authorities that it trusts.
    """
    for each in _causes(error):
        if isinstance(each, HandshakeError):
            return Refused(each.reason, each.message, each.presented, each.wanted)
        if isinstance(each, ssl.SSLCertVerificationError):
            return _of_peer(each, wanted, roots)
        if isinstance(each, ssl.SSLError):
            found = _of_alert(each, shown)
            if found is not None:
                return found
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def _of_peer(error: ssl.SSLCertVerificationError, wanted: str, roots: Sequence[str]) -> Refused:
    code = getattr(error, "verify_code", 0)
    message = str(getattr(error, "verify_message", "")) or "not verified"
    reason = _CODES.get(code, "untrusted")
    if reason == "wrong_identity":
        return Refused(reason, f"wrong identity: {message}", wanted=wanted)
    if reason == "unknown_authority":
        wanted = "an authority among " + ("; ".join(roots) or "those of the system")
        return Refused(reason, f"{_TEXTS[reason]} ({message}); trusted: {wanted}", wanted=wanted)
    return Refused(reason, f"{_TEXTS[reason]} ({message})", message, "a valid certificate")


def _of_alert(error: ssl.SSLError, shown: str) -> Refused | None:
    said = f"{getattr(error, 'reason', None) or ''} {error}".upper()
    found = _ALERT.search(said)
    if found is None:
        return None
    alert = found[1].strip().replace(" ", "_")
    reason = next((_ALERTS[name] for name in _ALERTS if alert.startswith(name)), None)
    if reason is None and alert.startswith("HANDSHAKE_FAILURE") and not shown:
        reason = "client_certificate_missing"  # what TLS 1.2 says of it
    presented = shown or "no certificate"
    if reason is None:
        text = f"it ended the handshake: {alert.lower().replace('_', ' ')}"
        return Refused("failed", text, presented)
    text = _OWN[reason] if not shown else f"{_OWN[reason]}; shown: {shown}"
    return Refused(reason, text, presented, "a client certificate that the server trusts")
