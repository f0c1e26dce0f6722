"""
Faults that travel with a request: signed, and good for a while.

A *token* is a rule, an expiry and a nonce as JSON, and their HMAC-SHA256, both in base64url
with a dot between them. It travels as a member of W3C baggage, so it reaches an edge
several services away; several tokens are joined by tildes. Neither character is ever
escaped there. Whoever has the key can break things, and whoever sees a token can use it
again until it expires: keys belong where faults may run, and lifetimes are short.
"""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

from .._clock import Clock, wall
from .._exceptions import ConfigurationError
from ._options import FaultRule

MEMBER = "meshlib-fault"
"""The name of the member of the baggage."""
SHORTEST_KEY = 16
"""Bytes; RFC 2104 advises as many as the hash has, and against much fewer."""
MOST_TOKENS = 4
LONGEST_TOKEN = 2048
LONGEST_HEADER = 8192
"""Bytes of baggage that everybody has to pass on, by the W3C recommendation."""

_CONTEXT = b"meshlib-fault-1."
"""Signed along, so that the key's signatures of other things are none of a fault."""
_LATEST = 1 << 53

Refusal = Literal["too long", "malformed", "forged", "expired", "lifetime", "rule"]
"""
Why a token counts for nothing: it is too long or no token at all, its signature is not of
our keys, its time is over or too long, or it holds no rule for the calls of one service.
"""


@dataclass(frozen=True, slots=True)
class Order:
    """A fault that somebody who has the key asks for, until *expires* (seconds, wall clock)."""

    rule: FaultRule
    nonce: str
    expires: float


def sign_baggage(
    rule: FaultRule | Mapping[str, Any],
    *,
    key: str | bytes,
    lifetime: float = 60.0,
    clock: Clock = wall,
) -> str:
    """
    A token that asks for *rule* for *lifetime* seconds, to be sent as baggage `meshlib-fault`.

    *rule* is as in a document; `match.service` must say whose calls are meant, and a name
    is not needed. Receivers refuse lifetimes over their `max_lifetime`. Raises
    ConfigurationError for a rule that is wrong or too long, and for a key under 16 bytes.
    """
    if not isinstance(rule, FaultRule):
        rule = FaultRule.model_validate({"name": "baggage", **rule})
    secret = key.encode() if isinstance(key, str) else bytes(key)
    if len(secret) < SHORTEST_KEY:
        raise ConfigurationError(f"a key has {SHORTEST_KEY} bytes or more", path="key")
    if not 0 < lifetime < _LATEST:
        raise ConfigurationError(f"{lifetime!r} is no number of seconds", path="lifetime")
    if rule.match.service is None:
        raise ConfigurationError("say whose calls are meant", path="match.service")
    said = {
        "rule": rule.model_dump(mode="json", exclude_unset=True, by_alias=True),
        "exp": int(clock() + lifetime) + 1,
        "nonce": secrets.token_urlsafe(9),
    }
    payload = json.dumps(said, separators=(",", ":")).encode()
    token = f"{_encode(payload)}.{_encode(_signature(secret, payload))}"
    if len(token) > LONGEST_TOKEN:
        raise ConfigurationError(
            f"the token has {len(token)} characters, and {LONGEST_TOKEN} are the limit", path="rule"
        )
    return token


def read_token(
    token: str, keys: Sequence[bytes], *, now: float, max_lifetime: float
) -> Order | Refusal:
    """
    What *token* asks for, or why it asks for nothing; never raises.

    Nothing of it is looked at before its signature is found right. Every key is tried, so
    that the time it takes does not tell which one was nearly right.
    """
    if len(token) > LONGEST_TOKEN:
        return "too long"
    payload, signature = (_decode(part) for part in _halves(token))
    if payload is None or signature is None:
        return "malformed"
    known = False
    for key in keys:
        known |= hmac.compare_digest(_signature(key, payload), signature)
    if not known:
        return "forged"
    try:
        said = json.loads(payload)
        expires, nonce, rule = said["exp"], said["nonce"], said["rule"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "malformed"
    if type(expires) is not int or type(nonce) is not str:
        return "malformed"
    if expires <= now:
        return "expired"
    # The second is what signing rounds up by.
    if expires > now + max_lifetime + 1:
        return "lifetime"
    try:
        meant = FaultRule.model_validate(rule)
    except (ValueError, RecursionError):
        return "rule"
    return "rule" if meant.match.service is None else Order(meant, nonce, float(expires))


def tokens_in(value: str) -> tuple[str, ...] | None:
    """The tokens in the *value* of a member; None when it is too long to be looked at."""
    if len(value) > MOST_TOKENS * (LONGEST_TOKEN + 1) or value.count("~") >= MOST_TOKENS:
        return None
    return tuple(token for token in value.split("~") if token)


def add_token(value: str | None, token: str) -> str:
    """The *value* of a member with *token* as well; ConfigurationError for the fifth."""
    if value and value.count("~") >= MOST_TOKENS - 1:
        raise ConfigurationError(f"a request carries {MOST_TOKENS} tokens at most", path="baggage")
    return f"{value}~{token}" if value else token


def member_of(header: str) -> str | None:
    """The value of our member in a `baggage` *header*; None without one; never raises."""
    if MEMBER not in header:
        return None
    for part in header.split(","):
        name, equals, value = part.partition(";")[0].partition("=")
        if equals and name.strip(" \t") == MEMBER:
            return unquote(value.strip(" \t"))
    return None


def _halves(token: str) -> tuple[str, str]:
    payload, _, signature = token.partition(".")
    return payload, signature


def _signature(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, _CONTEXT + payload, "sha256")


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes | None:
    """What *text* stands for; None unless it is exactly what `_encode` writes."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return data if data and _encode(data) == text else None
