"""
Istio's timeouts, retries and faults of a route.
"""

from __future__ import annotations

from typing import Any

from ...config import RetryOptions
from .._part import Part
from ._matches import Tree
from ._names import seconds

_BASE = ("connect-failure", "refused-stream", "reset")
"""What is always tried again here."""
_ATTEMPTS = RetryOptions().max_attempts


def read_timeouts(route: Part, service: Part) -> Tree:
    """The timeout and the retries of *route*, which inherits those of its *service*."""
    tree: Tree = {}
    timeout = _first(route.number("timeout"), service.number("timeout"))
    if timeout is not None:
        tree["timeout"] = seconds(timeout)
    retries = _retries(route, service)
    if retries:
        tree["retries"] = retries
    return tree


def _retries(route: Part, service: Part) -> Tree:
    over, base = route.part("retry"), service.part("retry")
    attempt = _first(route.number("attempt_timeout"), service.number("attempt_timeout"))
    count = _first(*(part.whole("max_attempts") for part in (over, base) if part is not None))
    statuses: Any = _first(*(part.raw("statuses") for part in (over, base) if part is not None))
    if count is None and statuses is None and not attempt:
        return {}
    # Without a number Istio would take 0, which is no retry.
    tree: Tree = {"attempts": (_ATTEMPTS if count is None else count) - 1}
    if attempt:
        tree["perTryTimeout"] = seconds(attempt)
    if statuses is not None:
        codes = [str(code) for code in statuses]
        gateway = "5xx" if len(codes) == 100 and codes[0] == "500" else ",".join(codes)
        tree["retryOn"] = ",".join(filter(None, (*_BASE, gateway)))
    return tree


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def read_fault(route: Part) -> Tree:
    """Istio's HTTPFaultInjection."""
    block = route.part("fault")
    tree: Tree = {}
    if block is None or block.raw("enabled") is False:
        return tree
    delay, abort = block.part("delay"), block.part("abort")
    if delay is not None:
        fixed, share = delay.number("fixed"), delay.number("percentage")
        if fixed is not None and fixed >= 0.001:
            tree["delay"] = {"percentage": _share(share), "fixedDelay": seconds(fixed)}
        else:
            delay.lose("", "a delay of Istio is fixed, and 1 ms or more", "`fixed`")
    if abort is not None:
        status, share = abort.whole("status"), abort.number("percentage")
        if status is not None:
            tree["abort"] = {"percentage": _share(share), "httpStatus": status}
        else:
            abort.lose("", "an abort of Istio is a status", "`status: 503`")
    return tree


def _share(value: float | None) -> Tree:
    return {"value": 100 if value is None else value}
