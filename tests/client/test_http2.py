"""What httpx's documentation says of HTTP/2, against a server that is not of this project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import httpx
import pytest

from meshlib import AsyncMeshClient
from support import ScriptedServer
from support.h2 import Http2Server
from support.site import site
from support.tls import Authority
from support.ways import User


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Who signs the servers' certificates."""
    return Authority()


@pytest.fixture(scope="module")
def shared(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Http2Server]:
    """A server that speaks HTTP/2 over TLS, for the whole module."""
    path = tmp_path_factory.mktemp("tls") / "leaf.pem"
    authority.write_leaf(path, "localhost")
    with Http2Server(path) as running:
        yield running


async def test_http2_is_spoken_where_it_is_offered(
    use: Callable[..., User], shared: Http2Server, authority: Authority
) -> None:
    """The response tells its version; the server sees names, authority and body."""
    user = use(shared.url, http2=True, verify=authority.trust())
    response = await user.post("/echo", json={"a": 1}, headers={"X-Custom": "yes"})
    assert response.http_version == "HTTP/2"
    assert response.json()["version"] == "2"
    assert response.json()["headers"]["x-custom"] == "yes"
    assert response.json()["headers"]["host"] == f"localhost:{shared.port}"
    assert response.json()["body"] == '{"a":1}'


async def test_http2_must_be_asked_for(
    use: Callable[..., User], serve: Callable[..., ScriptedServer], authority: Authority
) -> None:
    """Without the option it is not offered, and with it HTTP/1.1 servers still work."""
    server = serve(site(), tls=authority.server("localhost", alpn="http/1.1"))
    url = f"https://localhost:{server.port}"
    user = use(url, http2=True, verify=authority.trust())
    for _ in range(2):
        response = await user.get("/echo")
        assert response.http_version == "HTTP/1.1"
    assert len(server.connections) == 1


async def test_http1_stays_where_both_are_offered(
    use: Callable[..., User], authority: Authority, tmp_path: Path
) -> None:
    """A client without `http2=True` speaks HTTP/1.1 to a server that offers both."""
    authority.write_leaf(tmp_path / "leaf.pem", "localhost")
    with Http2Server(tmp_path / "leaf.pem", ("h2", "http/1.1")) as server:
        user = use(server.url, verify=authority.trust())
        assert (await user.get("/echo")).json()["version"] == "1.1"
        await user.close()


async def test_http2_without_tls_by_prior_knowledge(use: Callable[..., User]) -> None:
    """`http1=False, http2=True` speaks HTTP/2 in the clear."""
    with Http2Server() as server:
        user = use(server.url, http1=False, http2=True)
        response = await user.get("/echo")
        await user.close()
    assert response.http_version == "HTTP/2"
    assert response.json()["version"] == "2"


async def test_requests_share_a_connection(
    use: Callable[..., User], shared: Http2Server, authority: Authority
) -> None:
    """One after the other, streamed or not, they use one connection."""
    user = use(shared.url, http2=True, verify=authority.trust())
    shared.connections.clear()
    for _ in range(5):
        await user.get("/echo")
    async with user.stream("POST", "/echo", content=user.body(b"a", b"b")) as response:
        await user.read(response)
    assert response.json()["body"] == "ab"
    assert len(shared.connections) == 1


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.parametrize("client", [httpx.AsyncClient, AsyncMeshClient])
async def test_many_requests_at_once_share_few_connections(
    authority: Authority, tmp_path: Path, client: type[httpx.AsyncClient]
) -> None:
    """Fifty that the server answers only together go over far fewer connections."""
    authority.write_leaf(tmp_path / "leaf.pem", "localhost")
    with Http2Server(tmp_path / "leaf.pem") as server:
        async with client(http2=True, verify=authority.trust()) as user:
            await user.get(f"{server.url}/echo")
            responses: list[httpx.Response] = []

            async def ask(number: int) -> None:
                response = await user.post(f"{server.url}/together/50", content=str(number))
                responses.append(response)

            async with anyio.create_task_group() as tasks:
                for number in range(50):
                    tasks.start_soon(ask, number)
        assert server.most_open == 50
        assert len(server.connections) <= 3
    assert {response.http_version for response in responses} == {"HTTP/2"}
    assert sorted(int(response.json()["body"]) for response in responses) == list(range(50))
