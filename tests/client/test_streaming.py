"""What httpx's documentation says of streaming: quickstart, advanced/clients, async."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from support import Gate, ScriptedServer, drip
from support.site import CHUNKS
from support.ways import User

WHOLE = b"".join(CHUNKS)


async def test_stream_yields_bytes(user: User) -> None:
    """The body is read as it comes, decoded, in pieces of the size asked for."""
    async with user.stream("GET", "/encoded/gzip") as response:
        assert b"".join(await user.parts(response, "bytes")) == WHOLE
    async with user.stream("GET", "/chunks") as response:
        assert await user.parts(response, "bytes", 5) == [b"one,t", b"wo,th", b"ree"]


async def test_stream_yields_text_and_lines(user: User) -> None:
    """Lines end however the server ends them, also across pieces."""
    async with user.stream("GET", "/lines") as response:
        assert await user.parts(response, "lines") == ["first", "second", "third"]
    async with user.stream("GET", "/text/utf-8?charset=utf-8") as response:
        assert "".join(await user.parts(response, "text", 3)) == "déjà vu, naïve café"


async def test_stream_yields_raw_bytes(user: User) -> None:
    """`iter_raw` undoes no content coding, and counts what it yields."""
    async with user.stream("GET", "/encoded/gzip") as response:
        raw = b"".join(await user.parts(response, "raw"))
        assert raw.startswith(b"\x1f\x8b")
        assert response.num_bytes_downloaded == len(raw)


async def test_stream_can_be_read_inside_its_block(user: User) -> None:
    """After `read` the content stays available, inside and after the block."""
    async with user.stream("GET", "/chunks") as response:
        assert await user.read(response) == WHOLE
    assert response.text == WHOLE.decode()
    assert await user.parts(response, "bytes") == [WHOLE]


async def test_content_of_an_unread_stream_is_an_error(user: User) -> None:
    """Nothing is read behind the caller's back."""
    async with user.stream("GET", "/chunks") as response:
        with pytest.raises(httpx.ResponseNotRead):
            response.content  # noqa: B018 -- the property raises
        with pytest.raises(httpx.ResponseNotRead):
            response.text  # noqa: B018 -- the property raises


async def test_stream_can_be_consumed_once(user: User) -> None:
    """A second pass over the same stream is an error, as is one after its end."""
    async with user.stream("GET", "/chunks") as response:
        await user.parts(response, "bytes")
        with pytest.raises(httpx.StreamConsumed):
            await user.parts(response, "bytes")
    async with user.stream("GET", "/chunks") as response:
        pass
    with pytest.raises(httpx.StreamClosed):
        await user.read(response)


async def test_stream_of_the_other_colour_is_an_error(user: User) -> None:
    """A blocking response cannot be awaited, an asynchronous one not be iterated blocking."""
    async with user.stream("GET", "/chunks") as response:
        with pytest.raises(RuntimeError, match="stream"):
            response.read() if user.way.loop else await response.aread()


async def test_send_with_stream_leaves_the_body_unread(user: User) -> None:
    """The caller closes what `send(stream=True)` returns."""
    request = user.client.build_request("GET", user.at("/chunks"))
    response = await user.send(request, stream=True)
    assert not response.is_closed
    assert b"".join(await user.parts(response, "bytes")) == WHOLE
    assert response.is_closed
    response = await user.send(request, stream=True)
    await user.close_response(response)
    assert response.is_closed
    assert response.elapsed.total_seconds() > 0


async def test_download_progress_can_be_watched(
    serve: Callable[..., ScriptedServer], use: Callable[..., User]
) -> None:
    """`num_bytes_downloaded` grows with each piece, which arrives before the next is sent."""
    gate = Gate()
    user = use(serve(drip([b"ab", b"cde", b"f"], gate=gate)).url)
    seen = []
    gate.open()
    async with user.stream("GET", "/") as response:
        async for piece in user.each(response, "raw"):
            seen.append((piece, response.num_bytes_downloaded))
            gate.open()
    assert seen == [(b"ab", 2), (b"cde", 5), (b"f", 6)]


async def test_upload_is_read_piece_by_piece(user: User, server: ScriptedServer) -> None:
    """A generator is asked for its pieces only while the request is sent."""
    asked = []

    def pieces() -> Any:
        for piece in (b"a" * 70_000, b"b" * 70_000):
            asked.append(len(piece))
            yield piece

    async def async_pieces() -> Any:
        for piece in pieces():
            yield piece

    content = async_pieces() if user.way.loop else pieces()
    request = user.client.build_request("POST", user.at("/echo"), content=content)
    assert asked == []
    await user.send(request)
    assert asked == [70_000, 70_000]
    assert server.requests[0].body == b"a" * 70_000 + b"b" * 70_000


async def test_upload_generator_cannot_be_sent_twice(user: User) -> None:
    """What a generator yielded is gone; a second sending says so."""
    request = user.client.build_request("POST", user.at("/echo"), content=user.body(b"once"))
    await user.send(request)
    with pytest.raises(httpx.StreamConsumed):
        await user.send(request)


async def test_error_of_a_generator_reaches_the_caller(user: User) -> None:
    """What a body raises is raised as it is, and the client goes on working."""

    class OwnError(Exception):
        pass

    def broken() -> Any:
        yield b"some"
        raise OwnError

    async def async_broken() -> Any:
        yield b"some"
        raise OwnError

    with pytest.raises(OwnError):
        await user.post("/echo", content=async_broken() if user.way.loop else broken())
    assert (await user.get("/echo")).status_code == 200


async def test_body_of_the_other_colour_is_refused(user: User) -> None:
    """A blocking client takes no asynchronous body, and the other way round."""

    async def suspending() -> Any:
        yield b"x"

    def blocking() -> Any:
        yield b"x"

    with pytest.raises(RuntimeError, match=r"Attempted to send an? (async|sync) request"):
        await user.post("/echo", content=blocking() if user.way.loop else suspending())


async def test_connection_is_reused_after_a_read_stream(user: User, server: ScriptedServer) -> None:
    """A body read to its end leaves its connection for the next request; a torn one does not."""
    async with user.stream("GET", "/chunks") as response:
        await user.read(response)
    await user.get("/echo")
    assert len(server.connections) == 1
    async with user.stream("GET", "/half") as response:
        pass
    await user.get("/echo")
    assert len(server.connections) == 2


async def test_client_keeps_its_connection(user: User, server: ScriptedServer) -> None:
    """Requests one after another share one connection, whatever they carry."""
    for path in ("/echo", "/encoded/gzip", "/status/404", "/status/204", "/chunks"):
        await user.get(path)
    await user.post("/echo", content=b"x")
    assert [one.connection for one in server.requests] == [0] * 6
