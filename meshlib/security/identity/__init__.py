"""
Who is at the other end of a connection.

A certificate says it: its SPIFFE ID, an address such as `spiffe://example.org/users` that
names a workload wherever it runs, or its DNS names. The address of an endpoint says
nothing of that kind. What a peer must be is written as a *pattern*: a SPIFFE ID, a trust
domain, or a DNS name.
"""

from __future__ import annotations

from ._certificate import identity_of
from ._identity import PeerIdentity
from ._patterns import check_pattern
from ._spiffe import SpiffeId, parse_spiffe

__all__ = ["PeerIdentity", "SpiffeId", "check_pattern", "identity_of", "parse_spiffe"]
