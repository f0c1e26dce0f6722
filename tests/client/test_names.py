"""What the application sees speaks of services; only what goes to the wire is aimed elsewhere."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from meshlib import AsyncMeshTransport, CallOptions, MeshTransport
from support import ScriptedServer
from support.site import site
from support.tls import Authority
from support.ways import WAYS, User, Way

Serve = Callable[..., ScriptedServer]
SERVICES = [way for way in WAYS if way.client in ("mesh", "long")]
pytestmark = pytest.mark.parametrize("way", SERVICES, ids=str)


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Who signs the servers' certificates."""
    return Authority()


@pytest.fixture
def two(serve: Serve, use: Callable[..., User], server: ScriptedServer) -> Any:
    """A client of two services, and the server of the second."""
    other = serve(site())
    services = {"site": [server.url], "other": [other.url]}
    return use(services=services, follow_redirects=True), other


async def test_urls_are_those_of_the_service(user: User, server: ScriptedServer) -> None:
    """Request, response, history and errors have the URL that the caller used."""
    response = await user.get("/hops/1?a=1", follow_redirects=True)
    assert str(response.url) == "http://site/hops/0"
    assert str(response.request.url) == "http://site/hops/0"
    assert str(response.history[0].url) == "http://site/hops/1?a=1"
    assert response.request.headers["host"] == "site"
    assert server.requests[0].headers["host"] == f"127.0.0.1:{server.port}"
    with pytest.raises(httpx.HTTPStatusError, match="http://site/status/404"):
        (await user.get("/status/404")).raise_for_status()


async def test_redirect_leads_from_service_to_service(two: Any, server: ScriptedServer) -> None:
    """A location that names another service is resolved by the mesh, in both directions."""
    user, other = two
    back = "http://site/echo"
    response = await user.get(f"/redirect/302?to=http://other/redirect/302?to={back}")
    assert [str(one.url.copy_with(query=None)) for one in response.history] == [
        "http://site/redirect/302",
        "http://other/redirect/302",
    ]
    assert str(response.url) == "http://site/echo"
    assert other.requests[0].headers["host"] == f"127.0.0.1:{other.port}"
    assert server.requests[1].headers["host"] == f"127.0.0.1:{server.port}"


async def test_credentials_stay_with_their_service(two: Any) -> None:
    """Authorization and cookies of one service do not reach another one."""
    user, other = two
    await user.get("/set-cookies?a=1")
    await user.get("/redirect/302?to=http://other/echo", auth=("ada", "lovelace"))
    headers = other.requests[0].headers
    assert "authorization" not in headers
    assert "cookie" not in headers
    await user.get("http://other/set-cookies?b=2")
    await user.get("/redirect/302?to=http://other/echo")
    assert other.requests[-1].headers["cookie"] == "b=2"
    assert {cookie.domain for cookie in user.client.cookies.jar} == {"site.local", "other.local"}


async def test_cookies_of_a_service_are_those_of_all_its_endpoints(
    use: Callable[..., User], serve: Serve, server: ScriptedServer
) -> None:
    """Whichever endpoint set a cookie, each of them gets it."""
    other = serve(site())
    user = use(config={"services": {"site": {"endpoints": [server.url, other.url]}}}, services={})
    for number in range(8):
        await user.get(f"/set-cookies?c{number}={number}")
    seen = [*server.requests, *other.requests]
    assert server.requests
    assert other.requests
    assert sum("cookie" in one.headers for one in seen) == 7


async def test_host_of_the_caller_wins(use: Callable[..., User], server: ScriptedServer) -> None:
    """However it is written and wherever it is given, also against `authority`."""
    services = {"site": {"endpoints": [server.url], "authority": "set.example"}}
    for user in (use(), use(services=services)):
        await user.get("/echo", headers={"Host": "own.example"})
        await user.post("/echo", headers={"host": "own.example"})
        await user.send(httpx.Request("GET", user.at("/echo"), headers={"Host": "own.example"}))
        user.client.headers["HOST"] = "own.example"
        await user.get("/echo")
    assert [one.headers["host"] for one in server.requests] == ["own.example"] * 8


@pytest.mark.parametrize(
    ("authority", "host"),
    [("service", "site"), ("api.example", "api.example"), ("api.example:8443",) * 2],
)
async def test_host_follows_the_authority(
    use: Callable[..., User], server: ScriptedServer, authority: str, host: str
) -> None:
    """`service` keeps the service's name, any other text is sent as it is."""
    user = use(services={"site": {"endpoints": [server.url], "authority": authority}})
    await user.get("/echo")
    await user.post("/hops/1", json={}, follow_redirects=True)
    assert [one.headers["host"] for one in server.requests] == [host] * 3


@pytest.mark.parametrize(
    ("authority_option", "names", "extensions"),
    [
        ({}, ["localhost"], {}),
        ({"authority": "service"}, ["site"], {}),
        ({"authority": "api.example:8443"}, ["api.example"], {}),
        ({"authority": "service"}, ["chosen.example"], {"sni_hostname": "chosen.example"}),
    ],
)
async def test_server_name_follows_the_authority(
    use: Callable[..., User],
    serve: Serve,
    authority: Authority,
    authority_option: dict[str, str],
    names: list[str],
    extensions: dict[str, Any],
) -> None:
    """TLS asks for the endpoint's host, the authority's, or what the request says."""
    asked: list[str | None] = []
    context = authority.server(*names)

    def note(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        asked.append(name)

    context.sni_callback = note
    server = serve(site(), tls=context)
    endpoint = f"https://localhost:{server.port}"
    user = use(
        services={"site": {"endpoints": [endpoint], **authority_option}}, verify=authority.trust()
    )
    response = await user.get("/echo", extensions=extensions)
    assert response.status_code == 200
    assert asked == names
    assert str(response.url) == "http://site/echo"


async def test_scheme_of_the_endpoint_decides(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """An https URL of a service whose endpoint speaks http is sent in the clear."""
    user = use()
    response = await user.get("https://site/echo")
    assert response.status_code == 200
    assert str(response.url) == "https://site/echo"


async def test_port_of_a_service_url_is_not_looked_at(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """The endpoint has one; the caller's stays in what the caller sees."""
    response = await use().get("http://site:8080/echo")
    assert response.json()["headers"]["host"] == f"127.0.0.1:{server.port}"
    assert str(response.url) == "http://site:8080/echo"


async def test_prefix_of_the_endpoint_stays_on_the_wire(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """It is put before each path, also of a redirect, and never shows in a URL."""
    user = use(services={"site": [f"{server.url}/api/v1/"]}, follow_redirects=True)
    response = await user.get("/users?a=b%20c")
    assert server.requests[0].target == "/api/v1/users?a=b%20c"
    assert str(response.url) == "http://site/users?a=b%20c"
    await user.get("/")
    assert server.requests[1].target == "/api/v1/"


async def test_error_knows_the_request_of_the_caller(use: Callable[..., User]) -> None:
    """Not the one that was aimed at the endpoint."""
    user = use(services={"site": ["http://127.0.0.1:1/prefix"]})
    with pytest.raises(httpx.ConnectError) as caught:
        await user.get("/echo", extensions={"mesh": CallOptions(retry=False)})
    assert str(caught.value.request.url) == "http://site/echo"


async def test_transport_alone_does_the_same(way: Way, server: ScriptedServer) -> None:
    """An httpx client over a `MeshTransport` calls services by name as well."""
    services = {"site": [server.url]}
    client: Any
    if way.loop:
        client = httpx.AsyncClient(transport=AsyncMeshTransport(services=services))
    else:
        client = httpx.Client(transport=MeshTransport(services=services))
    user = User(way, client, "http://site")
    response = await user.post("/hops/1", content=b"x", follow_redirects=True)
    assert str(response.url) == "http://site/hops/0"
    assert response.extensions["mesh"].service == "site"
    await user.close()
    server.wait_for_close(0)
