"""Whose headers count, and who the client is."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib import MeshError
from meshlib.inbound import InboundTrustOptions
from meshlib.inbound._headers import FORWARDED, FORWARDED_FOR
from meshlib.inbound._trust import Trust
from meshlib.security.identity import PeerIdentity

SHOP = PeerIdentity(spiffe="spiffe://example.org/shop")


def judge(
    peer: str | None, said: bytes | None = None, identity: Any = None, **options: Any
) -> tuple[bool, str | None]:
    """What is decided about a request from *peer* with this X-Forwarded-For."""
    found = {} if said is None else {FORWARDED_FOR: said}
    return Trust(InboundTrustOptions(**options)).judge(peer, identity, found)


@pytest.mark.parametrize(
    ("peer", "trusted", "client"),
    [
        ("127.0.0.1", True, "127.0.0.1"),
        ("10.1.2.3", True, "10.1.2.3"),
        ("172.31.0.1", True, "172.31.0.1"),
        ("172.32.0.1", False, "172.32.0.1"),
        ("::1", True, "::1"),
        ("::ffff:10.0.0.1", True, "10.0.0.1"),
        ("fe80::1%eth0", True, "fe80::1"),
        ("fd00::1", True, "fd00::1"),
        ("203.0.113.5", False, "203.0.113.5"),
        ("2001:db8::1", False, "2001:db8::1"),
        ("testclient", False, None),
        ("", False, None),
        (None, False, None),
    ],
)
def test_peer(peer: str | None, trusted: bool, client: str | None) -> None:
    """By default loopback, private and link-local networks are trusted; a name is nobody."""
    assert (trusted, client) == judge(peer)


@pytest.mark.parametrize(
    ("said", "trusted", "client"),
    [
        (b"203.0.113.5", False, "203.0.113.5"),
        (b"10.9.9.9", True, "10.9.9.9"),
        (b"10.9.9.9, 10.8.8.8", True, "10.9.9.9"),
        (b"10.9.9.9, 203.0.113.5", False, "203.0.113.5"),
        (b"1.1.1.1, 203.0.113.5, 10.8.8.8", False, "203.0.113.5"),
        (b"203.0.113.5:4711", False, "203.0.113.5"),
        (b"[2001:db8::1]:80", False, "2001:db8::1"),
        (b"2001:db8::1", False, "2001:db8::1"),
        (b"unknown", False, "10.0.0.9"),
        (b"evil, 10.8.8.8", False, "10.8.8.8"),
        (b"", False, "10.0.0.9"),
        (b"1" * 65, False, "10.0.0.9"),
        (b"203.0.113.5," + b"10.0.0.1," * 40 + b"10.7.7.7", False, "10.0.0.1"),
        (b"1" * 5000 + b", 10.7.7.7", False, "10.7.7.7"),
        (b"1" * 5000, False, "10.0.0.9"),
    ],
)
def test_forwarded_for_is_read_from_the_right(
    said: bytes, trusted: bool, client: str | None
) -> None:
    """The first address that is not a trusted proxy's is the client; behind it all is hearsay."""
    assert (trusted, client) == judge("10.0.0.9", said)


def test_forwarded_for_of_a_stranger_is_ignored() -> None:
    """Who is not trusted is the client, whatever it says."""
    assert (False, "203.0.113.5") == judge("203.0.113.5", b"10.0.0.1")


def test_client_ip_without_a_header() -> None:
    """With null the peer is the client, and still no headers of strangers are trusted."""
    assert (False, "10.0.0.9") == judge("10.0.0.9", b"203.0.113.5", client_ip=None)


@pytest.mark.parametrize(
    ("said", "trusted", "client"),
    [
        (b"for=203.0.113.5", False, "203.0.113.5"),
        (b'for="[2001:db8::1]:4711";proto=https', False, "2001:db8::1"),
        (b"proto=https; For=10.7.7.7 ", True, "10.7.7.7"),
        (b"for=1.1.1.1, by=10.0.0.1;for=10.7.7.7", False, "1.1.1.1"),
        (b'for="10.1.1.1, for=203.0.113.5', False, "203.0.113.5"),
        (b"by=10.0.0.1", False, "10.0.0.9"),
        (b"for=_hidden", False, "10.0.0.9"),
    ],
)
def test_forwarded(said: bytes, trusted: bool, client: str) -> None:
    """RFC 7239 in the same way; a quote left open further left hides nothing."""
    trust = Trust(InboundTrustOptions(client_ip="forwarded"))
    assert (trusted, client) == trust.judge("10.0.0.9", None, {FORWARDED: said})


def test_the_header_that_is_not_read_cannot_help() -> None:
    """What a client writes into the other header can cost it trust, and gives no address."""
    trust = Trust(InboundTrustOptions())
    found = {FORWARDED: b"for=10.0.0.1"}
    assert (True, "10.0.0.9") == trust.judge("10.0.0.9", None, found)
    found = {FORWARDED_FOR: b"203.0.113.5", FORWARDED: b"for=10.0.0.1"}
    assert (False, "203.0.113.5") == trust.judge("10.0.0.9", None, found)
    found = {FORWARDED_FOR: b"10.0.0.1", FORWARDED: b"for=203.0.113.5"}
    assert (False, "10.0.0.1") == trust.judge("10.0.0.9", None, found)


def test_networks() -> None:
    """A list of one's own takes the place of the private networks."""
    assert (True, "203.0.113.5") == judge("203.0.113.5", networks=("203.0.113.0/24",))
    assert (False, "10.0.0.1") == judge("10.0.0.1", networks=("203.0.113.0/24",))


def test_identity_is_trusted() -> None:
    """A verified identity makes up for an address, but not for the client behind it."""
    identities = ("spiffe://example.org/shop",)
    peer = "203.0.113.5"
    assert (True, peer) == judge(peer, identity=SHOP, identities=identities)
    assert (False, peer) == judge(peer, identity=SHOP, identities=("spiffe://example.org/x",))
    assert (False, peer) == judge(peer, identity=None, identities=identities)
    said = b"198.51.100.1"
    assert (False, "198.51.100.1") == judge(peer, said, SHOP, identities=identities)


def test_unix_sockets() -> None:
    """A peer without an address is trusted only where the document says so."""
    assert (True, None) == judge(None, unix_sockets=True)
    assert (False, "203.0.113.5") == judge(None, b"203.0.113.5", unix_sockets=True)


@pytest.mark.parametrize(
    "wrong", [{"networks": ("10.0.0.1/8",)}, {"networks": ("shop",)}, {"identities": ("a b",)}]
)
def test_what_is_no_network_or_identity(wrong: dict[str, Any]) -> None:
    """It is an error of the document, not of the first request."""
    with pytest.raises(MeshError, match=next(iter(wrong))):
        InboundTrustOptions(**wrong)
