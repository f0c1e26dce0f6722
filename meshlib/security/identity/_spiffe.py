"""
SPIFFE IDs, as the standard "SPIFFE-ID" describes them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SCHEME = "spiffe://"
_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")
_LONGEST = 2048


class SpiffeId(NamedTuple):
    """The name of a workload, or with an empty *path* that of a trust domain."""

    trust_domain: str
    path: str = ""

    def __str__(self) -> str:
        return f"{_SCHEME}{self.trust_domain}{self.path}"


def parse_spiffe(text: str) -> SpiffeId:
    """The parts of a SPIFFE ID; raises ValueError for what is none."""
    if len(text) > _LONGEST:
        raise ValueError(f"a SPIFFE ID has at most {_LONGEST} characters, not {len(text)}")
    if not text.startswith(_SCHEME):
        raise ValueError(f"{text!r} is no SPIFFE ID; it begins with {_SCHEME}")
    domain, slash, path = text[len(_SCHEME) :].partition("/")
    if not _DOMAIN.fullmatch(domain):
        raise ValueError(f"{domain!r} is no trust domain: small letters, digits and . _ - only")
    for segment in path.split("/") if slash else ():
        if not _SEGMENT.fullmatch(segment) or segment in (".", ".."):
            raise ValueError(f"{text!r} has a segment that no SPIFFE ID has: {segment!r}")
    return SpiffeId(domain, slash + path)
