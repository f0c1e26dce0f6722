"""
Istio's HTTPRetry.
"""

from __future__ import annotations

from ...config import RetryOptions
from .._part import Part
from .._text import duration_text
from ._draft import Tree

_IDEMPOTENT = frozenset(RetryOptions().methods)
_STATUSES = {
    "5xx": tuple(range(500, 600)),
    "gateway-error": (502, 503, 504),
    "retriable-4xx": (409,),
}
_ALWAYS = {
    "connect-failure",
    "refused-stream",
    "reset",
    "reset-before-request",
    "envoy-ratelimited",
    "retriable-status-codes",
}
"""What is tried again anyway: what was never sent, and for idempotent calls what broke off."""


def read_retries(route: Part, methods: frozenset[str]) -> Tree:
    """What the `retries` of *route*, which takes *methods*, say of a route here."""
    part = route.part("retries")
    if part is None:
        return {}
    tree: Tree = {}
    retry: Tree = {}
    attempts = part.whole("attempts")
    if attempts is not None and 0 <= attempts < 100:
        retry["max_attempts"] = attempts + 1
    elif attempts is not None:
        part.lose("attempts", "a call has 1 to 100 attempts")
    per_try = part.seconds("perTryTimeout")
    if per_try is not None:
        tree["attempt_timeout"] = duration_text(per_try)
    backoff = part.seconds("backoff")
    if backoff is not None:
        retry["backoff"] = {"initial": duration_text(backoff)}
    if part.has("retryOn"):
        _conditions(part, retry, methods)
    if part.flag("retryIgnorePreviousHosts") is False:
        part.lose("retryIgnorePreviousHosts", "an endpoint that was tried is always avoided")
    part.lose("retryRemoteLocalities", "a retry goes where a first attempt would", "priorities")
    if retry:
        tree["retry"] = retry
    return tree


def _conditions(part: Part, retry: Tree, methods: frozenset[str]) -> None:
    statuses: set[int] = set()
    unknown = []
    for said in (part.text("retryOn") or "").split(","):
        word = said.strip()
        if word in _STATUSES:
            statuses.update(_STATUSES[word])
        elif word.isdecimal() and 400 <= int(word) <= 599:
            statuses.add(int(word))
        elif word and word not in _ALWAYS:
            unknown.append(word)
    retry["statuses"] = sorted(statuses)
    if unknown:
        part.lose("retryOn", f"{', '.join(unknown)}: these tell nothing to retry here")
    elif not methods or methods - _IDEMPOTENT:
        part.lose(
            "retryOn",
            "responses are tried again for idempotent methods only, and Istio asks no method",
            "`idempotent: true` on the route, where that is so",
            lost=False,
        )
