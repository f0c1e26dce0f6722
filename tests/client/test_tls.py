"""What httpx's documentation says of TLS: advanced/ssl, environment variables."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from meshlib import CallOptions
from support import ScriptedServer
from support.site import site
from support.tls import Authority
from support.ways import User

Serve = Callable[..., ScriptedServer]
ONCE = {"mesh": CallOptions(retry=False)}


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Who signs the servers' certificates."""
    return Authority()


@pytest.fixture
def secure(serve: Serve, authority: Authority) -> str:
    """The URL of the site over TLS."""
    server = serve(site(), tls=authority.server("localhost"))
    return f"https://localhost:{server.port}"


def why(error: BaseException | None) -> str:
    """What an error says, and what caused it; on trio only the first cause says it."""
    said = []
    while error is not None:
        said.append(str(error))
        error = error.__cause__ or error.__context__
    return " ".join(said)


async def test_trusted_certificate_is_accepted(
    use: Callable[..., User], secure: str, authority: Authority
) -> None:
    """`verify` takes a context, and one connection serves several requests."""
    user = use(secure, verify=authority.trust())
    assert (await user.get("/echo")).status_code == 200
    assert (await user.post("/echo", json={})).status_code == 200


async def test_unknown_certificate_is_refused(use: Callable[..., User], secure: str) -> None:
    """By default only known authorities are trusted; what fails is the connection."""
    with pytest.raises(httpx.ConnectError) as caught:
        await use(secure).get("/echo", extensions=ONCE)
    assert "CERTIFICATE_VERIFY_FAILED" in why(caught.value)


async def test_verification_can_be_turned_off(use: Callable[..., User], secure: str) -> None:
    """`verify=False` accepts any certificate."""
    assert (await use(secure, verify=False).get("/echo")).status_code == 200


async def test_certificate_must_name_the_host(
    use: Callable[..., User], serve: Serve, authority: Authority
) -> None:
    """A certificate for another name is refused, though its authority is trusted."""
    server = serve(site(), tls=authority.server("other.example"))
    user = use(f"https://localhost:{server.port}", verify=authority.trust())
    with pytest.raises(httpx.ConnectError) as caught:
        await user.get("/echo", extensions=ONCE)
    assert "Hostname mismatch" in why(caught.value)


async def test_certificate_file_may_be_trusted(
    use: Callable[..., User], secure: str, authority: Authority, tmp_path: Path
) -> None:
    """`verify` as a path still works, with httpx's warning when the client is made."""
    path = authority.write(tmp_path / "ca.pem")
    with pytest.warns(DeprecationWarning, match="verify"):
        user = use(secure, verify=path)
    assert (await user.get("/echo")).status_code == 200


async def test_missing_certificate_file_is_an_error(
    use: Callable[..., User], tmp_path: Path
) -> None:
    """At once, not at the first request."""
    with pytest.raises(OSError), pytest.warns(DeprecationWarning, match="cert"):  # noqa: PT011 -- any message
        use(cert=str(tmp_path / "missing.pem"))


async def test_client_certificate_is_shown(
    use: Callable[..., User], serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    """A server that asks for one gets the one of the context, or of `cert`."""
    server = serve(site(), tls=authority.server("localhost", clients=True))
    url = f"https://localhost:{server.port}"
    path = authority.write_leaf(tmp_path / "client.pem", "client.example")
    context = authority.trust()
    with pytest.raises((httpx.ReadError, httpx.ConnectError, httpx.RemoteProtocolError)):
        await use(url, verify=context).get("/echo", extensions=ONCE)
    context.load_cert_chain(path)
    assert (await use(url, verify=context).get("/echo")).status_code == 200
    with pytest.warns(DeprecationWarning, match="cert"):
        user = use(url, verify=authority.trust(), cert=path)
    assert (await user.get("/echo")).status_code == 200


async def test_environment_names_the_authority(
    use: Callable[..., User],
    secure: str,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SSL_CERT_FILE is trusted, whatever earlier clients trusted, unless `trust_env=False`."""
    with pytest.raises(httpx.ConnectError):
        await use(secure).get("/echo", extensions=ONCE)
    monkeypatch.setenv("SSL_CERT_FILE", authority.write(tmp_path / "ca.pem"))
    assert (await use(secure).get("/echo")).status_code == 200
    with pytest.raises(httpx.ConnectError):
        await use(secure, trust_env=False).get("/echo", extensions=ONCE)


async def test_websocket_urls_are_as_safe_as_https(
    use: Callable[..., User], secure: str, authority: Authority
) -> None:
    """`wss:` is verified by what `verify` says, no less and no more."""
    user = use(secure, verify=authority.trust())
    response = await user.get(secure.replace("https", "wss") + "/echo", extensions=ONCE)
    assert response.status_code == 200


async def test_server_name_can_be_chosen(
    use: Callable[..., User], serve: Serve, authority: Authority
) -> None:
    """The extension `sni_hostname` is asked for and verified instead of the URL's host."""
    asked: list[str | None] = []
    context = authority.server("other.example")

    def note(socket: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        asked.append(name)

    context.sni_callback = note
    server = serve(site(), tls=context)
    user = use(f"https://localhost:{server.port}", verify=authority.trust())
    response = await user.get("/echo", extensions={"sni_hostname": "other.example"})
    assert response.json()["headers"]["host"] == f"localhost:{server.port}"
    assert asked == ["other.example"]
