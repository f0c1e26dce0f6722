"""Judging tokens that callers show."""

from __future__ import annotations

import base64
import hmac
import json
import sys
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from meshlib import ConfigurationError
from meshlib.security.tokens import (
    Claims,
    TokenRefusal,
    TokenVerificationOptions,
    TokenVerifier,
)
from support import FakeClock

NOW = 1_700_000_000.0
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OTHER = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
GOOD = {"iss": "https://idp", "aud": "orders", "sub": "alice", "exp": NOW + 60}


def key_set(*keys: Any, **more: Any) -> bytes:
    """A public key set."""
    return json.dumps({"keys": [{**key.as_dict(private=False), **more} for key in keys]}).encode()


def verifier(*keys: Any, **options: Any) -> TokenVerifier:
    """A verifier with keys at hand."""
    said = {"issuer": "https://idp", "audience": "orders", "jwks": "https://idp/jwks", **options}
    made = TokenVerifier(
        TokenVerificationOptions(**said), clock=FakeClock(), wall_clock=lambda: NOW
    )
    made.keys.take(key_set(*(keys or (RSA, EC, ED))))
    return made


def token(key: Any = RSA, alg: str = "RS256", header: Any = None, **claims: Any) -> str:
    """A signed token; a claim of None is left out."""
    values = {name: value for name, value in {**GOOD, **claims}.items() if value is not None}
    said = {"alg": alg, "kid": key.kid, **(header or {})}
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jws.serialize_compact(said, json.dumps(values), key, [alg], registry)


def verify(shown: str, **options: Any) -> Any:
    """What becomes of a token."""
    return verifier(**options).verify(f"Bearer {shown}".encode())


def test_a_good_token_says_who_its_bearer_is() -> None:
    """As issuer and subject, which nobody else can be."""
    claims = verify(token(scope="read write", scp=["admin", 7]))
    assert isinstance(claims, Claims)
    assert claims.caller == "https://idp/alice"
    assert (claims.issuer, claims.subject) == ("https://idp", "alice")
    assert claims.scopes == {"read", "write", "admin"}
    assert claims.values["sub"] == "alice"
    assert repr(claims) == "<Claims of 'https://idp/alice'>"


def test_the_subject_alone_where_the_document_says_so() -> None:
    """For issuers of SPIFFE ids."""
    assert verify(token(sub="spiffe://prod/a"), caller="subject").caller == "spiffe://prod/a"


@pytest.mark.parametrize(
    ("key", "alg", "options"),
    [
        (RSA, "RS256", {}),
        (EC, "ES256", {}),
        (RSA, "PS512", {"algorithms": ["PS512"]}),
        (ED, "EdDSA", {"algorithms": "EdDSA"}),
        (ED, "Ed25519", {"algorithms": ["Ed25519"]}),
    ],
)
def test_each_kind_of_signature_is_checked(key: Any, alg: str, options: Any) -> None:
    """By the key of its kind."""
    assert isinstance(verify(token(key, alg), **options), Claims)


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (lambda: token(OTHER), "the signature is wrong"),
        (lambda: token(exp=NOW - 31), "the token has expired"),
        (lambda: token(exp=None), "a claim is missing"),
        (lambda: token(sub=None), "a claim is missing"),
        (lambda: token(iss=None), "a claim is missing"),
        (lambda: token(aud=None), "a claim is missing"),
        (lambda: token(team=None), "a claim is missing"),
        (lambda: token(nbf=NOW + 31, team=1), "the token is not valid yet"),
        (lambda: token(iat=NOW + 31, team=1), "the token is of the future"),
        (lambda: token(iss="https://evil", team=1), "the issuer is another"),
        (lambda: token(aud=["billing"], team=1), "the audience is another"),
        (lambda: token(aud=7, team=1), "the audience is another"),
        (lambda: token(alg="RS384"), "the algorithm is not allowed"),
        (lambda: token(RSAKey.generate_key(2048, {"kid": "new"})), "the key is unknown"),
        (lambda: token(exp=True), "the token is malformed"),
        (lambda: token(exp="soon"), "the token is malformed"),
        (lambda: token(sub="", team=1), "the token is malformed"),
        (lambda: token(sub=7, team=1), "the token is malformed"),
        (lambda: unsigned({"alg": "RS256", "crit": ["x"], "x": 1}), "the token is malformed"),
        (lambda: token(header={"kid": "ec"}), "the token is malformed"),
        (lambda: token() + "x", "the signature is wrong"),
        (lambda: token()[:-8], "the signature is wrong"),
        (lambda: "x", "the token is malformed"),
        (lambda: "a.b.c", "the token is malformed"),
        (lambda: "", "the token is malformed"),
        (lambda: "x" * 20_000, "the token is malformed"),
    ],
)
def test_a_token_that_is_not_good_is_refused_with_the_class_of_its_fault(
    shown: Any, reason: str
) -> None:
    """The answer is 401 and repeats nothing of the token."""
    said = shown()
    refusal = verify(said, required=["team"] if reason != "the token has expired" else [])
    assert isinstance(refusal, TokenRefusal)
    assert refusal.status == 401
    assert refusal.reason == (reason if said else "the token is malformed")
    ((name, value),) = refusal.headers
    assert name == b"www-authenticate"
    assert value.startswith(b'Bearer realm="meshlib"')
    assert said[:10].encode() not in value or len(said) < 10


def unsigned(header: dict[str, Any], signature: bytes = b"") -> str:
    """A token with any header, whatever its signature is."""
    parts = (json.dumps(header).encode(), json.dumps(GOOD).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, "HS256", 7, ["RS256"]])
def test_no_other_algorithm_is_taken(alg: Any) -> None:
    """Not `none`, and no HMAC."""
    assert isinstance(verify(unsigned({"alg": alg, "kid": "rsa"})), TokenRefusal)


def test_a_public_key_is_no_secret() -> None:
    """The attack: HMAC by the public key, which everybody knows."""
    head = unsigned({"alg": "HS256", "kid": "rsa"}).rpartition(".")[0]
    made = hmac.digest(RSA.as_pem(private=False), head.encode(), "sha256")
    forged = f"{head}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"
    assert verify(forged).reason == "the algorithm is not allowed"


def test_a_key_in_the_token_itself_counts_for_nothing() -> None:
    """The attacks by `jwk`, `jku` and `x5u`."""
    more = {"jwk": OTHER.as_dict(private=False), "jku": "https://evil", "x5u": "https://evil"}
    assert verify(token(OTHER, header=more)).reason == "the signature is wrong"


def test_leeway_is_for_both_ends() -> None:
    """Clocks differ."""
    assert isinstance(verify(token(exp=NOW - 29, nbf=NOW + 29, iat=NOW + 29)), Claims)


@pytest.mark.parametrize("shown", [None, b"", b"Basic abc", "Basic Bearer"])
def test_without_a_bearer_token_the_answer_names_no_error(shown: Any) -> None:
    """As RFC 6750 has it."""
    refusal = verifier().verify(shown)
    assert isinstance(refusal, TokenRefusal)
    assert refusal.headers == ((b"www-authenticate", b'Bearer realm="meshlib"'),)


def test_an_optional_token_may_be_left_out_but_not_be_bad() -> None:
    """A bad one is refused although none would do."""
    asked = verifier(optional=True)
    assert asked.verify(None) is None
    assert asked.verify(b"  ") is None
    assert isinstance(asked.verify(b"Basic abc"), TokenRefusal)
    assert isinstance(asked.verify(b"Bearer x.y.z"), TokenRefusal)


def test_a_scope_that_is_missing_is_403() -> None:
    """And the answer says which are needed."""
    refusal = verify(token(scope="read"), scopes=["read", "write"])
    assert refusal.status == 403
    assert b'scope="read write"' in refusal.headers[0][1]
    assert isinstance(verify(token(scope="write read"), scopes=["read", "write"]), Claims)


def test_the_type_counts_where_the_document_says_so() -> None:
    """With or without `application/`, in any case."""
    good = token(header={"typ": "application/AT+jwt"})
    assert isinstance(verify(good, type="at+jwt"), Claims)
    assert isinstance(verify(token(), type="at+jwt"), TokenRefusal)


def test_without_keys_nobody_is_judged() -> None:
    """It is our fault, not the caller's: 503."""
    made = TokenVerifier(TokenVerificationOptions(issuer="i", audience="a", jwks="/f"))
    refusal = made.verify(b"Bearer x.y.z")
    assert isinstance(refusal, TokenRefusal)
    assert (refusal.status, refusal.headers) == (503, ((b"retry-after", b"1"),))


def test_a_key_is_for_its_own_algorithm() -> None:
    """When the set says for which."""
    asked = verifier(algorithms=["RS256", "RS512"])
    asked.keys.take(key_set(RSA, alg="RS512"))
    assert isinstance(asked.verify(f"Bearer {token()}"), TokenRefusal)
    assert isinstance(asked.verify(f"Bearer {token(alg='RS512')}"), Claims)


def test_a_token_without_a_key_id_is_judged_by_the_only_key() -> None:
    """And by none of several."""
    shown = "Bearer " + jwt.encode({"alg": "RS256"}, GOOD, RSA, ["RS256"])
    assert isinstance(verifier(RSA).verify(shown), Claims)
    assert isinstance(verifier(RSA, EC).verify(shown), TokenRefusal)


def test_the_realm_is_what_a_header_can_hold() -> None:
    """Quotes and line breaks are left out."""
    options = TokenVerificationOptions(issuer="i", audience="a", jwks="/f")
    refusal = TokenVerifier(options, realm='a"b\r\n\\é').verify(None)
    assert isinstance(refusal, TokenRefusal)
    assert refusal.headers == ((b"www-authenticate", b'Bearer realm="ab"'),)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"algorithms": "none"}, "algorithms[0]"),
        ({"algorithms": ["HS256"]}, "algorithms[0]"),
        ({"algorithms": []}, "algorithms"),
        ({"jwks": "ftp://idp/jwks"}, "jwks"),
        ({"jwks": "https://user:hunter2@idp/jwks"}, "jwks"),
        ({"jwks": "https://[idp"}, "jwks"),
        ({"jwks": " "}, "jwks"),
        ({"jwks": "https://idp/jwks#one"}, "jwks"),
        ({"issuer": []}, "issuer"),
        ({"audience": [""]}, ""),
        ({"issuers": "x"}, "issuers"),
    ],
)
def test_options_that_are_invalid_are_named(options: Any, path: str) -> None:
    """With their place, and without a secret that stands in a URL."""
    said = {"issuer": "i", "audience": "a", "jwks": "/f", **options}
    with pytest.raises(ConfigurationError) as caught:
        TokenVerificationOptions(**said)
    assert caught.value.path == path
    assert "hunter2" not in str(caught.value)


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(["RS256", "ES256", "none", "HS256", None, 1, []]),
        "kid": st.sampled_from(["rsa", "ec", "x", None, 1, {}, ["rsa"]]),
        "typ": st.text(max_size=3),
        "crit": st.sampled_from([[], ["b64"], "x", None]),
        "b64": st.booleans(),
        "zip": st.just("DEF"),
    },
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
ASKED = verifier(RSA, EC)
GENUINE = token()


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_header_is_judged(shown: bytes | str) -> None:
    """Never raises, and never grants."""
    assert isinstance(ASKED.verify(shown), TokenRefusal)


@given(HEADERS, ANYTHING, st.binary(max_size=300))
def test_a_forged_token_is_never_granted(header: Any, claims: Any, signature: bytes) -> None:
    """Whatever its header, its claims and its signature are."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    shown = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    assert isinstance(ASKED.verify(f"Bearer {shown}"), TokenRefusal)


@given(st.data())
def test_a_token_that_was_changed_anywhere_is_never_granted(data: st.DataObject) -> None:
    """One character is enough; the last one of a part may hold bits that mean nothing."""
    index = data.draw(st.integers(0, len(GENUINE) - 1))
    other = data.draw(st.sampled_from("AZaz09-_.=+/ \x00"))
    changed = GENUINE[:index] + other + GENUINE[index + 1 :]
    decoded = [base64.urlsafe_b64decode(part + "==") for part in GENUINE.split(".")]
    try:
        same = decoded == [base64.urlsafe_b64decode(part + "==") for part in changed.split(".")]
    except ValueError:
        same = False
    result = ASKED.verify(f"Bearer {changed}")
    assert isinstance(result, TokenRefusal) or same


@given(st.dictionaries(st.sampled_from(["exp", "nbf", "iat", "sub", "aud", "iss"]), ANYTHING))
def test_claims_that_are_signed_may_still_be_anything(claims: dict[str, Any]) -> None:
    """Even the issuer's own nonsense never raises, and what is granted has the right claims."""
    try:
        shown = jwt.encode({"alg": "RS256", "kid": "rsa"}, {**GOOD, **claims}, RSA, ["RS256"])
    except (ValueError, TypeError):
        return
    result = ASKED.verify(f"Bearer {shown}")
    if isinstance(result, Claims):
        assert result.issuer == "https://idp"
        assert result.subject
        assert result.values["exp"] > NOW - 30


def test_without_the_library_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is an extra, as most applications verify no tokens."""
    monkeypatch.setitem(sys.modules, "joserfc", None)
    with pytest.raises(ConfigurationError, match=r"meshlib-client\[tokens\]"):
        verifier()
