"""What httpx's documentation says of proxies: advanced/proxies, environment variables."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from support import ScriptedServer
from support.proxies import http_proxy, socks_proxy
from support.site import site
from support.tls import Authority
from support.ways import User

Serve = Callable[..., ScriptedServer]
CREDENTIALS = "Basic " + base64.b64encode(b"ada:secret").decode()


@pytest.fixture
def proxy(serve: Serve) -> ScriptedServer:
    """A proxy that lets everybody through."""
    return serve(http_proxy())


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Who signs the certificates of the servers behind the proxy."""
    return Authority()


async def test_http_goes_through_the_proxy(
    use: Callable[..., User], server: ScriptedServer, proxy: ScriptedServer
) -> None:
    """The proxy is asked for the whole URL of the server, and the answer is the server's."""
    user = use(proxy=proxy.url)
    response = await user.post("/echo?a=1", content=b"body")
    assert proxy.requests[0].target == f"{server.url}/echo?a=1"
    assert response.json()["headers"]["via"] == "1.1 proxy"
    assert response.json()["headers"]["host"] == f"127.0.0.1:{server.port}"
    assert response.json()["body"] == "body"
    assert user.tell(response.url) == "<site>/echo?a=1"
    await user.get("/echo")
    assert [one.connection for one in proxy.requests] == [0, 0]


async def test_https_goes_through_a_tunnel(
    use: Callable[..., User], serve: Serve, proxy: ScriptedServer, authority: Authority
) -> None:
    """The proxy opens a tunnel and sees no request; its connection is kept for the next."""
    server = serve(site(), tls=authority.server("localhost"))
    user = use(f"https://localhost:{server.port}", proxy=proxy.url, verify=authority.trust())
    for _ in range(2):
        assert (await user.get("/echo")).json()["target"] == "/echo"
    assert [(one.method, one.target) for one in proxy.requests] == [
        ("CONNECT", f"localhost:{server.port}")
    ]


@pytest.mark.parametrize("secure", [False, True])
async def test_proxy_gets_its_credentials(
    use: Callable[..., User], serve: Serve, authority: Authority, secure: bool
) -> None:
    """They stand in the proxy's URL, and reach the proxy but never the server."""
    tls = authority.server("localhost") if secure else None
    server = serve(site(), tls=tls)
    guarded = serve(http_proxy(credentials=CREDENTIALS))
    user = use(
        server.url.replace("127.0.0.1", "localhost"),
        proxy=f"http://ada:secret@127.0.0.1:{guarded.port}",
        verify=authority.trust(),
    )
    assert (await user.get("/echo")).status_code == 200
    assert guarded.requests[0].headers["proxy-authorization"] == CREDENTIALS
    assert "authorization" not in server.requests[0].headers


async def test_proxy_object_carries_headers_and_auth(
    use: Callable[..., User], serve: Serve, server: ScriptedServer
) -> None:
    """A `httpx.Proxy` says more than a URL."""
    guarded = serve(http_proxy(credentials=CREDENTIALS))
    chosen = httpx.Proxy(guarded.url, auth=("ada", "secret"), headers={"X-To-Proxy": "1"})
    user = use(proxy=chosen)
    assert (await user.get("/echo")).status_code == 200
    assert guarded.requests[0].headers["x-to-proxy"] == "1"


async def test_refusing_proxy(
    use: Callable[..., User], serve: Serve, server: ScriptedServer, authority: Authority
) -> None:
    """A forward proxy's refusal is a response; a tunnel that is not opened is ProxyError."""
    guarded = serve(http_proxy(credentials=CREDENTIALS))
    assert (await use(proxy=guarded.url).get("/echo")).status_code == 407
    with pytest.raises(httpx.ProxyError, match="407"):
        await use("https://localhost:1", proxy=guarded.url).get("/echo")
    assert server.requests == []


async def test_proxy_that_is_not_there(use: Callable[..., User], server: ScriptedServer) -> None:
    """Not being able to reach the proxy is ConnectError, and nothing goes around it."""
    user = use(proxy="http://127.0.0.1:1")
    with pytest.raises(httpx.ConnectError):
        await user.get("/echo")
    assert server.requests == []


@pytest.mark.parametrize("password", ["", "secret"])
async def test_socks_proxy_is_used(
    use: Callable[..., User], serve: Serve, server: ScriptedServer, password: str
) -> None:
    """SOCKS5 is told the server's address, with the user and password of its URL."""
    asked: list[tuple[str, int]] = []
    socks = serve(socks_proxy(asked, password=password))
    user_part = f"ada:{password}@" if password else ""
    user = use(proxy=f"socks5://{user_part}127.0.0.1:{socks.port}")
    for _ in range(2):
        assert (await user.get("/echo")).status_code == 200
    assert asked == [("127.0.0.1", server.port)]


async def test_proxies_can_be_chosen_by_url(
    use: Callable[..., User], server: ScriptedServer, proxy: ScriptedServer
) -> None:
    """`mounts` sends some URLs through a proxy and leaves others alone."""
    plain = use()
    kind = httpx.AsyncHTTPTransport if plain.way.loop else httpx.HTTPTransport
    mounts = {server.url: kind(proxy=proxy.url), "http://[::1]": None}
    user = use(mounts=mounts)
    await user.get(server.url + "/proxied")
    assert [one.target for one in proxy.requests] == [f"{server.url}/proxied"]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_proxy_of_the_environment_is_used(
    use: Callable[..., User],
    server: ScriptedServer,
    proxy: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """The variables name a proxy, with or without a scheme; `trust_env=False` ignores them."""
    monkeypatch.setenv(name, proxy.url)
    assert (await use().get("/echo")).status_code == 200
    assert len(proxy.requests) == 1
    monkeypatch.setenv(name, proxy.url.removeprefix("http://"))
    assert (await use().get("/echo")).status_code == 200
    assert len(proxy.requests) == 2
    assert (await use(trust_env=False).get("/echo")).status_code == 200
    assert len(proxy.requests) == 2


async def test_https_proxy_of_the_environment_is_for_https(
    use: Callable[..., User],
    serve: Serve,
    server: ScriptedServer,
    proxy: ScriptedServer,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is used for https endpoints only."""
    secure = serve(site(), tls=authority.server("localhost"))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    assert (await use().get("/echo")).status_code == 200
    assert proxy.requests == []
    user = use(f"https://localhost:{secure.port}", verify=authority.trust())
    assert (await user.get("/echo")).status_code == 200
    assert proxy.requests[0].method == "CONNECT"


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("HTTPS_PROXY", "wss"),
        ("WSS_PROXY", "wss"),
        ("HTTP_PROXY", "ws"),
        ("WS_PROXY", "ws"),
        ("ALL_PROXY", "wss"),
    ],
)
async def test_proxy_of_the_environment_for_websockets(
    use: Callable[..., User],
    serve: Serve,
    server: ScriptedServer,
    proxy: ScriptedServer,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    scheme: str,
) -> None:
    """`ws:` and `wss:` have no variable of their own, and do not use those of http."""
    secure = serve(site(), tls=authority.server("localhost"))
    urls = {"ws": f"ws://127.0.0.1:{server.port}", "wss": f"wss://localhost:{secure.port}"}
    monkeypatch.setenv(name, proxy.url)
    user = use(verify=authority.trust())
    response = await user.get(urls[scheme] + "/echo")
    assert response.status_code == 200
    assert [one.method for one in proxy.requests] == ["CONNECT"] * (name == "ALL_PROXY")


@pytest.mark.parametrize(
    ("exempt", "through"),
    [
        ("127.0.0.1", False),
        ("*", False),
        ("example.org,127.0.0.1", False),
        ("example.org", True),
        ("127.0.0.2", True),
    ],
)
async def test_no_proxy_exempts_hosts(
    use: Callable[..., User],
    server: ScriptedServer,
    proxy: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    exempt: str,
    through: bool,
) -> None:
    """NO_PROXY lists hosts that are reached directly: the endpoints', not the services'."""
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", exempt)
    assert (await use().get("/echo")).status_code == 200
    assert bool(proxy.requests) is through


async def test_environment_is_read_when_the_client_is_made(
    use: Callable[..., User],
    server: ScriptedServer,
    proxy: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What changes in it afterwards concerns other clients."""
    before = use()
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    user = use()
    monkeypatch.delenv("HTTP_PROXY")
    await before.get("/echo")
    assert proxy.requests == []
    await user.get("/echo")
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("proxy_url", ["ftp://127.0.0.1", "nonsense", "http://host:port"])
async def test_proxy_that_is_none_is_refused(use: Callable[..., User], proxy_url: Any) -> None:
    """At once, not at the first request."""
    with pytest.raises((ValueError, httpx.InvalidURL)):
        use(proxy=proxy_url)
