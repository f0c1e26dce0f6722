"""
What a verified certificate says of its holder.
"""

from __future__ import annotations

from dataclasses import dataclass

from ._patterns import check_pattern, covers_id, covers_name, is_spiffe
from ._spiffe import parse_spiffe


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerIdentity:
    """
    The holder of a certificate, which whoever made this has verified.

    *spiffe* is None for a certificate without exactly one URI that is a SPIFFE ID, since
    the standard lets nobody accept several. *dns* are in lower case. *fingerprint* is the
    SHA-256 of the certificate in hexadecimal digits, *not_after* seconds since the epoch.
    *common_name* is for readers only: nothing is matched by it.
    """

    spiffe: str | None = None
    dns: tuple[str, ...] = ()
    common_name: str | None = None
    fingerprint: str = ""
    not_after: float = 0.0

    @property
    def name(self) -> str | None:
        """What to call it where one name is needed: the SPIFFE ID, else the first DNS name."""
        return self.spiffe or (self.dns[0] if self.dns else None)

    def matches(self, pattern: str) -> bool:
        """
        Whether this is what *pattern* asks for; raises ValueError for what is no pattern.

        A wildcard in the certificate itself matches nothing but the same wildcard: holding
        `*.example.org` does not make a caller every host of that domain.
        """
        pattern = check_pattern(pattern)
        if is_spiffe(pattern):
            return self.spiffe is not None and covers_id(pattern, parse_spiffe(self.spiffe))
        return any(covers_name(pattern, name) for name in self.dns)

    def serves(self, pattern: str) -> bool:
        """As `matches`, for a server: a wildcard in its certificate covers hosts of the domain."""
        if self.matches(pattern):
            return True
        name = check_pattern(pattern)
        return not name.startswith("*") and any(covers_name(held, name) for held in self.dns)

    def __str__(self) -> str:
        names = [] if self.spiffe is None else [self.spiffe]
        names += self.dns
        if not names and self.common_name:
            names.append(f"CN={self.common_name}")
        return ", ".join(names) or f"a certificate without names ({self.fingerprint[:16]})"
