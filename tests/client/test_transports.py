"""What httpx's documentation says of transports: advanced/transports."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshlib import AsyncMeshClient, MeshClient
from support import ScriptedServer
from support.ways import User, entered


async def test_mock_transport_answers(use: Callable[..., User]) -> None:
    """A handler gives the response, and is asked for the URL of the endpoint."""
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"text": "Hello"}, headers={"Set-Cookie": "a=1"})

    user = use("http://127.0.0.1:1234", transport=httpx.MockTransport(handler))
    response = await user.post("/echo?q=1", content=b"body")
    assert response.json() == {"text": "Hello"}
    assert user.tell(response.url) == "<site>/echo?q=1"
    assert str(asked[0].url) == "http://127.0.0.1:1234/echo?q=1"
    assert asked[0].content == b"body"
    assert dict(user.client.cookies) == {"a": "1"}


async def test_mock_transport_may_stream_and_fail(use: Callable[..., User]) -> None:
    """Its responses may have streams, and its errors reach the caller, the same object."""
    error = httpx.ReadError("broken")

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/fail":
            raise error
        return httpx.Response(200, content=user.body(b"one,", b"two"))

    user = use("http://127.0.0.1:1234", transport=httpx.MockTransport(handler))
    assert (await user.get("/stream")).content == b"one,two"
    async with user.stream("GET", "/stream") as response:
        assert await user.parts(response, "raw") == [b"one,", b"two"]
    with pytest.raises(httpx.ReadError) as caught:
        await user.post("/fail")
    assert caught.value is error
    assert user.tell(caught.value.request.url) == "<site>/fail"


async def test_error_of_a_body_is_the_callers(use: Callable[..., User]) -> None:
    """What is no error of httpx passes as it is, and the body is closed."""

    class OwnError(Exception):
        pass

    class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
        closed = 0

        def __iter__(self) -> Any:
            yield b"some"
            raise OwnError

        async def __aiter__(self) -> Any:
            yield b"some"
            raise OwnError

        def close(self) -> None:
            self.closed += 1

        async def aclose(self) -> None:
            self.closed += 1

    body = Broken()
    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=body))
    with pytest.raises(OwnError):
        await use("http://127.0.0.1:1234", transport=transport).get("/")
    assert body.closed == 1


async def test_response_that_was_read_already_is_returned(use: Callable[..., User]) -> None:
    """A transport may give a response whose body it has read, and whose stream is used up."""
    user = use()

    def handler(request: httpx.Request) -> httpx.Response:
        response = httpx.Response(200, content=user.body(b"one,", b"two"))
        response.read()
        return response

    async def suspending(request: httpx.Request) -> httpx.Response:
        response = httpx.Response(200, content=user.body(b"one,", b"two"))
        await response.aread()
        return response

    transport = httpx.MockTransport(suspending if user.way.loop else handler)
    response = await use("http://127.0.0.1:1234", transport=transport).get("/")
    assert response.content == b"one,two"
    assert response.is_closed


class Recording(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Notes how it is entered, asked, left and closed; answers 200."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.told.append("request")
        return httpx.Response(200)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        return self.handle_request(request)

    def close(self) -> None:
        """Note it."""
        self.told.append("close")

    async def aclose(self) -> None:
        """Note it."""
        self.told.append("close")

    def __enter__(self) -> Any:
        self.told.append("enter")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.told.append("exit")

    async def __aenter__(self) -> Any:
        self.told.append("enter")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.told.append("exit")


async def test_transport_lives_as_long_as_its_client(use: Callable[..., User]) -> None:
    """It is entered and left with the client's block, or closed by `close`, once."""
    inner, mounted = Recording(), Recording()
    user = use(transport=inner, mounts={"http://other": mounted})
    async with entered(user.client):
        await user.get("/echo")
        await user.get("http://other/")
    assert inner.told == mounted.told == ["enter", "request", "exit"]
    closed, mounted = Recording(), Recording()
    user = use(transport=closed, mounts={"http://other": mounted})
    await user.close()
    await user.close()
    assert closed.told == mounted.told == ["close"]


async def test_client_that_was_used_enters_its_transports(use: Callable[..., User]) -> None:
    """Also where a mesh's client, unlike httpx's, was used before its block."""
    inner, mounted = Recording(), Recording()
    user = use(transport=inner, mounts={"http://other": mounted, "http://none": None})
    if not user.way.is_mesh:
        return
    await user.get("/echo", auth=("a", "b"))
    async with entered(user.client):
        pass
    assert inner.told == ["request", "enter", "exit"]
    assert mounted.told == ["enter", "exit"]


@pytest.mark.parametrize(
    ("pattern", "url", "mounted"),
    [
        ("all://", "http://example.org/", True),
        ("http://", "http://example.org/", True),
        ("https://", "http://site.example/", False),
        ("all://example.org", "http://example.org/", True),
        ("all://*.example.org", "http://www.example.org/", True),
        ("all://*.example.org", "http://example.org/", False),
        ("all://*:1234", "http://example.org:1234/", True),
        ("all://*:1234", "http://example.org:4321/", False),
    ],
)
async def test_mounts_route_by_pattern(
    use: Callable[..., User], pattern: str, url: str, mounted: bool
) -> None:
    """Scheme, domain, wildcard and port of a mount decide, as documented."""
    default, other = Recording(), Recording()
    user = use(transport=default, mounts={pattern: other})
    await user.get(url)
    assert (len(other.told), len(default.told)) == ((1, 0) if mounted else (0, 1))


@pytest.mark.parametrize(
    "url",
    ["market://shop/a?b=c", "market://SHOP:81/a", "market://shop", "gopher://[::1]/"],
)
async def test_transport_gets_the_schemes_that_only_it_knows(
    use: Callable[..., User], url: str
) -> None:
    """Its URL arrives as it was given, and so does its Host."""
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, text="sold")

    user = use(transport=httpx.MockTransport(handler))
    for _ in range(2):
        response = await user.get(url)
        assert response.text == "sold"
        assert asked[-1].url == response.request.url == httpx.URL(url)
        assert asked[-1].headers["host"] == response.request.headers["host"]


def wsgi_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answers with the body it got."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["REMOTE_ADDR"].encode(), b" ", environ["PATH_INFO"].encode(), b" ", body]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the body it got."""
    body = b""
    while (event := await receive())["more_body"]:
        body += event["body"]
    body += event["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    told = f"{scope['client'][0]} {scope['path']} ".encode() + body
    await send({"type": "http.response.body", "body": told})


async def test_application_can_be_called_directly(use: Callable[..., User]) -> None:
    """WSGI for a blocking client, ASGI for an asynchronous one, with a `base_url`."""
    plain = use()
    transport: Any
    if plain.way.loop:
        transport = httpx.ASGITransport(asgi_app, client=("1.2.3.4", 123))
    else:
        transport = httpx.WSGITransport(wsgi_app, remote_addr="1.2.3.4")
    user = use("http://testserver", transport=transport, base_url="http://testserver")
    user.base = ""
    assert (await user.post("/path", content=b"body")).text == "1.2.3.4 /path body"


async def test_options_of_a_transport_are_options_of_a_mesh_client(
    use: Callable[..., User], server: ScriptedServer, tmp_path: Path
) -> None:
    """`local_address` and `uds`, which httpx takes only by a transport of its own."""
    plain = use()
    kind = httpx.AsyncHTTPTransport if plain.way.loop else httpx.HTTPTransport

    def options(**given: Any) -> dict[str, Any]:
        return given if plain.way.is_mesh else {"transport": kind(**given)}

    user = use(**options(local_address="127.0.0.2"))
    async with user.stream("GET", "/chunks") as response:
        stream = response.extensions["network_stream"]
        assert stream.get_extra_info("client_addr")[0] == "127.0.0.2"
        await user.read(response)
    path = str(tmp_path / "socket")
    with socket.create_server(path, family=socket.AF_UNIX) as listener:
        thread = threading.Thread(target=answer_once, args=(listener,))
        thread.start()
        user = use("http://docker", **options(uds=path))
        assert (await user.get("/info")).json() == {"ID": "..."}
        thread.join()


def answer_once(listener: socket.socket) -> None:
    """Answer one request on one connection."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        body = json.dumps({"ID": "..."}).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


async def test_retries_of_a_transport_connect_again(use: Callable[..., User]) -> None:
    """`retries=1` makes one more connection when the first one fails."""
    plain = use()
    kind = httpx.AsyncHTTPTransport if plain.way.loop else httpx.HTTPTransport
    told: list[str] = []

    async def trace(event: str, info: Any) -> None:
        told.append(event)

    def blocking_trace(event: str, info: Any) -> None:
        told.append(event)

    for retries in (0, 1):
        if plain.way.is_mesh:
            config = {"defaults": {"retry": False}}
            user = use("http://127.0.0.1:1", retries=retries, config=config)
        else:
            user = use("http://127.0.0.1:1", transport=kind(retries=retries))
        with pytest.raises(httpx.ConnectError):
            await user.get("/", extensions={"trace": trace if plain.way.loop else blocking_trace})
        assert told.count("connection.connect_tcp.started") == retries + 1
        told.clear()


def test_clients_are_httpx_clients() -> None:
    """So everything that asks `isinstance` takes them."""
    assert issubclass(MeshClient, httpx.Client)
    assert issubclass(AsyncMeshClient, httpx.AsyncClient)
