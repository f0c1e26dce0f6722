"""
From what headers say to what counts.

One rule holds for all of them: from whoever is not trusted, a header can only make things
stricter. A deadline, an attempt and a lower priority count from anybody; a raised
priority, a tenant and a chain count when all of the way is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .._context import Priority, ServedRequest
from .._marks import Marks
from ..telemetry import ServedTrace
from . import _headers as headers
from ._chain import read_chain, write_chain

_NAMES = {number: name for name, number in headers.PRIORITIES.items()}
_USUAL = Priority.CRITICAL
_SAYABLE = re.compile(rb"[\t -~]*")
_LONGEST = 8192
"""Bytes of a header that is carried on as it came; what nobody could send would fail calls."""


@dataclass(frozen=True, slots=True)
class Here:
    """
    What requests do not say: the *name* of this service in chains, and what it allows.

    *fresh_id* makes an id of a number, the same one each time.
    """

    name: str
    fresh_id: Callable[[int], str]


Said = tuple[
    Here,
    bool,  # whether calls made for a retry are tried once
    headers.Found,
    bool,  # whether all of its way is trusted
    str | None,  # the address of the client
    str | None,  # who was verified
    str | None,  # the tenant
    ServedTrace | None,
    int,  # its number, of which an id is made where none was given
    Marks,  # one and the same for all who ask
]
"""What is known of a request; a plain tuple, since one is made for each and few are read."""


def priority_of(found: headers.Found, trusted: bool) -> Priority:
    """How much the request matters."""
    priority = headers.priority(found)
    if priority is None or (priority > _USUAL and not trusted):
        return _USUAL
    return priority


def served_request_of(said: Said) -> ServedRequest:
    """What calls made for the request need to know of it; the same each time."""
    here, retry_allowance, found, trusted, client_ip, caller, tenant, trace, number, marks = said
    attempt = headers.attempt_number(found)
    priority = priority_of(found, trusted)
    identifier = headers.request_id(found) or here.fresh_id(number)
    chain = read_chain(found.get(headers.CHAIN)) if trusted else None
    origin, depth, stack = (identifier, 0, ()) if chain is None else chain
    carried = [
        (headers.REQUEST_ID, identifier.encode("ascii")),
        (headers.CHAIN, write_chain(origin, depth, stack, here.name)),
    ]
    if priority is not _USUAL:
        carried.append((headers.PRIORITY, _NAMES[priority]))
    if tenant is not None:
        carried.append((headers.TENANT, tenant.encode("ascii")))
    if trace is not None:
        carried += [
            header
            for header in trace.headers
            if len(header[1]) <= _LONGEST and _SAYABLE.fullmatch(header[1])
        ]
    return ServedRequest(
        request_id=identifier,
        attempt=attempt,
        priority=priority,
        tenant=tenant,
        client_ip=client_ip,
        origin=origin,
        depth=depth,
        stack=stack,
        caller=caller,
        headers=tuple(carried),
        may_retry=attempt == 1 or not retry_allowance,
        marks=marks,
    )
