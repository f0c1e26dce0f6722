"""Faults that travel with a request: what is signed, and what is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib._exceptions import ConfigurationError
from meshlib.faults import FaultMatch, FaultRule, QuotaFault, add_token, sign_baggage
from meshlib.faults._baggage import (
    LONGEST_TOKEN,
    Order,
    Refusal,
    member_of,
    read_token,
    tokens_in,
)

KEY = "0123456789abcdef-the-key"
OTHER = "fedcba9876543210-another"
ABORT: dict[str, Any] = {"match": {"service": "payments"}, "abort": {"status": 503}}
REFUSALS = set(Refusal.__args__)


def read(token: str, *keys: str, now: float = 1000.0, longest: float = 3600.0) -> Order | str:
    """Read *token* at the instant *now*."""
    return read_token(
        token, [key.encode() for key in keys or (KEY,)], now=now, max_lifetime=longest
    )


def sign(rule: Any = ABORT, *, key: str | bytes = KEY, lifetime: float = 60.0) -> str:
    """Sign at the instant 1000."""
    return sign_baggage(rule, key=key, lifetime=lifetime, clock=lambda: 1000.0)


def signed(payload: bytes, key: str = KEY) -> str:
    """A token of *payload*, rightly signed, whatever it holds."""
    digest = hmac.new(key.encode(), b"meshlib-fault-1." + payload, hashlib.sha256).digest()
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in (payload, digest))


def test_what_was_signed_is_read() -> None:
    """The rule as it was, its expiry rounded up, and a nonce of its own."""
    rule = FaultRule(
        name="slow",
        match=FaultMatch.model_validate({"service": "payments", "method": "POST"}),
        quota=QuotaFault(requests=3, window=10),
    )
    first, second = read(sign(rule)), read(sign(rule))
    assert isinstance(first, Order)
    assert isinstance(second, Order)
    assert (rule, 1061.0) == (first.rule, first.expires)
    assert first.nonce != second.nonce


def test_a_mapping_needs_no_name() -> None:
    """The rule is called `baggage` then."""
    order = read(sign())
    assert isinstance(order, Order)
    assert ("baggage", 503) == (order.rule.name, order.rule.abort and order.rule.abort.status)


def test_either_of_two_keys_is_accepted() -> None:
    """So that a key can be replaced while tokens of the old one are under way."""
    assert isinstance(read(sign(), OTHER, KEY), Order)
    assert isinstance(read(sign(key=OTHER.encode()), OTHER, KEY), Order)
    assert "forged" == read(sign(), OTHER)


def test_time_is_kept() -> None:
    """A token is good until it expires, and not if it would be for too long."""
    token = sign(lifetime=60)
    assert isinstance(read(token, now=1060.9), Order)
    assert "expired" == read(token, now=1061.0)
    assert isinstance(read(token, longest=60), Order)
    assert "lifetime" == read(token, longest=59)


def test_one_changed_character_is_forgery() -> None:
    """Of payload or signature, wherever it stands."""
    token = sign()
    for index in range(len(token)):
        other = "A" if token[index] != "A" else "B"
        changed = token[:index] + other + token[index + 1 :]
        assert read(changed) in ("forged", "malformed"), index


@pytest.mark.parametrize(
    ("payload", "refusal"),
    [
        (b"no json", "malformed"),
        (b"[1, 2]", "malformed"),
        (b"[" * 1400, "malformed"),
        (b'{"exp": 1030, "nonce": "n"}', "malformed"),
        (b'{"exp": "1030", "nonce": "n", "rule": {}}', "malformed"),
        (b'{"exp": true, "nonce": "n", "rule": {}}', "malformed"),
        (b'{"exp": NaN, "nonce": "n", "rule": {}}', "malformed"),
        (b'{"exp": 1030, "nonce": 1, "rule": {}}', "malformed"),
        (b'{"exp": 9' + b"9" * 400 + b', "nonce": "n", "rule": {}}', "lifetime"),
        (b'{"exp": 1030, "nonce": "n", "rule": {}}', "rule"),
        (b'{"exp": 1030, "nonce": "n", "rule": 7}', "rule"),
        (b'{"exp": 1030, "nonce": "n", "rule": {"name": "x", "abort": {"status": 503}}}', "rule"),
    ],
)
def test_what_the_key_signed_may_still_be_no_order(payload: bytes, refusal: str) -> None:
    """Whoever has the key can be mistaken; a rule for every service is one mistake."""
    assert refusal == read(signed(payload))


@pytest.mark.parametrize("token", ["", ".", "a.b", "é.é", "a", "....", "YQ.", ".YQ", "YQ==.YQ=="])
def test_what_is_no_token_is_malformed(token: str) -> None:
    """Also base64 that our own signing would not write."""
    assert "malformed" == read(token)


def test_what_is_too_long_is_not_looked_at() -> None:
    """Not even decoded."""
    assert "too long" == read("a" * (LONGEST_TOKEN + 1))


def test_no_key_makes_everything_forged() -> None:
    """A process without keys accepts nothing."""
    assert "forged" == read_token(sign(), (), now=1000.0, max_lifetime=3600.0)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"key": "short"}, "key"),
        ({"key": b""}, "key"),
        ({"lifetime": 0}, "lifetime"),
        ({"lifetime": float("nan")}, "lifetime"),
        ({"lifetime": float("inf")}, "lifetime"),
        ({"rule": {"abort": {"status": 503}}}, "match.service"),
        ({"rule": {**ABORT, "abort": {"status": 503, "body": "x" * 2000}}}, "rule"),
        ({"rule": {**ABORT, "abort": {"status": 99}}}, "abort.status"),
    ],
)
def test_what_nobody_would_accept_is_not_signed(change: dict[str, Any], path: str) -> None:
    """The error names what is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        sign(**change)
    assert path == caught.value.path


@given(st.text(max_size=300) | st.binary(max_size=200).map(signed) | st.from_regex(r"[\w.~=-]*"))
def test_reading_never_raises_and_never_grants(text: str) -> None:
    """Whatever is sent, without the key there is no order, and with it none without a rule."""
    assert read(text) in REFUSALS
    assert read(text, OTHER) in REFUSALS


@given(st.text(max_size=400), st.text(max_size=40), st.sampled_from(["", "meshlib-fault="]))
def test_headers_are_searched_without_an_error(before: str, after: str, name: str) -> None:
    """Our member, or none; and tokens of it that grant nothing."""
    found = member_of(f"{before},{name}{after}")
    for token in tokens_in(found or "") or ():
        assert read(token) in REFUSALS


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("meshlib-fault=a.b", "a.b"),
        ("user=1, meshlib-fault = a.b ;ttl=1, meshlib-fault=c", "a.b"),
        ("meshlib-fault=a%2Eb", "a.b"),
        ("x-meshlib-fault=a.b", None),
        ("meshlib-fault", None),
        ("user=meshlib-fault", None),
        ("", None),
    ],
)
def test_the_member_is_found(header: str, value: str | None) -> None:
    """By its name alone, with its properties left away."""
    assert value == member_of(header)


def test_several_tokens_travel_in_one_member() -> None:
    """Four at most."""
    value = add_token(None, "a")
    assert "a" == add_token("", "a") == value
    for token in "bcd":
        value = add_token(value, token)
    assert ("a", "b", "c", "d") == tokens_in(value)
    with pytest.raises(ConfigurationError, match="4 tokens"):
        add_token(value, "e")
    assert tokens_in(value + "~e") is None
    assert tokens_in("a" * 9000) is None
    assert ("a",) == tokens_in("~a~")


def test_a_token_holds_only_what_was_said() -> None:
    """Defaults would make it long, and are the receiver's."""
    payload = sign().partition(".")[0]
    said = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert {"name": "baggage", **ABORT} == said["rule"]
