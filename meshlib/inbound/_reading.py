"""
From what headers say to what counts.

One rule holds for all of them: from whoever is not trusted, a header can only make things
stricter. A deadline, an attempt and a lower priority count from anybody; a raised
priority, a tenant and a chain count when all of the way is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

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


class Said(NamedTuple):
    """
    What is known of a request before anybody asks for more.

    *found* are its headers, *trusted* is whether all of its way is. *name* is this
    service's, as in chains. *fresh_id* makes an id of *number* where none was given, the
    same one each time. *trace* may have headers that nothing else carries on.
    """

    found: headers.Found
    trusted: bool
    client_ip: str | None
    caller: str | None
    tenant: str | None
    trace: ServedTrace | None
    number: int
    fresh_id: Callable[[int], str]
    name: str
    retry_allowance: bool


def priority_of(found: headers.Found, trusted: bool) -> Priority:
    """How much the request matters."""
    priority = headers.priority(found)
    if priority is None or (priority > _USUAL and not trusted):
        return _USUAL
    return priority


def served_request_of(said: Said, marks: Marks) -> ServedRequest:
    """What calls made for the request need to know of it; the same each time."""
    found = said.found
    attempt = headers.attempt_number(found)
    priority = priority_of(found, said.trusted)
    identifier = headers.request_id(found) or said.fresh_id(said.number)
    chain = read_chain(found.get(headers.CHAIN)) if said.trusted else None
    origin, depth, stack = (identifier, 0, ()) if chain is None else chain
    carried = [
        (headers.REQUEST_ID, identifier.encode("ascii")),
        (headers.CHAIN, write_chain(origin, depth, stack, said.name)),
    ]
    if priority is not _USUAL:
        carried.append((headers.PRIORITY, _NAMES[priority]))
    if said.tenant is not None:
        carried.append((headers.TENANT, said.tenant.encode("ascii")))
    if said.trace is not None:
        carried += [
            one
            for one in said.trace.headers
            if len(one[1]) <= _LONGEST and _SAYABLE.fullmatch(one[1])
        ]
    return ServedRequest(
        request_id=identifier,
        attempt=attempt,
        priority=priority,
        tenant=said.tenant,
        client_ip=said.client_ip,
        origin=origin,
        depth=depth,
        stack=stack,
        caller=said.caller,
        headers=tuple(carried),
        may_retry=attempt == 1 or not said.retry_allowance,
        marks=marks,
    )
