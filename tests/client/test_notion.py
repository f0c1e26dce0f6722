"""The SDK of Notion, which sets base URL, headers and timeout of the client it is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import notion_client
import pytest

from meshlib import AsyncMeshClient, MeshClient
from support import Peer, ScriptedServer, never_answer, replies
from support.ways import User, settled

Serve = Callable[..., ScriptedServer]


async def notion(peer: Peer) -> None:
    """List users, and search."""
    while (request := await peer.request()) is not None:
        if request.target.startswith("/v1/users"):
            told = {"object": "list", "results": [request.headers["notion-version"]]}
            await peer.respond(200, json.dumps(told).encode())
        elif request.target == "/v1/search":
            await peer.respond(200, request.body)
        else:
            error = {"object": "error", "code": "object_not_found", "message": "nothing here"}
            await peer.respond(404, json.dumps(error).encode())


def sdk(user: User, **options: Any) -> Any:
    """The SDK over the client of *user*; it does not try again by itself."""
    kind: Any = notion_client.AsyncClient if user.way.loop else notion_client.Client
    given = {"auth": "secret", "base_url": user.base, "retry": False, **options}
    return kind(client=user.client, **given)


async def test_calls_are_answered(use: Callable[..., User], serve: Serve) -> None:
    """The options that the SDK sets on its client are in force, over each client."""
    server = serve(notion)
    client = sdk(use(server.url), notion_version="2022-06-28")
    assert (await settled(client.users.list(page_size=5)))["results"] == ["2022-06-28"]
    assert await settled(client.search(query="x")) == {"query": "x"}
    assert server.requests[0].target == "/v1/users?page_size=5"
    assert server.requests[0].headers["authorization"] == "Bearer secret"
    assert server.requests[1].method == "POST"


async def test_errors_are_those_of_the_sdk(use: Callable[..., User], serve: Serve) -> None:
    """An error of the API and a timeout are what the SDK makes of them, over each client."""
    with pytest.raises(notion_client.APIResponseError, match="nothing here") as caught:
        await settled(sdk(use(serve(notion).url)).pages.retrieve("1"))
    assert caught.value.code == notion_client.APIErrorCode.ObjectNotFound
    client = sdk(use(serve(never_answer()).url), timeout_ms=50)
    with pytest.raises(notion_client.errors.RequestTimeoutError):
        await settled(client.search(query="x"))


async def test_failing_replica_is_absorbed(use: Callable[..., User], serve: Serve) -> None:
    """Over a mesh no call sees the replica that fails; over httpx every call would."""
    good, bad = serve(notion), serve(replies(503))
    if not isinstance(use().client, MeshClient | AsyncMeshClient):
        with pytest.raises(notion_client.errors.HTTPResponseError):
            await settled(sdk(use(bad.url)).users.list())
        return
    user = use(services={"notion": [bad.url, good.url]})
    client = sdk(user, base_url="http://notion")
    for _ in range(8):
        assert await settled(client.users.list())
    assert bad.requests
    assert isinstance(client.client, httpx.Client | httpx.AsyncClient)
