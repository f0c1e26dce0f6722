"""
Which protocols are spoken here, and what is said of the others.
"""

from __future__ import annotations

from typing import Any

HTTP_SCHEMES = frozenset({"http", "https", "ws", "wss"})
"""What services and our own connections speak; other transports may know more."""


def refusal(url: Any) -> str:
    """What httpx says of a URL that it does not send, and what is wanted instead."""
    if url.scheme in HTTP_SCHEMES:
        return "Request URL has no host; it needs a host."
    given = f"an unsupported protocol '{url.scheme}://'" if url.scheme else "no protocol"
    return f"Request URL has {given}; it needs 'http://' or 'https://'."
