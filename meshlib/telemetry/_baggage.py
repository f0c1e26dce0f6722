"""
W3C baggage: what travels with a request through every service behind it.

It is OpenTelemetry's, so what its instrumentations put into the context of a request is
seen here, and what is put there here is seen by them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import baggage, context
from opentelemetry.baggage.propagation import W3CBaggagePropagator

_PROPAGATOR = W3CBaggagePropagator()
_LONGEST = 8192
_LONGEST_MEMBER = 4096
_MOST = 180
"""Bytes of a header, bytes of a member, and members, above which OpenTelemetry takes none."""
_KEY = r"[!#-'*+\-.0-9A-Z^-z|~]+"
_VALUE = r"[!#-+\--:<-\[\]-~]*"
_SPACE = r"[ \t]*"
_PAIR = f"{_KEY}{_SPACE}={_SPACE}{_VALUE}{_SPACE}"
_MEMBER = re.compile(f"{_PAIR}(;{_SPACE}({_PAIR}|{_KEY}{_SPACE}))*")
"""A member of a list, https://www.w3.org/TR/baggage/#definition."""


def well_formed(header: str) -> str:
    """
    The members of a baggage *header* that are such, none where there is too much of it.

    OpenTelemetry would skip the others too, and write what strangers sent into the log.
    """
    if len(header) > _LONGEST:
        return ""
    members = [text.strip(" \t") for text in header.split(",")]
    good = [text for text in members if len(text) <= _LONGEST_MEMBER and _MEMBER.fullmatch(text)]
    return ",".join(good[:_MOST])


def carried(name: str) -> str | None:
    """The member *name* of the current baggage; None without one."""
    value = baggage.get_baggage(name)
    return value if isinstance(value, str) else None


@contextmanager
def carrying(name: str, value: str) -> Iterator[None]:
    """Have *value* travel as the member *name* with what is sent inside the block."""
    token = context.attach(baggage.set_baggage(name, value))
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def received_baggage(headers: Mapping[str, str]) -> Iterator[None]:
    """
    Go on with the baggage of a request that this process serves, inside the block.

    *headers* are the request's, by their names in lower case. For servers without an
    instrumentation of OpenTelemetry, which does the same. What is no baggage is ignored.
    """
    carrier = {"baggage": well_formed(headers.get("baggage") or "")}
    token = context.attach(_PROPAGATOR.extract(carrier))
    try:
        yield
    finally:
        context.detach(token)
