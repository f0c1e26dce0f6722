"""The SDK of Groq, whose `http_client` is an `httpx.Client`, over a mesh of two replicas."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import groq
import httpx
import pytest

from meshlib import CircuitOpenError, DeadlineExceededError
from support import Peer, ScriptedServer, close_after_request, never_answer, replies
from support.ways import WAYS, User, Way, settled

Serve = Callable[..., ScriptedServer]
MESHES = [way for way in WAYS if way.client in ("mesh", "long")]
DEAD = "http://127.0.0.1:1"
QUESTION: Any = {"model": "m", "messages": [{"role": "user", "content": "Hello?"}]}


async def model(peer: Peer) -> None:
    """Answer a chat, at once or piece by piece, and list models."""
    while (request := await peer.request()) is not None:
        if request.headers.get("authorization") != "Bearer right":
            await peer.respond(401, b'{"error": {"message": "who?"}}')
        elif request.target == "/openai/v1/models":
            listed = {"object": "list", "data": [{"id": "m", "object": "model"}]}
            await peer.respond(200, json.dumps(listed).encode(), JSON)
        elif request.target != "/openai/v1/chat/completions":
            await peer.respond(404, b'{"error": {"message": "nothing here"}}', JSON)
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


JSON = {"content-type": "application/json"}


def sdk(user: User, **options: Any) -> Any:
    """The SDK over the client of *user*; it does not try again by itself."""
    kind: Any = groq.AsyncGroq if user.way.loop else groq.Groq
    given = {"api_key": "right", "base_url": user.base, "max_retries": 0, **options}
    return kind(http_client=user.client, **given)


@pytest.fixture
def good(serve: Serve) -> ScriptedServer:
    """A replica that works."""
    return serve(model)


async def test_chat_is_answered(use: Callable[..., User], good: ScriptedServer) -> None:
    """Over each client the SDK does the same, streamed or not."""
    client = sdk(use(good.url))
    answer = await settled(client.chat.completions.create(**QUESTION))
    assert answer.choices[0].message.content == "Hello"
    assert good.requests[0].headers["user-agent"].startswith(("Groq/", "AsyncGroq/"))
    stream = await settled(client.chat.completions.create(**QUESTION, stream=True))
    if client.__class__ is groq.AsyncGroq:
        pieces = [piece async for piece in stream]
    else:
        pieces = list(stream)
    assert "".join(piece.choices[0].delta.content for piece in pieces) == "Hello"


async def test_errors_are_those_of_the_sdk(use: Callable[..., User], good: ScriptedServer) -> None:
    """A status is its class of error, with the response inside, over each client."""
    user = use(good.url)
    with pytest.raises(groq.AuthenticationError, match="who") as caught:
        await settled(sdk(user, api_key="wrong").models.list())
    assert caught.value.response.status_code == 401
    with pytest.raises(groq.NotFoundError, match="nothing here") as missing:
        await settled(sdk(user).models.retrieve("none"))
    assert user.tell(missing.value.request.url) == "<site>/openai/v1/models/none"


async def test_lost_connection_is_the_sdks_error(use: Callable[..., User]) -> None:
    """Nobody answers: APIConnectionError, from the error of the wire."""
    with pytest.raises(groq.APIConnectionError) as caught:
        await settled(sdk(use(DEAD)).chat.completions.create(**QUESTION))
    assert isinstance(caught.value.__cause__, httpx.ConnectError)


async def test_timeout_of_the_sdk_is_kept(use: Callable[..., User], serve: Serve) -> None:
    """`timeout` of a request of the SDK ends it as a timeout."""
    client = sdk(use(serve(never_answer()).url))
    with pytest.raises(groq.APITimeoutError):
        await settled(client.chat.completions.create(**QUESTION, timeout=0.05))


@pytest.mark.parametrize("way", MESHES, ids=str)
async def test_dead_replica_is_absorbed(
    way: Way, use: Callable[..., User], good: ScriptedServer
) -> None:
    """What could not be sent goes to the other replica, also a POST."""
    user = use(services={"site": [DEAD, good.url]})
    for _ in range(10):
        answer = await settled(sdk(user).chat.completions.create(**QUESTION))
        assert answer.choices[0].message.content == "Hello"
    endpoints = user.client.mesh.metrics().services["site"].endpoints
    assert endpoints[DEAD].failures >= 1


@pytest.mark.parametrize("way", MESHES, ids=str)
@pytest.mark.parametrize("bad", [replies(503), close_after_request()])
async def test_failing_replica_is_absorbed(
    way: Way, use: Callable[..., User], serve: Serve, good: ScriptedServer, bad: Any
) -> None:
    """What may be sent twice is: a GET by itself, a POST where the service says so."""
    failing = serve(bad)
    service = {"endpoints": [failing.url, good.url], "idempotent": True}
    client = sdk(use(services={"site": service}))
    for _ in range(6):
        assert (await settled(client.models.list())).data[0].id == "m"
        answer = await settled(client.chat.completions.create(**QUESTION))
        assert answer.choices[0].message.content == "Hello"
    assert failing.requests


@pytest.mark.parametrize("way", MESHES, ids=str)
async def test_rejections_of_the_mesh_are_the_sdks_errors(
    way: Way, use: Callable[..., User], serve: Serve
) -> None:
    """An open circuit is a lost connection to the SDK, an exceeded deadline a timeout."""
    service = {"endpoints": [DEAD], "retry": False, "breaker": {"consecutive_failures": 1}}
    client = sdk(use(services={"site": service}))
    for cause in (httpx.ConnectError, CircuitOpenError):
        with pytest.raises(groq.APIConnectionError) as caught:
            await settled(client.models.list())
        assert isinstance(caught.value.__cause__, cause)
    late = {"endpoints": [serve(never_answer()).url], "timeout": "50ms"}
    with pytest.raises(groq.APITimeoutError) as timed_out:
        await settled(sdk(use(services={"site": late})).models.list())
    assert isinstance(timed_out.value.__cause__, DeadlineExceededError)


async def test_sdk_closes_its_client(use: Callable[..., User], good: ScriptedServer) -> None:
    """Closing the SDK closes the client that it was given."""
    user = use(good.url)
    client = sdk(user)
    await settled(client.models.list())
    await settled(client.close())
    assert user.client.is_closed
