"""Who refuses whom in a handshake, and that the error says which."""

from __future__ import annotations

import asyncio
import ssl
import traceback
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from meshlib import AsyncMeshClient, ConfigurationError, HandshakeError, MeshClient, MeshError
from meshlib.security import server_context
from support import ScriptedServer, close_at_once, half_body
from support.issuer import DAY, Issuer
from support.tls_servers import hypercorn_tls, uvicorn_tls

USERS = "spiffe://example.org/users"
CHECKOUT = "spiffe://example.org/checkout"
WAYS = ["threads", "asyncio", "trio", "http2"]
VERSIONS = ["1.2", "1.3"]


class Site:
    """Certificates of every kind, each a `{cert, key}`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.issuer, self.other = Issuer("ours"), Issuer("theirs")
        self.root = self.issuer.write(path / "ours.pem")
        self.other_root = self.other.write(path / "theirs.pem")

    def issue(self, name: str, *hosts: str, issuer: Issuer | None = None, **about: Any) -> Any:
        """A certificate and its key as files, called *name*."""
        directory = self._path / name
        directory.mkdir()
        cert, key = (issuer or self.issuer).issue(*hosts, **about).write(directory)
        return {"cert": cert, "key": key}

    def server(self, *hosts: str, version: str = "1.3", **about: Any) -> ssl.SSLContext:
        """The context of a server, which a strict `server_context` might not make."""
        pair = self.issue("server", *hosts, **{"uris": (USERS,), **about})
        context = server_context(**pair, ca=self.root)
        if version == "1.2":
            context.current.maximum_version = ssl.TLSVersion.TLSv1_2
        return context


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Certificates of this test alone."""
    return Site(tmp_path)


def document(url: str, **tls: Any) -> dict[str, Any]:
    """A document with one service."""
    return {"services": {"users": {"endpoints": [url], "tls": tls}}}


def call(way: str, config: Any, **options: Any) -> httpx.Response:
    """One request by this way."""
    if way == "threads":
        with MeshClient("checkout", config=config, **options) as client:
            return client.get("http://users/")
    options["http2"] = way == "http2"

    async def main() -> httpx.Response:
        async with AsyncMeshClient("checkout", config=config, **options) as client:
            return await client.get("http://users/")

    return anyio.run(main, backend="trio" if way == "trio" else "asyncio")


def refusal(way: str, server: ScriptedServer, kind: type[Exception], **tls: Any) -> HandshakeError:
    """What a call is refused with: its cause, which names the service and the endpoint."""
    with pytest.raises(kind) as caught:
        call(way, document(server.url, **tls))
    cause = caught.value.__cause__
    assert isinstance(cause, HandshakeError)
    assert isinstance(cause, MeshError)
    assert isinstance(cause, ssl.SSLError)
    assert str(caught.value) == str(cause)
    assert str(cause).startswith(f"users: {server.url}: ")
    assert (cause.service, cause.endpoint) == ("users", server.url)
    assert server.requests == []  # nothing was sent to whom it was not for
    return cause


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "identity", [USERS, "spiffe://example.org", [f"{USERS}2", "spiffe://example.org/*"]]
)
def test_the_identity_is_found_wherever_the_endpoint_is(
    site: Site, way: str, version: str, identity: Any
) -> None:
    """The certificate has no name of the host, and needs none."""
    pair = site.issue("client", uris=(CHECKOUT,))
    with ScriptedServer(tls=site.server(version=version)) as server:
        response = call(way, document(server.url, **pair, ca=site.root, identity=identity))
    assert response.status_code == 200
    assert server.url.startswith("https://127.0.0.1:")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", VERSIONS)
def test_another_identity_is_refused(site: Site, way: str, version: str) -> None:
    """What was presented, and what was wanted."""
    pair = site.issue("client", uris=(CHECKOUT,))
    with ScriptedServer(tls=site.server("localhost", version=version)) as server:
        wanted = ["spiffe://example.org/orders", "orders.example.org"]
        found = refusal(way, server, httpx.ConnectError, **pair, ca=site.root, identity=wanted)
    assert found.reason == "wrong_identity"
    assert found.presented == f"{USERS}, localhost"
    assert found.wanted == "spiffe://example.org/orders or orders.example.org"
    assert found.presented in str(found)
    assert found.wanted in str(found)


@pytest.mark.parametrize("way", WAYS)
def test_without_an_identity_the_host_decides(site: Site, way: str) -> None:
    """As everywhere on the web."""
    pair = site.issue("client", uris=(CHECKOUT,))
    with ScriptedServer(tls=site.server("localhost")) as server:
        found = refusal(way, server, httpx.ConnectError, **pair, ca=site.root)
        assert found.reason == "wrong_identity"
        assert found.wanted == "127.0.0.1"
        assert "127.0.0.1" in str(found)
        there = document(server.url, **pair, ca=site.root, server_name="localhost")
        assert call(way, there).status_code == 200


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("about", "reason", "text"),
    [
        ({"begins": -2 * DAY, "ends": -DAY}, "expired", "its certificate has expired"),
        ({"begins": DAY, "ends": 2 * DAY}, "not_yet_valid", "its certificate is not yet valid"),
    ],
)
def test_a_server_out_of_its_time_is_refused(
    site: Site, way: str, about: dict[str, Any], reason: str, text: str
) -> None:
    """Too late or too early."""
    pair = site.issue("client", uris=(CHECKOUT,))
    with ScriptedServer(tls=site.server(**about)) as server:
        found = refusal(way, server, httpx.ConnectError, **pair, ca=site.root, identity=USERS)
    assert found.reason == reason
    assert text in str(found)


@pytest.mark.parametrize("way", WAYS)
def test_a_server_of_an_unknown_authority_is_refused(site: Site, way: str) -> None:
    """The roots that are trusted are named."""
    pair = site.issue("client", uris=(CHECKOUT,))
    with ScriptedServer(tls=site.server()) as server:
        found = refusal(way, server, httpx.ConnectError, **pair, ca=site.other_root, identity=USERS)
    assert found.reason == "unknown_authority"
    assert "CN=theirs" in found.wanted
    assert "CN=theirs" in str(found)


CLIENTS = [
    pytest.param({}, "client_certificate_missing", "none was shown", id="missing"),
    pytest.param(
        {"begins": -2 * DAY, "ends": -DAY}, "client_certificate_expired", "as expired", id="expired"
    ),
    pytest.param(
        {"begins": DAY, "ends": 2 * DAY}, "client_certificate_refused", CHECKOUT, id="not-yet"
    ),
    pytest.param(
        {"issuer": "theirs"},
        "client_certificate_unknown_authority",
        "does not trust the authority",
        id="unknown",
    ),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("about", "reason", "text"), CLIENTS)
def test_a_client_that_is_refused_is_told_why(
    site: Site, way: str, version: str, about: dict[str, Any], reason: str, text: str
) -> None:
    """Under TLS 1.3 the server says so after the handshake; then it is a ReadError."""
    pair = {}
    if about:
        issuer = site.other if "issuer" in about else None
        pair = site.issue("client", **{**about, "issuer": issuer, "uris": (CHECKOUT,)})
    kind = httpx.ReadError if version == "1.3" else httpx.ConnectError
    with ScriptedServer(tls=site.server(version=version)) as server:
        found = refusal(way, server, kind, **pair, ca=site.root, identity=USERS)
        assert len(server.connections) <= 1  # nobody tried again
    assert found.reason == reason
    assert text in str(found)
    assert found.presented == (CHECKOUT if about else "no certificate")


@pytest.mark.parametrize("way", ["threads", "asyncio"])
def test_a_refusal_of_the_client_is_not_retried(site: Site, way: str) -> None:
    """Another attempt would show the same certificate; the endpoint counts as failed."""
    outcomes: list[Any] = []
    with ScriptedServer(tls=site.server()) as server:
        config = document(server.url, ca=site.root, identity=USERS)
        config["services"]["users"]["retry"] = {"max_attempts": 5, "backoff": {"initial": 0.001}}
        with pytest.raises(httpx.ReadError):
            call(way, config, listeners=[outcomes.append])
    attempts = [each for each in outcomes if type(each).__name__ == "AttemptFinished"]
    assert [each.outcome for each in attempts] == ["unwelcome"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shown", [True, False])
def test_a_server_that_only_hangs_up_is_suspected(site: Site, way: str, shown: bool) -> None:
    """Servers on asyncio send no alert, so it can be no more than a hint."""
    pair = site.issue("client", uris=(CHECKOUT,)) if shown else {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(**_files(site.issue("server", uris=(USERS,))))
    with ScriptedServer(close_at_once(), tls=context) as server:
        config = document(server.url, **pair, ca=site.root, identity=USERS)
        config["services"]["users"]["retry"] = False
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)) as caught:
            call(way, config)
    hint = "refuses the client certificate" if shown else "requires a client certificate"
    assert hint in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_hangs_up_later_is_not_suspected(site: Site, way: str) -> None:
    """It has answered on that connection, so it was content with the certificate."""
    pair = site.issue("client", uris=(CHECKOUT,))
    with ScriptedServer(half_body(), tls=site.server()) as server:
        config = document(server.url, **pair, ca=site.root, identity=USERS)
        config["services"]["users"]["retry"] = False
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            call(way, config)
    assert "certificate" not in str(caught.value)


def test_a_refused_connection_is_no_matter_of_tls(site: Site) -> None:
    """It is told as httpx tells it."""
    with pytest.raises(httpx.ConnectError) as caught:
        call("threads", document("https://127.0.0.1:1", ca=site.root, identity=USERS))
    assert not isinstance(caught.value.__cause__, HandshakeError)


def _files(pair: dict[str, str]) -> dict[str, str]:
    return {"certfile": pair["cert"], "keyfile": pair["key"]}


def test_a_service_without_tls_options_is_shown_no_certificate(site: Site) -> None:
    """Whatever others are shown; what fails is told as httpx tells it."""
    pair = site.issue("client", uris=(CHECKOUT,))
    trust = ssl.create_default_context(cafile=site.root)
    trust.check_hostname = False
    with uvicorn_tls(_optional(site)) as url:
        both = {
            "users": {"endpoints": [url], "tls": {**pair, "ca": site.root, "identity": USERS}},
            "plain": [url],
        }
        with MeshClient("checkout", config={"services": both}, verify=trust) as client:
            assert client.get("http://users/").content != b""
            assert client.get("http://plain/").content == b""
        with (
            MeshClient("checkout", services={"plain": [url]}) as client,
            pytest.raises(httpx.ConnectError) as caught,
        ):
            client.get("http://plain/")
    assert not isinstance(caught.value.__cause__, HandshakeError)


def test_defaults_are_for_services_and_not_for_outside_origins(site: Site) -> None:
    """The certificate of this process is no business of strangers."""
    pair = site.issue("client", uris=(CHECKOUT,))
    trust = ssl.create_default_context(cafile=site.root)
    trust.check_hostname = False
    with uvicorn_tls(_optional(site)) as url:
        config: dict[str, Any] = {
            "defaults": {"tls": {**pair, "ca": site.root, "identity": "spiffe://example.org"}},
            "services": {"users": [url], "strict": {"endpoints": [url]}},
        }
        config["services"]["strict"]["tls"] = {"identity": "spiffe://example.org/strict"}
        with MeshClient("checkout", config=config, verify=trust) as client:
            assert client.get("http://users/").content != b""
            with pytest.raises(httpx.ConnectError, match=r"must be spiffe://example\.org/strict"):
                client.get("http://strict/")
            assert client.get(url).content == b""


def _optional(site: Site) -> Any:
    pair = site.issue("server", uris=(USERS,))
    return server_context(**pair, ca=site.root, client_certificates="requested")


def test_http2_is_spoken_with_credentials(site: Site) -> None:
    """By ALPN, and over one connection; after a rotation over another one."""
    directory = site._path / "client"
    pair = site.issue("client", uris=(CHECKOUT,))
    with hypercorn_tls(site.server()) as url:  # type: ignore[arg-type]  # it is a reloading one

        async def main() -> list[Any]:
            config = document(url, **pair, ca=site.root, identity=USERS)
            async with AsyncMeshClient("checkout", config=config, http2=True) as client:
                first = await client.get("http://users/")
                again = await client.get("http://users/")
                site.issuer.issue(uris=(CHECKOUT,)).write(directory)
                client.mesh.service("users").policies.tls.certificates.look()
                other = await client.get("http://users/")
                assert first.http_version == other.http_version == "HTTP/2"
                return [
                    each.extensions["network_stream"].get_extra_info("ssl_object")
                    for each in (first, again, other)
                ]

        first, again, other = asyncio.run(main())
    assert first is again
    assert first is not other
    assert first.context.outdated
    assert not other.context.outdated


def test_files_that_cannot_be_used_are_an_error_of_the_document(site: Site) -> None:
    """With the place in it."""
    with pytest.raises(ConfigurationError, match="No such file") as caught:
        MeshClient("checkout", config=document("https://a", ca="/nowhere/ca.pem"))
    assert caught.value.path == "services.users.tls"


def test_no_error_holds_a_key(site: Site) -> None:
    """Nor does its traceback, with everything that led to it."""
    pair = site.issue("client", uris=(CHECKOUT,))
    with ScriptedServer(tls=site.server()) as server:
        try:
            call("threads", document(server.url, **pair, ca=site.root, identity="a.example"))
        except httpx.ConnectError as exc:
            shown = "".join(
                traceback.TracebackException.from_exception(exc, capture_locals=True).format()
            )
    assert Path(pair["key"]).read_text().splitlines()[1] not in shown
