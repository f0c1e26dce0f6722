"""
The values that every family speaks of: an endpoint, and the outcome of an attempt.

They are immutable and know nothing of policies, clients or clocks.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_NOTHING: Mapping[str, str] = MappingProxyType({})
_LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_PORT = r"(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])"
_NORMAL = re.compile(
    rf"https?://{_LABEL}(?:\.{_LABEL})*:{_PORT}(?:/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?", re.ASCII
)


def is_normal(url: str) -> bool:
    """
    Whether *url* is the usual `http://host:port` or `http://host:port/prefix`, in small letters.

    It then is its own address. A discovery sends thousands of these at once, and to take a
    URL apart to put it together again takes twenty times as long.
    """
    return _NORMAL.fullmatch(url) is not None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    One network address that serves a service.

    *url* is `scheme://host[:port][/prefix]`; a path in it is put before the path of each
    request. *weight* is relative to the other endpoints of the service, above 0,
    default 1. *priority* 0 is used first. *kind* is `local`, `edge`, `cloud` or a word
    of your own. *metadata* holds what routes choose by, such as `version` or `zone`.

    Two endpoints with the same `address` are the same endpoint at two moments: its
    breaker, load and counters stay when weight, priority or metadata change.
    """

    url: str
    weight: float = 1.0
    priority: int = 0
    kind: str = "local"
    metadata: Mapping[str, str] = field(default_factory=lambda: _NOTHING, hash=False)

    @property
    def address(self) -> str:
        """`scheme://host:port/prefix`, normalised: what endpoints are reconciled by."""
        if is_normal(self.url):
            return self.url
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        if ":" in host:
            host = f"[{host}]"
        return f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"


class Verdict(enum.IntEnum):
    """What an outcome says about the endpoint, to its breaker and to outlier detection."""

    NEUTRAL = 0
    """Nothing: neither success nor failure; a half-open probe is given back."""
    SUCCESS = 1
    FAILURE = 2
    SHED = 3
    """A failure for ratios, not for "consecutive": the endpoint lives and sheds load."""


class LoadSignal(enum.IntEnum):
    """What an outcome says about the endpoint's latency."""

    NONE = 0
    MEASURED = 1
    """The elapsed time is its latency."""
    PENALISED = 2
    """It failed fast: a penalty stands in for the elapsed time."""
    AT_LEAST = 3
    """It took at least the elapsed time."""


class Retryable(enum.IntEnum):
    """Which calls may be tried again after an outcome."""

    NEVER = 0
    IDEMPOTENT = 1
    ANY = 2
    """Any method: nothing was processed."""


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeClass:
    """One row of the outcome table: how every policy takes one kind of outcome."""

    name: str
    verdict: Verdict
    load: LoadSignal
    retryable: Retryable


SUCCESS = OutcomeClass("success", Verdict.SUCCESS, LoadSignal.MEASURED, Retryable.NEVER)
TRANSIENT = OutcomeClass("transient", Verdict.SHED, LoadSignal.MEASURED, Retryable.IDEMPOTENT)
OVERLOADED = OutcomeClass("overloaded", Verdict.SHED, LoadSignal.PENALISED, Retryable.ANY)
UNAVAILABLE = OutcomeClass(
    "unavailable", Verdict.FAILURE, LoadSignal.PENALISED, Retryable.IDEMPOTENT
)
SERVER_ERROR = OutcomeClass("server_error", Verdict.FAILURE, LoadSignal.PENALISED, Retryable.NEVER)
NEVER_SENT = OutcomeClass("never_sent", Verdict.FAILURE, LoadSignal.PENALISED, Retryable.ANY)
UNWELCOME = OutcomeClass("unwelcome", Verdict.FAILURE, LoadSignal.PENALISED, Retryable.NEVER)
"""The server refused who called it; another attempt would show it the same certificate."""
POOL_TIMEOUT = OutcomeClass("pool_timeout", Verdict.NEUTRAL, LoadSignal.NONE, Retryable.ANY)
BROKEN = OutcomeClass("broken", Verdict.FAILURE, LoadSignal.AT_LEAST, Retryable.IDEMPOTENT)
CANCELLED = OutcomeClass("cancelled", Verdict.NEUTRAL, LoadSignal.NONE, Retryable.NEVER)
DEADLINE = OutcomeClass("deadline", Verdict.NEUTRAL, LoadSignal.NONE, Retryable.NEVER)
CALLER_ERROR = OutcomeClass("caller_error", Verdict.NEUTRAL, LoadSignal.NONE, Retryable.NEVER)
"""The request itself could not be sent, such as an unsupported scheme or a bad header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """
    What one call wants otherwise than its service; `None` leaves the service's setting.

    Passed as `extensions={"mesh": CallOptions(...)}`.

    *timeout*: seconds for the whole call, from now. *attempt_timeout*: seconds for each
    attempt. *idempotent*: whether the request may be sent twice. *hash_key*: the key for
    hashing balancers. *retry*: False makes one attempt. *hedge*: False sends no hedge.
    *fallback*: a response, a value for one, or a callable that takes the request and the
    error and returns either. *tenant*: for whom the call is made, if not for the ambient one.
    """

    timeout: float | None = None
    attempt_timeout: float | None = None
    idempotent: bool | None = None
    hash_key: str | None = None
    retry: bool | None = None
    hedge: bool | None = None
    fallback: Any = None
    tenant: str | None = None
