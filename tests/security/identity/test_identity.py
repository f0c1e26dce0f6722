"""What a certificate says of its holder, and what a peer may be asked to be."""

from __future__ import annotations

import hashlib
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from meshlib import ConfigurationError
from meshlib.security.identity import (
    PeerIdentity,
    SpiffeId,
    check_pattern,
    identity_of,
    parse_spiffe,
)
from support.issuer import DAY, Issuer

ISSUER = Issuer()
USERS = "spiffe://example.org/ns/shop/users"


def test_spiffe_ids_have_a_trust_domain_and_a_path() -> None:
    """Both parts come out as they went in."""
    assert parse_spiffe(USERS) == SpiffeId("example.org", "/ns/shop/users")
    assert parse_spiffe("spiffe://example.org") == SpiffeId("example.org", "")
    assert str(parse_spiffe(USERS)) == USERS


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("https://example.org/users", "no SPIFFE ID"),
        ("SPIFFE://example.org/users", "no SPIFFE ID"),
        ("spiffe://", "trust domain"),
        ("spiffe://Example.org/users", "trust domain"),
        ("spiffe://example.org:443/users", "trust domain"),
        ("spiffe://user@example.org/users", "trust domain"),
        ("spiffe://example.org/", "segment"),
        ("spiffe://example.org/users/", "segment"),
        ("spiffe://example.org//users", "segment"),
        ("spiffe://example.org/./users", "segment"),
        ("spiffe://example.org/../users", "segment"),
        ("spiffe://example.org/us%65rs", "segment"),
        ("spiffe://example.org/users?a=b", "segment"),
        ("spiffe://example.org/" + "a" * 2048, "2048"),
    ],
)
def test_what_is_no_spiffe_id_is_refused(text: str, about: str) -> None:
    """Everything that the standard rules out, with a reason."""
    with pytest.raises(ValueError, match=about):
        parse_spiffe(text)


@given(some.text())
def test_parsing_a_spiffe_id_raises_nothing_but_value_errors(text: str) -> None:
    """Whatever a certificate holds."""
    try:
        assert str(parse_spiffe(text)) == text
    except ValueError:
        pass


@pytest.mark.parametrize(
    ("pattern", "holder", "fits"),
    [
        (USERS, USERS, True),
        (USERS, USERS + "2", False),
        (USERS, USERS + "/x", False),
        ("spiffe://example.org", USERS, True),
        ("spiffe://example.org", "spiffe://example.org", True),
        ("spiffe://example.org", "spiffe://example.org.evil.net/users", False),
        ("spiffe://example.com", USERS, False),
        ("spiffe://example.org/ns/shop/*", USERS, True),
        ("spiffe://example.org/ns/shop/*", "spiffe://example.org/ns/shop", False),
        ("spiffe://example.org/ns/sho/*", USERS, False),
        ("spiffe://example.org/*", USERS, True),
        ("spiffe://example.org/*", "spiffe://example.org", False),
        ("example.org", USERS, False),
    ],
)
def test_patterns_of_spiffe_ids(pattern: str, holder: str, fits: bool) -> None:
    """One workload, everything below a path, or a whole trust domain."""
    peer = PeerIdentity(spiffe=holder)
    assert peer.matches(pattern) is fits
    assert peer.serves(pattern) is fits


@pytest.mark.parametrize(
    ("pattern", "held", "matches", "serves"),
    [
        ("users.example.org", "users.example.org", True, True),
        ("USERS.example.org.", "users.example.org", True, True),
        ("users.example.org", "orders.example.org", False, False),
        ("*.example.org", "users.example.org", True, True),
        ("*.example.org", "a.users.example.org", False, False),
        ("*.example.org", "example.org", False, False),
        ("*.example.org", "*.example.org", True, True),
        ("users.example.org", "*.example.org", False, True),
        ("a.users.example.org", "*.example.org", False, False),
        ("org", "*", False, False),
        (USERS, "users.example.org", False, False),
    ],
)
def test_patterns_of_dns_names(pattern: str, held: str, matches: bool, serves: bool) -> None:
    """A wildcard in a certificate covers hosts, for a server alone."""
    peer = PeerIdentity(dns=(held,))
    assert peer.matches(pattern) is matches
    assert peer.serves(pattern) is serves


@pytest.mark.parametrize("text", ["", "a b", "spiffe://", "http://x", "*", "-a", "a..b", "a/b"])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    """A pattern that can never fit is a mistake."""
    with pytest.raises(ValueError, match=r"SPIFFE|trust domain"):
        check_pattern(text)


def test_the_identity_in_a_certificate() -> None:
    """All names, the fingerprint and the end."""
    pair = ISSUER.issue("Users.Example.org", "127.0.0.1", uris=(USERS,), common="users")
    found = identity_of(pair.der)
    assert found.spiffe == USERS == found.name
    assert found.dns == ("users.example.org",)
    assert found.common_name == "users"
    assert found.fingerprint == hashlib.sha256(pair.der).hexdigest()
    assert found.not_after == pytest.approx(time.time() + 90 * DAY, abs=60)
    assert str(found) == f"{USERS}, users.example.org"


def test_two_uris_are_no_spiffe_id() -> None:
    """The standard has validators refuse such a certificate."""
    pair = ISSUER.issue("users", uris=(USERS, "spiffe://example.org/orders"))
    found = identity_of(pair.der)
    assert found.spiffe is None
    assert found.name == "users"


def test_other_uris_are_no_spiffe_id() -> None:
    """A web page does not name a workload."""
    found = identity_of(ISSUER.issue(uris=("https://example.org/users",)).der)
    assert found.spiffe is None
    assert found.name is None
    assert str(found) == "CN=leaf"


def test_a_certificate_without_names_is_told_by_its_fingerprint() -> None:
    """A common name matches nothing, and there may not even be one."""
    found = identity_of(ISSUER.issue(common="").der)
    assert found.common_name is None
    assert found.fingerprint[:16] in str(found)
    assert not identity_of(ISSUER.issue(common="users").der).matches("users")


@given(some.binary(max_size=300))
def test_what_is_no_certificate_is_a_value_error(content: bytes) -> None:
    """Whatever it holds."""
    with pytest.raises(ValueError, match="no certificate"):
        identity_of(content)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who uses TLS options is told what to install."""
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ConfigurationError, match=r"meshlib\[tls\]"):
        identity_of(ISSUER.issue(common="nobody").der)
