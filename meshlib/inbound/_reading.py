"""
From what headers say to what counts.

One rule holds for all of them: from whoever is not trusted, a header can only make things
stricter. A deadline, an attempt and a lower priority count from anybody; a raised
priority, a tenant and a chain count when all of the way is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .._context import Priority, ServedRequest
from . import _headers as headers
from ._chain import read_chain, write_chain

_NAMES = {number: name for name, number in headers.PRIORITIES.items()}
_USUAL = Priority.CRITICAL
_SAYABLE = re.compile(rb"[\t -~]*")
_LONGEST = 8192
"""Bytes of a header that is carried on as it came; what nobody could send would fail calls."""


def served_request_of(
    found: headers.Found,
    trusted: bool,
    *,
    client_ip: str | None,
    caller: str | None,
    fresh_id: Callable[[], str],
    name: str,
    retry_allowance: bool,
    trace: tuple[tuple[bytes, bytes], ...] = (),
) -> ServedRequest:
    """
    What calls made for the request need to know of it.

    *fresh_id* makes an id where none was given; *name* is this service's, as in chains.
    *trace* are headers that nothing else carries on.
    """
    identifier, attempt, priority, tenant, chain = None, 1, None, None, None
    if found:  # most requests from outside say nothing that is looked at
        identifier = headers.request_id(found)
        attempt = headers.attempt_number(found)
        priority = headers.priority(found)
        if trusted:
            tenant = headers.tenant(found)
            chain = read_chain(found.get(headers.CHAIN))
    if priority is None or (priority > _USUAL and not trusted):
        priority = _USUAL
    if identifier is None:
        identifier = fresh_id()
    origin, depth, stack = (identifier, 0, ()) if chain is None else chain
    carried = [
        (headers.REQUEST_ID, identifier.encode("ascii")),
        (headers.CHAIN, write_chain(origin, depth, stack, name)),
    ]
    if priority is not _USUAL:
        carried.append((headers.PRIORITY, _NAMES[priority]))
    if tenant is not None:
        carried.append((headers.TENANT, tenant.encode("ascii")))
    if trace:
        carried += [one for one in trace if len(one[1]) <= _LONGEST and _SAYABLE.fullmatch(one[1])]
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
    )
