"""What a server says of a request, as the mesh understands it."""

from __future__ import annotations

import logging
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from meshlib.integrations import _heads
from meshlib.integrations._heads import head_of_environ, head_of_scope
from support.serving import ServerOfASGI, environ_of

SPIFFE = "spiffe://example.org/orders"


@pytest.fixture(scope="module")
def certificate() -> bytes:
    """A certificate of a workload, in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "orders")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(SPIFFE)]), False)
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.DER)


def test_of_a_scope() -> None:
    """Method, path, query, headers, scheme and peer are the scope's."""
    scope = ServerOfASGI(
        "/a b", {"X-One": "1"}, method="PUT", query_string=b"q=1", scheme="https"
    ).scope
    head = head_of_scope(scope)
    assert ("PUT", "/a b", "q=1", "https") == (head.method, head.path, head.query, head.scheme)
    assert [(b"x-one", b"1")] == list(head.headers)
    assert ("127.0.0.1", None) == (head.peer, head.identity)


def test_of_a_scope_without_a_peer() -> None:
    """On a unix socket there is no address."""
    assert head_of_scope(ServerOfASGI(client=None).scope).peer is None


def test_of_an_environ() -> None:
    """Method, path, query, headers, scheme and peer are the environ's."""
    environ = environ_of(
        "/a b", {"X-One": "1"}, method="PUT", QUERY_STRING="q=1", SCRIPT_NAME="/app",
        CONTENT_TYPE="text/plain", CONTENT_LENGTH="5",
    )  # fmt: skip
    head = head_of_environ(environ | {"wsgi.url_scheme": "https"})
    assert ("PUT", "/app/a b", "q=1", "https") == (head.method, head.path, head.query, head.scheme)
    found = dict(head.headers)
    assert {b"x-one": b"1", b"content-type": b"text/plain", b"content-length": b"5"} == found
    assert "127.0.0.1" == head.peer


def test_of_an_environ_without_a_peer() -> None:
    """On a unix socket servers give an empty address."""
    assert head_of_environ(environ_of(REMOTE_ADDR="")).peer is None


def test_path_of_an_environ_is_text() -> None:
    """WSGI's bytes in the guise of latin-1 are read as the application reads them."""
    assert "/ä" == head_of_environ(environ_of("/ä".encode().decode("latin-1"))).path
    assert "/\ufffd" == head_of_environ(environ_of("/\xff")).path


@given(st.dictionaries(st.text(), st.text()))
def test_no_environ_raises(headers: dict[str, str]) -> None:
    """Whatever a server or another middleware put there, a head is made of it."""
    environ = environ_of() | {f"HTTP_{name}": value for name, value in headers.items()}
    head = head_of_environ(environ)
    assert all(isinstance(part, bytes) for pair in head.headers for part in pair)


def test_names_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that makes up names of headers fills no memory."""
    monkeypatch.setattr(_heads, "_NAMES", {})
    for number in range(2000):
        environ = {f"HTTP_X_{number}": "1"}
        assert [(b"x-%d" % number, b"1")] == _heads.headers_of_environ(environ)
    assert len(_heads._NAMES) <= 1024


def test_identity_in_our_own_extension(certificate: bytes) -> None:
    """The certificate that a server of ours saw is the peer's identity, on both interfaces."""
    scope = ServerOfASGI(extensions={"meshlib.tls": {"peer": certificate}}).scope
    assert SPIFFE == head_of_scope(scope).identity.spiffe
    environ = environ_of() | {"meshlib.tls.peer": certificate}
    assert SPIFFE == head_of_environ(environ).identity.spiffe


def test_identity_in_the_extension_of_the_specification(certificate: bytes) -> None:
    """The TLS extension of ASGI has a chain of PEM texts, the peer's own first."""
    pem = ssl.DER_cert_to_PEM_cert(certificate)
    scope = ServerOfASGI(extensions={"tls": {"client_cert_chain": [pem]}}).scope
    assert SPIFFE == head_of_scope(scope).identity.spiffe


@pytest.mark.parametrize(
    "extensions",
    [
        {"http.response.pathsend": {}},
        {"meshlib.tls": {"peer": None}},
        {"meshlib.tls": {"peer": b"nonsense"}},
        {"tls": {"client_cert_chain": []}},
        {"tls": {"client_cert_chain": ["nonsense"]}},
        {"tls": {}},
    ],
    ids=str,
)
def test_no_identity(extensions: Any) -> None:
    """Without a certificate that can be read nobody is identified."""
    assert head_of_scope(ServerOfASGI(extensions=extensions).scope).identity is None


def test_no_identity_for_a_certificate_that_failed(certificate: bytes) -> None:
    """A server may tell of a certificate that it could not verify; it counts for nothing."""
    tls = {
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(certificate)],
        "client_cert_error": "unknown authority",
    }
    assert head_of_scope(ServerOfASGI(extensions={"tls": tls}).scope).identity is None


def test_no_identity_is_forged_by_headers(certificate: bytes) -> None:
    """A header named as the variable of ours is a header."""
    headers = {"meshlib.tls.peer": certificate.decode("latin-1")}
    assert head_of_environ(environ_of("/", headers)).identity is None


def test_unreadable_certificate_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """That a verified certificate names nobody is worth a line, once."""
    caplog.set_level(logging.WARNING, "meshlib")
    for _ in range(2):
        assert _heads.identity_in(b"no certificate at all") is None
    assert 1 == len(caplog.records)
