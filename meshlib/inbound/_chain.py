"""
The chain of calls that a request belongs to, as it is written in a header.

`<id of its first request>;<depth>;<service>,<service>...`: later it tells where a fault
began. It is bounded on both sides, because it grows with each service.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

_LONGEST = 2048
_MOST_NAMES = 32
"""Names that are kept; of more the first stays, and the second leaves."""
_LONGEST_NAME = 64
_DEEPEST = 999
_CHAIN = re.compile(
    rb"([A-Za-z0-9._:=+/@~-]{1,128});([0-9]{1,3});"
    rb"((?:[A-Za-z0-9._~%-]{1,64}(?:,[A-Za-z0-9._~%-]{1,64}){0,31})?)"
)


class Chain(NamedTuple):
    """The id of the first request, how many services away it is, and their names."""

    origin: str
    depth: int
    stack: tuple[str, ...]


def read_chain(value: bytes | None) -> Chain | None:
    """What a header says; None when it is none, or is no chain."""
    if value is None or len(value) > _LONGEST:
        return None
    match = _CHAIN.fullmatch(value)
    if match is None:
        return None
    names = match[3].decode("ascii")
    depth = int(match[2])
    stack = tuple(names.split(",")) if names else ()
    if depth < len(stack):
        return None
    return Chain(match[1].decode("ascii"), depth, stack)


def chain_name(name: str) -> str:
    """The *name* of a service as it stands in a chain: escaped, and cut where it is long."""
    return quote(name, safe="")[:_LONGEST_NAME] or "-"


def write_chain(origin: str, depth: int, stack: tuple[str, ...], name: str) -> bytes:
    """The header of calls that the service called *name*, by `chain_name`, makes meanwhile."""
    if len(stack) >= _MOST_NAMES:
        stack = (stack[0], *stack[2:])
    text = f"{origin};{min(depth + 1, _DEEPEST)};{','.join((*stack, name))}"
    return text.encode("ascii")
