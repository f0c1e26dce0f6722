"""TLS contexts that go on with what is in force, and judge who is at the other end."""

from __future__ import annotations

import http.client
import pickle
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshlib import CertificateError, ConfigurationError, HandshakeError
from meshlib.events import CertificateLoaded
from meshlib.security import (
    ReloadingContext,
    ServerTLSOptions,
    TLSOptions,
    client_context,
    refused,
    server_context,
)
from meshlib.security.certificates import CheckedContext
from support import ScriptedServer
from support.issuer import Issuer
from support.tls_servers import uvicorn_tls

ISSUER = Issuer()
USERS = "spiffe://example.org/users"
CHECKOUT = "spiffe://example.org/checkout"


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Makes a certificate for *uri*, with the roots that everybody here trusts."""

    def make(uri: str, *hosts: str) -> dict[str, Any]:
        directory = tmp_path / uri.rpartition("/")[2]
        directory.mkdir(exist_ok=True)
        cert, key = ISSUER.issue(*hosts, uris=(uri,)).write(directory)
        return {"cert": cert, "key": key, "ca": ISSUER.write(tmp_path / "ca.pem")}

    return make


class Wire:
    """A client and a server in memory."""

    def __init__(self, client: ssl.SSLContext, server: ssl.SSLContext, **options: Any) -> None:
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client: Any = client.wrap_bio(back, there, **options)
        self.server: Any = server.wrap_bio(there, back, server_side=True)

    def shake(self) -> list[BaseException]:
        """Shake hands as event loops do; what each side raised."""
        errors: list[BaseException] = []
        for _ in range(4):
            for side in (self.client, self.server):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                except ssl.SSLError as exc:
                    errors.append(exc)
        return errors


def test_both_sides_are_judged(files: Callable[..., Any]) -> None:
    """The server by the pattern, the client by the roots."""
    server = server_context(**files(USERS))
    wire = Wire(client_context(**files(CHECKOUT), identity=USERS), server)
    assert wire.shake() == []
    assert wire.client.context.verify_mode is ssl.CERT_REQUIRED
    assert wire.client.context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert wire.server.getpeercert(True) is not None
    assert wire.client.write(b"hello") == 5
    assert wire.server.read(10) == b"hello"


def test_tls_13_can_be_the_lowest(files: Callable[..., Any]) -> None:
    """Where all peers speak it."""
    assert client_context(min_version="1.3").current.minimum_version is ssl.TLSVersion.TLSv1_3
    server = server_context(**files(USERS), min_version="1.3")
    assert server.current.minimum_version is ssl.TLSVersion.TLSv1_3


def test_nobody_is_read_from_or_written_to_unjudged(files: Callable[..., Any]) -> None:
    """Reading and writing shake hands by themselves, and must not go around the judgement."""
    context = client_context(**files(CHECKOUT), identity="spiffe://example.org/orders")
    uses: list[Any] = [lambda side: side.write(b"secret"), lambda side: side.read(1)]
    for use in uses:
        wire = Wire(context, server_context(**files(USERS)))
        for _ in range(3):
            for side in (wire.client, wire.server):
                try:
                    side._sslobj.do_handshake()  # what C code may do
                except ssl.SSLWantReadError:
                    continue
        with pytest.raises(HandshakeError, match="must be spiffe://example"):
            use(wire.client)


def test_a_server_sends_its_alert_before_it_fails(files: Callable[..., Any]) -> None:
    """An event loop drops what is to be sent with the connection that failed."""
    wire = Wire(
        client_context(ca=files(USERS)["ca"], identity=USERS), server_context(**files(USERS))
    )
    [error] = {id(each): each for each in wire.shake()}.values()
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in str(error)
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED") as caught:
        wire.client.read(1)
    found = refused(caught.value)
    assert found is not None
    assert found.by_server
    assert found.reason == "client_certificate_missing"


def test_what_is_no_tls_ends_a_handshake_at_once(files: Callable[..., Any]) -> None:
    """There is an end of the connection that nobody has to be told of."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = server_context(**files(USERS)).wrap_bio(there, back, server_side=True)
    there.write_eof()
    with pytest.raises(ssl.SSLError):
        side.do_handshake()


def test_a_context_goes_on_with_what_is_in_force(files: Callable[..., Any]) -> None:
    """Each connection has the certificate of when it began; old ones are not touched."""
    heard: list[Any] = []
    context = client_context(TLSOptions(**files(CHECKOUT), identity=(USERS,)), emit=heard.append)
    server = server_context(ServerTLSOptions(**files(USERS)), emit=heard.append)
    first = Wire(context, server)
    assert first.shake() == []
    files(CHECKOUT)
    files(USERS)
    context.certificates.look()
    server.certificates.look()
    second = Wire(context, server)
    assert second.shake() == []
    shown = [wire.server.getpeercert(True) for wire in (first, second)]
    assert shown[0] != shown[1]
    assert first.client.context.outdated
    assert first.server.context.outdated
    assert first.client.write(b"x") == 1
    assert first.server.read(1) == b"x"
    assert [type(event) for event in heard] == [CertificateLoaded] * 4
    assert [event.number for event in heard] == [1, 1, 2, 2]


def test_protocols_are_carried_over(files: Callable[..., Any]) -> None:
    """Clients set them on the context for each connection."""
    context = client_context(**files(CHECKOUT), identity=USERS)
    server = server_context(**files(USERS), alpn=["h2", "http/1.1"])
    for _ in range(2):
        context.set_alpn_protocols(["http/1.1"])
        wire = Wire(context, server)
        assert wire.shake() == []
        assert wire.client.selected_alpn_protocol() == "http/1.1"
        files(CHECKOUT)
        context.certificates.look()
    wire = Wire(client_context(**files(CHECKOUT), identity=USERS), server)
    wire.shake()
    assert wire.client.selected_alpn_protocol() is None


def test_callers_may_be_without_a_certificate(files: Callable[..., Any]) -> None:
    """Where it is requested only, or not at all."""
    for wish, mode in (("requested", ssl.CERT_OPTIONAL), ("none", ssl.CERT_NONE)):
        server = server_context(**files(USERS), client_certificates=wish)
        assert server.verify_mode is mode
        assert Wire(client_context(ca=files(USERS)["ca"], identity=USERS), server).shake() == []


def test_the_roots_of_the_system_are_those_of_httpx(
    files: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or those that the usual variables name."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    assert len(client_context().current.get_ca_certs()) > 50
    monkeypatch.setenv("SSL_CERT_FILE", files(USERS)["ca"])
    assert client_context().current.cert_store_stats()["x509_ca"] >= 1
    assert client_context().check_hostname


def test_any_library_can_use_a_context(files: Callable[..., Any]) -> None:
    """httpx's own transports and the standard library: the identity is checked in each."""
    right = client_context(**files(CHECKOUT), identity=USERS)
    wrong = client_context(**files(CHECKOUT), identity="spiffe://example.org/orders")
    with uvicorn_tls(server_context(**files(USERS))) as url:
        with httpx.Client(transport=httpx.HTTPTransport(verify=right)) as client:
            assert client.get(url).content != b""
        with (
            httpx.Client(transport=httpx.HTTPTransport(verify=wrong)) as client,
            pytest.raises(httpx.ConnectError, match="wrong identity"),
        ):
            client.get(url)
        connection = http.client.HTTPSConnection(url.removeprefix("https://"), context=right)
        connection.request("GET", "/")
        assert connection.getresponse().read() != b""
        connection.close()
        connection = http.client.HTTPSConnection(url.removeprefix("https://"), context=wrong)
        with pytest.raises(HandshakeError, match="wrong identity"):
            connection.request("GET", "/")
        connection.close()


@pytest.mark.parametrize("use", ["send", "read", "write"])
def test_a_socket_that_shakes_hands_late_is_judged_too(files: Callable[..., Any], use: str) -> None:
    """With its first use."""
    context = client_context(**files(CHECKOUT), identity="spiffe://example.org/orders")
    with ScriptedServer(tls=server_context(**files(USERS))) as server:
        raw = socket.create_connection(("127.0.0.1", server.port))
        with (
            context.wrap_socket(raw, do_handshake_on_connect=False) as secured,
            pytest.raises(HandshakeError, match="wrong identity"),
        ):
            getattr(secured, use)(b"x" if use != "read" else 1)


@pytest.mark.parametrize("use", ["send", "read", "write"])
def test_a_socket_that_shakes_hands_late_works(files: Callable[..., Any], use: str) -> None:
    """The right peer is spoken to as ever."""
    ours, theirs = socket.socketpair()
    client = client_context(**files(CHECKOUT), identity=USERS)
    server = server_context(**files(USERS))
    said: list[Any] = []

    def serve() -> None:
        with server.wrap_socket(theirs, server_side=True) as side:
            side.sendall(b"hello")
            said.append(side.recv(1))

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(ours, do_handshake_on_connect=False) as side:
        getattr(side, use)(*([1] if use == "read" else [b"x"]))
        if use == "read":
            side.write(b"x")
        else:
            assert side.read(5) == b"hello"
        thread.join(30)
    assert said == [b"x"]


def test_a_peer_without_any_certificate_is_nobody(files: Callable[..., Any]) -> None:
    """Where a server asks for an identity itself, having none is no way around it."""
    server = server_context(**files(USERS), client_certificates="requested").current
    server.wanted = (CHECKOUT,)
    wire = Wire(client_context(ca=files(USERS)["ca"], identity=USERS), server)
    [error] = {str(each): each for each in wire.shake()}.values()
    assert isinstance(error, HandshakeError)
    assert "certificate without names" in error.presented


def test_wrong_options_and_files_are_told(tmp_path: Path) -> None:
    """When the context is made."""
    with pytest.raises(ConfigurationError, match="cret"):
        client_context(cret="x")
    with pytest.raises(CertificateError, match="No such file"):
        server_context(cert=str(tmp_path / "x"), client_certificates="none")
    assert issubclass(ReloadingContext, ssl.SSLContext)
    assert CheckedContext.outdated is False


def _error(reason: str, kind: type[ssl.SSLError] = ssl.SSLError) -> ssl.SSLError:
    error = kind(1, f"[SSL: {reason}] {reason.lower().replace('_', ' ')} (_ssl.c:1006)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("alert", "shown", "reason"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "", "client_certificate_missing"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "", "client_certificate_missing"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", CHECKOUT, "failed"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", CHECKOUT, "client_certificate_expired"),
        ("SSL/TLS_ALERT_CERTIFICATE_EXPIRED", CHECKOUT, "client_certificate_expired"),
        ("SSLV3_ALERT_CERTIFICATE_REVOKED", CHECKOUT, "client_certificate_revoked"),
        ("TLSV1_ALERT_UNKNOWN_CA", CHECKOUT, "client_certificate_unknown_authority"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", CHECKOUT, "client_certificate_refused"),
        ("TLSV1_ALERT_ACCESS_DENIED", CHECKOUT, "client_certificate_refused"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", CHECKOUT, "failed"),
    ],
)
def test_alerts_say_who_refuses_whom(alert: str, shown: str, reason: str) -> None:
    """By the names that the releases of OpenSSL have for them."""
    found = refused(_error(alert), shown=shown)
    assert found is not None
    assert found.reason == reason
    assert found.by_server is (reason != "failed")
    assert found.presented == (shown or "no certificate")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (2, "unknown_authority"),
        (9, "not_yet_valid"),
        (10, "expired"),
        (19, "unknown_authority"),
        (23, "untrusted"),
        (62, "wrong_identity"),
        (64, "wrong_identity"),
    ],
)
def test_verification_says_what_is_wrong_with_the_peer(code: int, reason: str) -> None:
    """By the codes of OpenSSL, wherever in the causes it is."""
    error: Any = _error("CERTIFICATE_VERIFY_FAILED", ssl.SSLCertVerificationError)
    error.verify_code, error.verify_message = code, "so it is"
    outer = httpx.ConnectError("x")
    outer.__cause__ = error
    found = refused(outer, wanted="users.example.org", roots=("CN=a", "CN=b"))
    assert found is not None
    assert found.reason == reason
    assert "so it is" in found.text
    assert not found.by_server
    assert ("CN=a; CN=b" in found.text) is (reason == "unknown_authority")


def test_what_is_not_about_certificates_says_nothing() -> None:
    """A reset is a reset, a loop of causes ends, and another failure of TLS is left alone."""
    error = ConnectionResetError("reset")
    other = OSError("x")
    error.__cause__, other.__cause__ = other, error
    assert refused(error) is None
    assert refused(_error("WRONG_VERSION_NUMBER")) is None


def test_a_handshake_error_can_be_handed_on() -> None:
    """To another process, and to libraries that show what the system said."""
    error = HandshakeError("so it is", reason="expired", presented="a", wanted="b", service="users")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.strerror, copy.reason) == ("so it is", "so it is", "expired")
    assert (copy.presented, copy.wanted, copy.service) == ("a", "b", "users")
