"""What httpx's documentation says of timeouts and resource limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from meshlib import CallOptions
from support import ScriptedServer, never_read
from support.ways import User

ONCE = {"mesh": CallOptions(retry=False)}
"""httpx does not try again, so neither does the mesh where the two are compared."""
SOON = 0.02


async def test_read_timeout(user: User) -> None:
    """A server that does not answer raises ReadTimeout, which knows its request."""
    with pytest.raises(httpx.ReadTimeout) as caught:
        await user.get("/never", timeout=SOON, extensions=ONCE)
    assert user.tell(caught.value.request.url) == "<site>/never"


async def test_read_timeout_in_the_body(user: User) -> None:
    """Each piece of the body has the read timeout as well."""
    timeout = httpx.Timeout(5.0, read=SOON)
    async with user.stream("GET", "/half", timeout=timeout, extensions=ONCE) as response:
        with pytest.raises(httpx.ReadTimeout) as caught:
            await user.read(response)
    assert user.tell(caught.value.request.url) == "<site>/half"
    with pytest.raises(httpx.ReadTimeout):
        await user.get("/half", timeout=timeout, extensions=ONCE)


# On trio a write that is cut off leaves the socket's own generator behind, also in httpx.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_write_timeout(use: Callable[..., User], serve: Callable[..., Any]) -> None:
    """A server that does not read raises WriteTimeout once nothing more fits."""
    user = use(serve(never_read()).url)
    body = b"x" * 30_000_000
    with pytest.raises(httpx.WriteTimeout):
        await user.post("/", content=body, timeout=httpx.Timeout(5.0, write=SOON), extensions=ONCE)


async def test_timeout_of_the_client_holds_for_each_request(use: Callable[..., User]) -> None:
    """A number or a `Timeout`, for requests that bring none of their own."""
    user = use(timeout=httpx.Timeout(5.0, read=SOON))
    with pytest.raises(httpx.ReadTimeout):
        await user.get("/never", extensions=ONCE)
    user.client.timeout = 5.0
    assert (await user.get("/echo")).status_code == 200
    # A number limits connecting, too; this connection is there already.
    user.client.timeout = SOON
    with pytest.raises(httpx.ReadTimeout):
        await user.send(user.client.build_request("GET", user.at("/never"), extensions=ONCE))


@pytest.mark.parametrize(
    ("timeout", "four"),
    [
        (None, [None] * 4),
        (3.0, [3.0] * 4),
        (httpx.Timeout(10.0, connect=60.0), [60.0, 10.0, 10.0, 10.0]),
        ((1.0, 2.0, 3.0, 4.0), [1.0, 2.0, 3.0, 4.0]),
    ],
)
async def test_timeouts_of_a_request_are_told(
    use: Callable[..., User], timeout: Any, four: list[float | None]
) -> None:
    """The four timeouts stand in the request's extensions, by name."""
    user = use()
    names = ("connect", "read", "write", "pool")
    response = await user.get("/echo", timeout=timeout)
    assert response.request.extensions["timeout"] == dict(zip(names, four, strict=True))
    request = user.client.build_request("GET", user.at("/echo"), timeout=timeout)
    assert request.extensions["timeout"] == dict(zip(names, four, strict=True))


async def test_pool_timeout(use: Callable[..., User]) -> None:
    """With all connections in use, the next request waits for the pool timeout at most."""
    user = use(limits=httpx.Limits(max_connections=1), timeout=httpx.Timeout(5.0, pool=SOON))
    async with user.stream("GET", "/chunks") as response:
        with pytest.raises(httpx.PoolTimeout) as caught:
            await user.get("/echo", extensions=ONCE)
        await user.read(response)
    assert user.tell(caught.value.request.url) == "<site>/echo"
    assert (await user.get("/echo")).status_code == 200


async def test_keepalive_limit_zero_keeps_nothing(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """`max_keepalive_connections=0` gives each request a connection of its own."""
    user = use(limits=httpx.Limits(max_keepalive_connections=0))
    for _ in range(3):
        await user.get("/echo")
    assert [one.connection for one in server.requests] == [0, 1, 2]
    server.wait_for_close(2)


async def test_keepalive_expiry_ends_idle_connections(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """A connection that was idle for longer is not used again."""
    user = use(limits=httpx.Limits(keepalive_expiry=0.0))
    await user.get("/echo")
    await user.get("/echo")
    assert [one.connection for one in server.requests] == [0, 1]


async def test_keepalive_limit_bounds_idle_connections(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """Of the connections that were in use at once, only as many stay as the limit says."""
    user = use(limits=httpx.Limits(max_keepalive_connections=1))
    async with user.stream("GET", "/chunks") as first:
        async with user.stream("GET", "/chunks") as second:
            await user.read(second)
        await user.read(first)
    server.wait_until(lambda: sum(one.closed for one in server.connections) == 1)
    await user.get("/echo")
    assert len(server.connections) == 2
