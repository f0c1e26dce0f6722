"""
What happened to the certificates of this process.
"""

from __future__ import annotations

from dataclasses import dataclass

from ._event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLoaded(Event):
    """
    A certificate, or other roots, is in force for new connections from now on.

    *certificate* is its file, or that of the roots when there is none; *identity* whose it
    is, *fingerprint* its SHA-256, *not_after* its end in seconds since the epoch. *number*
    is 1 for what was loaded first.
    """

    certificate: str
    identity: str
    fingerprint: str
    not_after: float
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRejected(Event):
    """What the files of *certificate* hold cannot be used; what is in force stays."""

    certificate: str
    error: BaseException


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateExpiring(Event):
    """
    A certificate that is in force will expire in *remaining* seconds; negative: it has.

    Told once each at 30, 7 and 1 days before, as far as those are less than half its life.
    """

    certificate: str
    identity: str
    not_after: float
    remaining: float
