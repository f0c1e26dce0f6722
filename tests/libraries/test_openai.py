"""The SDK of OpenAI, whose `http_client` is an `httpx2.Client`, over a mesh of two replicas."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
import pytest

import meshlib
from meshlib.httpx2 import AsyncMeshClient, MeshClient
from support import Peer, ScriptedServer, close_after_request, never_answer, replies
from support.ways import settled

Serve = Callable[..., ScriptedServer]
DEAD = "http://127.0.0.1:1"
JSON = {"content-type": "application/json"}
QUESTION: Any = {"model": "m", "messages": [{"role": "user", "content": "Hello?"}]}


async def model(peer: Peer) -> None:
    """Answer a chat, at once or piece by piece, and list models."""
    while (request := await peer.request()) is not None:
        if request.target == "/models":
            listed = {"object": "list", "data": [{"id": "m", "object": "model"}]}
            await peer.respond(200, json.dumps(listed).encode(), JSON)
        elif json.loads(request.body).get("stream"):
            pieces = [{"choices": [{"index": 0, "delta": {"content": c}}]} for c in "Hello"]
            lines = "".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces)
            body = (lines + "data: [DONE]\n\n").encode()
            await peer.respond(200, body, {"content-type": "text/event-stream"})
        else:
            message = {"role": "assistant", "content": "Hello"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            answer = {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]}
            await peer.respond(200, json.dumps(answer).encode(), JSON)


@pytest.fixture
def anyio_backend() -> str:
    """Trio warns of the generators that the SDK leaves behind a stream."""
    return "asyncio"


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    """The colour of the SDK under test."""
    return str(request.param)


@asynccontextmanager
async def sdk(kind: str, *urls: str, **service: Any) -> AsyncIterator[Any]:
    """The SDK over a mesh of the replicas at *urls*; it does not try again by itself."""
    services = {"site": {"endpoints": list(urls), **service}}
    given: Any = {"api_key": "key", "base_url": "http://site", "max_retries": 0}
    if kind == "sync":
        with MeshClient(services=services) as blocking:
            yield openai.OpenAI(http_client=blocking, **given)
    else:
        async with AsyncMeshClient(services=services) as client:
            yield openai.AsyncOpenAI(http_client=client, **given)


async def said(client: Any) -> str:
    """What the model says, once as a whole, and once more piece by piece."""
    whole = await settled(client.chat.completions.create(**QUESTION))
    stream = await settled(client.chat.completions.create(**QUESTION, stream=True))
    if isinstance(client, openai.AsyncOpenAI):
        pieces = [piece async for piece in stream]
    else:
        pieces = list(stream)
    text: str = whole.choices[0].message.content
    return text + "".join(piece.choices[0].delta.content for piece in pieces)


async def test_chat_is_answered(kind: str, serve: Serve) -> None:
    """Also streamed, by server-sent events."""
    server = serve(model)
    async with sdk(kind, server.url) as client:
        assert await said(client) == "HelloHello"
    assert "OpenAI/" in server.requests[0].headers["user-agent"]


async def test_dead_replica_is_absorbed(kind: str, serve: Serve) -> None:
    """What could not be sent goes to the other replica, also a POST."""
    async with sdk(kind, DEAD, serve(model).url) as client:
        for _ in range(5):
            assert await said(client) == "HelloHello"
        endpoints = client._client.mesh.metrics().services["site"].endpoints
        assert endpoints[DEAD].failures >= 1


@pytest.mark.parametrize("bad", [replies(503), close_after_request()])
async def test_failing_replica_is_absorbed(kind: str, serve: Serve, bad: Any) -> None:
    """What may be sent twice is: a GET by itself, a POST where the service says so."""
    failing = serve(bad)
    async with sdk(kind, failing.url, serve(model).url, idempotent=True) as client:
        for _ in range(4):
            assert (await settled(client.models.list())).data[0].id == "m"
            assert await said(client) == "HelloHello"
    assert failing.requests


async def test_errors_are_those_of_the_sdk(kind: str, serve: Serve) -> None:
    """A lost connection, an open circuit and a passed deadline, each by its cause."""
    breaker = {"consecutive_failures": 1}
    async with sdk(kind, DEAD, retry=False, breaker=breaker) as client:
        for cause in (httpx2.ConnectError, meshlib.CircuitOpenError):
            with pytest.raises(openai.APIConnectionError) as caught:
                await settled(client.models.list())
            assert isinstance(caught.value.__cause__, cause)
            assert isinstance(caught.value.__cause__, httpx2.TransportError)
    async with sdk(kind, serve(never_answer()).url, timeout="50ms") as client:
        with pytest.raises(openai.APITimeoutError) as late:
            await settled(client.models.list())
    assert isinstance(late.value.__cause__, meshlib.DeadlineExceededError)
    assert isinstance(late.value.__cause__, httpx2.TimeoutException)
