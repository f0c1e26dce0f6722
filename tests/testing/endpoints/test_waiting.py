"""Timeouts where a socket has them, and no more bytes on their way than a socket holds."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import httpx
import pytest

from meshlib.testing.inprocess import ASGIEndpoint, InProcess

BLOCK = b"x" * 16384


async def silent(scope: Any, receive: Any, send: Any) -> None:
    """Neither reads nor answers; after a chunk at `/late`."""
    if scope["path"] == "/late":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"some", "more_body": True})
    await anyio.sleep_forever()


def silent_wsgi(environ: Any, start: Any) -> Any:
    """The same, until its test allows it to end."""
    start("200 OK", [])
    if environ["PATH_INFO"] == "/late":
        yield b"some"
    GO_ON.wait(30)


GO_ON = threading.Event()
KINDS = pytest.mark.parametrize("app", [ASGIEndpoint(silent, lifespan="off"), silent_wsgi])


@pytest.fixture(autouse=True)
def go_on() -> Any:
    """Let threads end with their test."""
    GO_ON.clear()
    yield
    GO_ON.set()


# Over a socket, too, Trio warns of the generators in httpx when a body is left early.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@KINDS
async def test_async_client_times_out(app: Any) -> None:
    """For a head, for a chunk, and for room to write."""
    client = httpx.AsyncClient(transport=InProcess({"http://a": app}, grace=0), timeout=0.02)
    with pytest.raises(httpx.ReadTimeout):
        await client.get("http://a")
    with pytest.raises(httpx.ReadTimeout):
        await client.get("http://a/late")
    with pytest.raises(httpx.WriteTimeout):
        await client.post("http://a", content=BLOCK * 64)
    await client.aclose()


@KINDS
def test_sync_client_times_out(app: Any) -> None:
    """For a head, for a chunk, and for room to write."""
    client = httpx.Client(transport=InProcess({"http://a": app}, grace=0), timeout=0.02)
    with pytest.raises(httpx.ReadTimeout):
        client.get("http://a")
    with pytest.raises(httpx.ReadTimeout):
        client.get("http://a/late")
    with pytest.raises(httpx.WriteTimeout):
        client.post("http://a", content=BLOCK * 64)
    client.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # see test_leaving
async def test_endless_asgi_response_waits_for_its_reader() -> None:
    """The application is held up by a reader that takes its time, and goes on with it."""
    sent = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": BLOCK, "more_body": True})
            sent += 1

    place = ASGIEndpoint(app, lifespan="off")
    transport = InProcess({"http://a": place}, grace=0)
    async with (
        httpx.AsyncClient(transport=transport) as client,
        client.stream("GET", "http://a") as response,
    ):
        await anyio.wait_all_tasks_blocked()
        first = sent
        assert 3 <= first <= 8
        chunks = response.aiter_bytes(len(BLOCK))
        for _ in range(20):
            assert BLOCK == await anext(chunks)
        await anyio.wait_all_tasks_blocked()
        assert first + 16 <= sent <= first + 28


async def test_upload_waits_for_its_reader() -> None:
    """A client sends no faster than the application takes it."""
    given = 0
    go = anyio.Event()

    async def body() -> Any:
        nonlocal given
        for _ in range(32):
            yield BLOCK
            given += 1

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await go.wait()
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % size})

    place = ASGIEndpoint(app, lifespan="off")
    async with (
        httpx.AsyncClient(transport=InProcess({"http://a": place})) as client,
        anyio.create_task_group() as group,
    ):

        async def post() -> None:
            response = await client.post("http://a", content=body())
            assert str(32 * len(BLOCK)) == response.text

        group.start_soon(post)
        await anyio.wait_all_tasks_blocked()
        assert 3 <= given <= 8
        go.set()
    assert 32 == given


@pytest.mark.parametrize("streamed", [False, True])
async def test_answer_before_the_end_of_a_large_upload(streamed: bool) -> None:
    """A refusal arrives although most of the body was never read."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body", "body": b"too large"})
        await anyio.lowlevel.checkpoint()

    async def body() -> Any:
        for _ in range(64):
            yield BLOCK

    place = ASGIEndpoint(app, lifespan="off")
    async with httpx.AsyncClient(transport=InProcess({"http://a": place})) as client:
        content = body() if streamed else BLOCK * 64
        response = await client.post("http://a", content=content)
    assert (413, "too large") == (response.status_code, response.text)


async def test_expect_continue_is_answered() -> None:
    """A client that asks first is told to go on when the application reads."""
    events: list[str] = []

    async def trace(name: str, info: Any) -> None:
        events.append(name)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    place = ASGIEndpoint(app, lifespan="off")
    async with httpx.AsyncClient(transport=InProcess({"http://a": place})) as client:
        asking = {"expect": "100-continue"}
        response = await client.post(
            "http://a", content=b"x", headers=asking, extensions={"trace": trace}
        )
    assert "x" == response.text
    assert "http11.response_closed.complete" in events
