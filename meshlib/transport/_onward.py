"""
What calls made while a request is served have from it: headers, and how often they may try.

Where nothing in this process serves requests, no call gets here.
"""

from __future__ import annotations

from typing import Any

from .._context import Serving, served_request
from ._headers import Triple

_ID = b"x-request-id"
_CHAIN = b"x-meshlib-chain"
_INTERNAL = frozenset({_CHAIN, b"x-meshlib-priority", b"x-meshlib-tenant"})
"""What only services of one's own are told: who calls whom here concerns nobody outside."""
OURS = frozenset({"", "discovery"})
"""How services came to be that are no outside origins."""


def carry_on(call: Any, headers: list[Triple]) -> list[Triple]:
    """
    *headers* with those of the request that is being served, which also names the call.

    What the caller set itself stays, but for a chain: one that was copied from the
    request speaks of the call before this one.
    """
    served = served_request.get()
    if served is None:
        return headers
    ours = call.service.outside in OURS
    present = {lower for _, lower, _ in headers}
    if _CHAIN in present:
        headers = [triple for triple in headers if triple[1] != _CHAIN]
        present.remove(_CHAIN)
    for name, value in served.headers:
        if name == _ID:
            call.request_id = value
        elif name not in present and (ours or name not in _INTERNAL):
            headers.append((name, name, value))
    return headers


def may_try_again() -> bool:
    """Whether a call made here may have more than one attempt: not for a retry of a caller."""
    if not Serving.begun:
        return True
    served = served_request.get()
    return served is None or served.may_retry
