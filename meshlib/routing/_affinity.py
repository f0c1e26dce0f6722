"""
Sessions that stay on one endpoint, and where they go when it is gone.

A session is a short text that a cookie or header carries: which endpoint, a number of its
own, and when it ends. It is not signed: whoever makes one up chooses among the endpoints
that the service has anyway. It does not tell addresses, only a hash of one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Generic, NamedTuple

from xxhash import xxh64_intdigest

from .._models import Endpoint
from ._headers import Pair
from ._info import RouteInfo
from ._split_options import AffinityOptions
from ._subset import C

_SESSION = re.compile(r"1\.([0-9a-f]{16})\.([0-9a-f]{8})\.([0-9a-f]{1,11})")
_SKEW = 60.0
"""Seconds that the clocks of two processes with the same sessions may differ."""


class Session(NamedTuple):
    """
    What a cookie or header carries.

    *endpoint* is its `endpoint_id`, *nonce* tells sessions on one endpoint apart, *expires*
    is in seconds of the wall clock, and 0 is never.
    """

    endpoint: str
    nonce: str
    expires: int

    def __str__(self) -> str:
        return f"1.{self.endpoint}.{self.nonce}.{self.expires:x}"


def endpoint_id(endpoint: Endpoint) -> str:
    """The identity of an endpoint in sessions: 16 digits, the same in every process."""
    return f"{xxh64_intdigest(endpoint.address.encode('utf-8', 'surrogatepass')):016x}"


def parse_session(text: str | None, now: float, time_limit: float = 0.0) -> Session | None:
    """
    The session that *text* is; None when it is none, or has ended. Never raises.

    *now* is the time of the wall clock. With a *time_limit*, a session that would last
    longer than that from now is none, too: it was made up, or made before the limit.
    """
    found = None if text is None else _SESSION.fullmatch(text)
    if found is None:
        return None
    session = Session(found[1], found[2], int(found[3], 16))
    if session.expires and now >= session.expires:
        return None
    if time_limit and not 0 < session.expires <= now + time_limit + _SKEW:
        return None
    return session


class Affinity:
    """
    Reads sessions from requests, and writes them into responses.

    Thread-safe: it never changes.
    """

    __slots__ = ("_cookie", "_header", "_path", "_time_limit", "strict")

    def __init__(self, options: AffinityOptions) -> None:
        self.strict = options.strict
        """Whether a session whose endpoint is gone fails, rather than moves."""
        self._cookie = options.cookie
        self._header = (options.header or "").lower()
        self._path = options.path
        self._time_limit = options.time_limit

    def read(self, info: RouteInfo, now: float) -> Session | None:
        """The session of a call, at *now* of the wall clock; None when it has none."""
        cookie = self._cookie
        text = info.header(self._header) if cookie is None else info.cookie(cookie)
        return parse_session(text, now, self._time_limit)

    def begin(self, endpoint: Endpoint, now: float, draw: float) -> Session:
        """A new session on *endpoint*; *draw* is from 0 to 1, 1 excluded."""
        limit = self._time_limit
        expires = math.ceil(now + limit) if limit else 0
        return Session(endpoint_id(endpoint), f"{int(draw * 2**32):08x}", expires)

    def header(self, session: Session, now: float) -> Pair:
        """
        The header of a response that starts or moves a session.

        A cookie is `HttpOnly` and `SameSite=Lax`; it is not `Secure`, since calls inside a
        mesh often go by plain HTTP, and it grants nothing.
        """
        if self._cookie is None:
            return self._header.encode("ascii"), str(session).encode("ascii")
        text = f"{self._cookie}={session}; Path={self._path}; HttpOnly; SameSite=Lax"
        if session.expires:
            text += f"; Max-Age={max(math.ceil(session.expires - now), 0)}"
        return b"set-cookie", text.encode("latin-1", "replace")


class SessionIndex(Generic[C]):
    """
    Finds the candidates that sessions stay on.

    Build it with each snapshot. Thread-safe: it never changes.
    """

    __slots__ = ("_by_id",)

    def __init__(self, candidates: Iterable[C]) -> None:
        self._by_id = {endpoint_id(each.endpoint): each for each in candidates}

    def find(self, session: Session) -> C | None:
        """The candidate that *session* is on; None when it is gone."""
        return self._by_id.get(session.endpoint)

    def move(self, session: Session) -> tuple[C, Session] | None:
        """
        Where *session* goes as its candidate is gone, and the session from then on.

        Every process that knows the same candidates chooses the same one, without asking:
        the one with the best hash of both, so that the sessions of a lost endpoint spread
        over the others by weight (weighted rendezvous hashing). The time limit goes on. It
        stays there when the lost one comes back. None when there are no candidates.
        """
        best, least = None, math.inf
        for identity, candidate in self._by_id.items():
            both = f"{session.nonce}.{session.endpoint}.{identity}"
            digest = xxh64_intdigest(both.encode("ascii"))
            # Exponential waiting times: the first to arrive is each in turn by weight.
            wait = -math.log((digest + 1) / 2.0**64) / candidate.endpoint.weight
            if wait < least:
                best, least = identity, wait
        if best is None:
            return None
        return self._by_id[best], session._replace(endpoint=best)
