"""
The addresses that proxies say they speak for, the last proxy's word first.

Read from the right, because each proxy adds to what it was given: what is further to the
left was written by whoever is further away, and can be anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from ._headers import FORWARDED_FOR

_LONGEST = 4096
_MOST = 32
_LONGEST_ADDRESS = 64


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """
    The address in *text*, which may have a port; None when it is none.

    An IPv4 address that is written as IPv6 is an IPv4 address, and scopes are left out.
    """
    text = text.strip()
    if len(text) > _LONGEST_ADDRESS:
        return None
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def forwarded_for(name: bytes, value: bytes) -> Iterator[str]:
    """
    What the header *name* says, from the right; an empty text for what says nothing.

    Of a header that is too long the right end is read, and an empty text stands for the rest.
    """
    parts = value[-_LONGEST:].decode("latin-1").rsplit(",", _MOST)
    if len(value) > _LONGEST or len(parts) > _MOST:
        parts[0] = ""
    for part in reversed(parts):
        yield part.strip() if name == FORWARDED_FOR else _for(part)


def _for(element: str) -> str:
    """The `for` of an element of RFC 7239, without quotes."""
    # Elements are split at every comma, also at one within quotes: no address has one, and
    # a quote that somebody further to the left leaves open must not hide a proxy's word.
    for pair in element.split(";"):
        name, _, value = pair.partition("=")
        if name.strip().lower() == "for":
            return value.strip().strip('"')
    return ""
