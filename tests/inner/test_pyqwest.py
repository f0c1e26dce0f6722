"""What the page on inner transports says of pyqwest's own adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

pytest.importorskip("pyqwest")

import pyqwest
from pyqwest.httpx import AsyncPyqwestTransport

from meshlib import AsyncMeshClient
from support import ScriptedServer
from support.scripts import close_after_request, never_answer, replies

Serve = Callable[..., ScriptedServer]


@pytest.fixture
async def mesh(serve: Serve) -> AsyncIterator[tuple[AsyncMeshClient, list[ScriptedServer]]]:
    """A client over two servers: one that answers, and one that hangs up."""
    servers = [serve(close_after_request()), serve(replies(b"well"))]
    service: Any = {
        "endpoints": [server.url for server in servers],
        "balancer": "round_robin",
    }
    inner = AsyncPyqwestTransport(pyqwest.HTTPTransport(follow_redirects=False))
    async with AsyncMeshClient("test", services={"users": service}, transport=inner) as made:
        yield made, servers


async def test_lost_post_is_not_sent_again(mesh: Any) -> None:
    """What breaks after the request was read is told truly."""
    client, servers = mesh
    outcomes = []
    for _ in range(2):
        try:
            outcomes.append((await client.post("http://users/", content=b"x")).content)
        except httpx.RemoteProtocolError:
            outcomes.append(b"lost")
    assert {b"lost", b"well"} == set(outcomes)
    assert [1, 1] == [len(server.requests) for server in servers]


async def test_lost_get_is_sent_again(mesh: Any) -> None:
    """By the mesh, to the other endpoint."""
    client, _ = mesh
    answers = [await client.get("http://users/") for _ in range(2)]
    assert [b"well"] * 2 == [answer.content for answer in answers]


async def test_body_that_fails_is_an_error_of_the_wire(serve: Serve) -> None:
    """Why there is no transport of ours around it: the application's own error is lost."""

    async def body() -> AsyncIterator[bytes]:
        yield b"x"
        raise LookupError

    server = serve(never_answer())
    inner = AsyncPyqwestTransport(pyqwest.HTTPTransport())
    with pytest.raises(httpx.WriteError) as caught:
        await inner.handle_async_request(httpx.Request("POST", server.url, content=body()))
    assert not isinstance(caught.value.__cause__, LookupError)
