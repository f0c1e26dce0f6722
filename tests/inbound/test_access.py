"""Who is verified, and who is let in."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib.events import Event
from meshlib.inbound import Head
from meshlib.security.identity import PeerIdentity
from meshlib.security.tokens import Claims, TokenRefusal

Make = Any

SHOP = PeerIdentity(spiffe="spiffe://example.org/shop", dns=("shop.example.org",))


class Tokens:
    """Gives the same verdict on every token, and notes what it was shown."""

    def __init__(self, verdict: Any) -> None:
        self.verdict = verdict
        self.shown: list[bytes | None] = []

    def verify(self, header: bytes | None) -> Any:
        """The verdict."""
        self.shown.append(header)
        return self.verdict


@pytest.mark.parametrize(
    ("identity", "caller"),
    [
        (None, None),
        (SHOP, "spiffe://example.org/shop"),
        (PeerIdentity(dns=("shop.example.org", "b")), "shop.example.org"),
        (PeerIdentity(common_name="shop"), None),
    ],
)
def test_caller_is_who_was_verified(make: Make, identity: Any, caller: str | None) -> None:
    """The SPIFFE id of its certificate, or else its first DNS name; no common name."""
    assert caller == make().arrive(Head("GET", "/", identity=identity)).served.caller


def test_no_header_makes_a_caller(make: Make) -> None:
    """Whatever a trusted peer says: it was not verified."""
    names = (b"x-forwarded-client-cert", b"x-ssl-client-s-dn", b"x-user", b"authorization")
    pairs = [(name, b"spiffe://example.org/shop") for name in names]
    assert make().arrive(Head("GET", "/", pairs, peer="127.0.0.1")).served.caller is None


RULES = {
    "default": "deny",
    "rules": [
        {"name": "shop", "callers": "spiffe://example.org/*", "path": "/orders/*"},
        {"name": "token", "callers": "https://idp/anna", "methods": ["GET"]},
    ],
}


@pytest.mark.parametrize(
    ("identity", "path", "allowed"),
    [
        (SHOP, "/orders/1", True),
        (SHOP, "/users/1", False),
        (None, "/orders/1", False),
        (SHOP, "/orders/../users", False),
    ],
)
def test_authorization(
    make: Make, events: list[Event], identity: Any, path: str, allowed: bool
) -> None:
    """Who may not is answered 403, without a permit and without being told why."""
    inbound = make(authorization=RULES, concurrency=10)
    arrival = inbound.arrive(Head("GET", path, identity=identity))
    arrival.finish(200 if allowed else 403)
    (event,) = events
    assert event.decision is arrival.decision  # type: ignore[attr-defined]  # both have one
    assert allowed is arrival.decision.allowed is arrival.permit
    if allowed:
        assert arrival.refusal is None
        return
    assert ("authorization", 403) == (arrival.refusal.reason, arrival.refusal.status)
    assert event.detail == arrival.decision.reason  # type: ignore[attr-defined]  # a refusal
    assert arrival.detail.encode() not in arrival.refusal.body


def test_token_gives_a_name(make: Make) -> None:
    """The bearer of a token is known to rules by it, beside the certificate."""
    inbound = make(authorization=RULES)
    tokens = inbound.parts.tokens = Tokens(Claims({"sub": "anna"}, "https://idp/anna"))
    arrival = inbound.arrive(Head("GET", "/", [(b"authorization", b"Bearer x")]))
    assert (None, "https://idp/anna") == (arrival.refusal, arrival.served.caller)
    assert [b"Bearer x"] == tokens.shown
    both = inbound.arrive(Head("GET", "/", identity=SHOP))
    assert (None, SHOP.spiffe, "token") == (
        both.refusal, both.served.caller, both.decision.rule,
    )  # fmt: skip


def test_two_tokens_are_none(make: Make) -> None:
    """A request with two is not verified by either alone."""
    inbound = make()
    tokens = inbound.parts.tokens = Tokens(None)
    pairs = [(b"authorization", b"Bearer x"), (b"authorization", b"Bearer y")]
    inbound.arrive(Head("GET", "/", pairs))
    assert [b"Bearer x,Bearer y"] == tokens.shown


@pytest.mark.parametrize("status", [401, 403, 503])
def test_bad_token(make: Make, events: list[Event], status: int) -> None:
    """Its refusal is the answer; what is wrong with it only listeners are told."""
    inbound = make(concurrency=10)
    refused = TokenRefusal(status, "invalid_token", "the token has expired")
    inbound.parts.tokens = Tokens(refused)
    arrival = inbound.arrive(Head("GET", "/", identity=SHOP))
    assert ("token", status, SHOP.spiffe) == (
        arrival.refusal.reason, arrival.refusal.status, arrival.served.caller,
    )  # fmt: skip
    assert set(refused.headers) <= set(arrival.refusal.headers)
    assert not arrival.permit
    arrival.finish(status)
    assert "the token has expired" == events[0].detail  # type: ignore[attr-defined]  # a refusal


def test_no_token_where_none_is_needed(make: Make) -> None:
    """The request goes on, with nobody verified but the certificate."""
    inbound = make()
    inbound.parts.tokens = Tokens(None)
    assert inbound.arrive(Head("GET", "/")).served.caller is None
    assert SHOP.spiffe == inbound.arrive(Head("GET", "/", identity=SHOP)).served.caller


def test_verifier_stays_while_its_options_do(make: Make) -> None:
    """Its keys are fetched once, however often other options change."""
    pytest.importorskip("joserfc", reason="needs the extra tokens")
    said = {"issuer": "https://idp", "audience": "orders", "jwks": "/keys.json"}
    inbound = make(tokens=said)
    first = inbound.parts.tokens
    options = inbound.options
    changed = options.model_copy(update={"access_log": True})
    assert first is inbound.prepare(changed).tokens
    more = options.tokens.model_copy(update={"leeway": 1.0})
    assert first is not inbound.prepare(options.model_copy(update={"tokens": more})).tokens
    inbound.renew()
    assert 503 == inbound.arrive(Head("GET", "/", [(b"authorization", b"Bearer x")])).refusal.status
