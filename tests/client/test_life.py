"""What httpx's documentation says of a client: its life, its options, its requests."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from support import ScriptedServer
from support.ways import User, Way, entered


async def test_client_closes_with_its_block(use: Callable[..., User]) -> None:
    """Inside it is open, afterwards it is closed and sends nothing more."""
    user = use()
    async with entered(user.client) as client:
        assert client is user.client
        assert not client.is_closed
        await user.get("/echo")
    assert user.client.is_closed
    with pytest.raises(RuntimeError, match="Cannot send a request, as the client has been closed"):
        await user.get("/echo")
    request = user.client.build_request("GET", user.at("/echo"))
    with pytest.raises(RuntimeError, match="Cannot send a request, as the client has been closed"):
        await user.send(request)
    with pytest.raises(RuntimeError, match="Cannot send a request, as the client has been closed"):
        await user.post("/echo", auth=("a", "b"))


async def test_client_works_without_a_block(user: User) -> None:
    """It sends at once, and `close` ends it; closing twice is fine."""
    await user.get("/echo")
    assert not user.client.is_closed
    await user.close()
    await user.close()
    assert user.client.is_closed
    with pytest.raises(RuntimeError):
        await user.get("/echo")


async def test_closed_client_cannot_be_opened(user: User) -> None:
    """Whether it was ever used or not."""
    await user.close()
    with pytest.raises(RuntimeError, match="Cannot reopen a client instance"):
        async with entered(user.client):
            raise AssertionError("unreachable")


async def test_client_cannot_be_opened_twice(user: User) -> None:
    """A block inside its own block is a mistake."""
    async with entered(user.client):
        with pytest.raises(RuntimeError, match="Cannot open a client instance more than once"):
            async with entered(user.client):
                raise AssertionError("unreachable")


async def test_mesh_client_may_be_used_before_its_block(way: Way, user: User) -> None:
    """httpx refuses to open a client that has sent something; a mesh's client does not."""
    for path in ("/echo", "/hops/0"):
        await user.get(path, auth=None if path == "/echo" else ("a", "b"))
    if not way.is_mesh:
        with pytest.raises(RuntimeError, match="more than once"):
            async with entered(user.client):
                raise AssertionError("unreachable")
        return
    async with entered(user.client):
        assert (await user.get("/echo")).status_code == 200
    assert user.client.is_closed


async def test_closing_closes_connections(user: User, server: ScriptedServer) -> None:
    """What was kept idle ends when the client does."""
    await user.get("/echo")
    assert not server.connections[0].closed
    await user.close()
    server.wait_for_close(0)


async def test_base_url_is_put_before_relative_urls(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """Its path comes first, with or without a slash between; a whole URL is left alone."""
    plain = use()
    user = use(base_url=plain.base + "/api/")
    client = user.client
    user.base = ""
    for url in ("users", "/users", "", "users?a=1"):
        await user.get(url)
    await user.get(plain.base + "/whole")
    assert [one.target for one in server.requests] == [
        "/api/users",
        "/api/users",
        "/api/",
        "/api/users?a=1",
        "/whole",
    ]
    assert str(client.base_url) == plain.base + "/api/"
    client.base_url = plain.base + "/other"
    await user.get("users")
    assert server.requests[-1].target == "/other/users"


async def test_request_can_be_built_changed_and_sent(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """`build_request` merges the options of the client, the caller may change the result."""
    user = use(headers={"X-Api-Key": "secret", "X-Client-ID": "ABC"}, params={"p": "1"})
    request = user.client.build_request("GET", user.at("/echo"))
    assert request.headers["x-client-id"] == "ABC"
    del request.headers["x-api-key"]
    response = await user.send(request)
    assert "x-api-key" not in server.requests[0].headers
    assert server.requests[0].headers["x-client-id"] == "ABC"
    assert server.requests[0].target == "/echo?p=1"
    assert response.request is request


async def test_request_without_a_client_can_be_sent(user: User, server: ScriptedServer) -> None:
    """A bare `httpx.Request` is sent as it is: no header of the client is added."""
    request = httpx.Request("PUT", user.at("/echo"), content=b"x", headers={"X-Own": "1"})
    await user.send(request)
    headers = server.requests[0].headers
    assert headers["x-own"] == "1"
    assert headers["content-length"] == "1"
    assert "user-agent" not in headers
    assert request.extensions["timeout"] == user.client.timeout.as_dict()


async def test_request_is_not_changed_by_sending(user: User) -> None:
    """The caller's request keeps its URL, headers and body, and can be sent again."""
    request = user.client.build_request("POST", user.at("/echo"), json={"a": 1})
    before = (request.url, request.headers.raw, request.content)
    first = await user.send(request)
    second = await user.send(request)
    assert (request.url, request.headers.raw, request.content) == before
    assert first.json()["body"] == second.json()["body"] == '{"a":1}'


async def test_options_of_a_client_are_readable(use: Callable[..., User]) -> None:
    """Each documented property tells what was given, or httpx's default."""
    client = use(
        headers={"X-A": "a"},
        params={"p": "1"},
        cookies={"c": "1"},
        timeout=7.0,
        max_redirects=3,
        trust_env=False,
    ).client
    assert client.headers["x-a"] == "a"
    assert client.params["p"] == "1"
    assert client.cookies["c"] == "1"
    assert client.timeout == httpx.Timeout(7.0)
    assert client.max_redirects == 3
    assert client.trust_env is False
    assert client.follow_redirects is False
    assert client.auth is None
    bare = use().client
    assert bare.timeout == httpx.Timeout(5.0)
    assert bare.max_redirects == 20
    assert bare.trust_env is True


async def test_unknown_option_is_refused(way: Way, server: ScriptedServer) -> None:
    """A misspelt option is an error, of the client and of a request."""
    with pytest.raises(TypeError, match="timeuot"):
        way.make(server.url, timeuot=1)
    user = way.make(server.url)
    with pytest.raises(TypeError, match="timeuot"):
        await user.get("/echo", timeuot=1)
    with pytest.raises(TypeError, match="timeuot"):
        await user.post("/echo", timeuot=1)
    await user.close()


async def test_subclass_builds_its_own_requests(way: Way, server: ScriptedServer) -> None:
    """A client that overrides `build_request` or `send` has every request pass through it."""
    user = way.make(server.url)
    kind = type(user.client)
    parent = kind.build_request

    def build_request(self: object, *args: object, **options: object) -> httpx.Request:
        request: httpx.Request = parent(self, *args, **options)
        request.headers["X-Built"] = "yes"
        return request

    user.client.__class__ = type("Own", (kind,), {"build_request": build_request})
    await user.get("/echo")
    await user.post("/echo")
    await user.close()
    assert [one.headers.get("x-built") for one in server.requests] == ["yes", "yes"]
