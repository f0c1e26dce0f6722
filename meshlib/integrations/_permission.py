"""
Who is told more of this process's health than whether it is well.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from ..inbound import Head

Permission = Callable[[Head], bool]
"""Whether whoever sent a request may see details. One that raises permits nothing."""

_FORWARDED = frozenset(
    {b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"}
)


def loopback(head: Head) -> bool:
    """
    Permit who is on this machine, and speaks for itself.

    A request that says that it was passed on was sent by somebody else, wherever the proxy
    that brings it is. A proxy on this machine that says nothing of the kind is taken for a
    caller: do not use this behind one.
    """
    if head.peer is None or any(name in _FORWARDED for name, _ in head.headers):
        return False
    try:
        return ip_address(head.peer).is_loopback
    except ValueError:
        return False


def verified(*patterns: str) -> Permission:
    """
    Permit who has a verified certificate with an identity like one of *patterns*.

    Without patterns every verified identity is good enough.
    """

    def permit(head: Head) -> bool:
        identity = head.identity
        if identity is None:
            return False
        return not patterns or any(identity.matches(pattern) for pattern in patterns)

    return permit
