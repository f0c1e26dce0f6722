"""What httpx's documentation says of authentication: quickstart, advanced/authentication."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import ScriptedServer
from support.site import USER
from support.ways import User

BASIC = "Basic " + base64.b64encode(":".join(USER).encode()).decode()


def sent(server: ScriptedServer) -> list[str | None]:
    """The credentials of each request so far."""
    return [one.headers.get("authorization") for one in server.requests]


async def test_basic_auth_of_a_request(user: User, server: ScriptedServer) -> None:
    """A pair of name and password, or a `BasicAuth`, for this request only."""
    assert (await user.get("/basic", auth=USER)).status_code == 200
    assert (await user.get("/basic", auth=httpx.BasicAuth(*USER))).status_code == 200
    assert (await user.get("/basic")).status_code == 401
    assert sent(server) == [BASIC, BASIC, None]


async def test_basic_auth_of_a_client(use: Callable[..., User], server: ScriptedServer) -> None:
    """It is on every request that brings none of its own; None turns it off."""
    user = use(auth=USER)
    assert (await user.get("/basic")).status_code == 200
    async with user.stream("GET", "/basic") as response:
        assert response.status_code == 200
    assert (await user.get("/basic", auth=("other", "one"))).status_code == 401
    assert (await user.get("/basic", auth=None)).status_code == 401
    request = user.client.build_request("GET", user.at("/basic"))
    assert (await user.send(request)).status_code == 200
    assert sent(server)[3] is None
    user.client.auth = None
    assert (await user.get("/basic")).status_code == 401


async def test_auth_can_be_given_to_a_client_later(user: User) -> None:
    """`client.auth` may be assigned between requests."""
    assert (await user.get("/basic")).status_code == 401
    user.client.auth = USER
    assert (await user.get("/basic")).status_code == 200


async def test_credentials_in_the_url_are_basic_auth(user: User, server: ScriptedServer) -> None:
    """They become a header; the explicit argument wins over them."""
    scheme, _, rest = user.base.partition("://")
    url = f"{scheme}://{USER[0]}:{USER[1]}@{rest}/basic"
    assert (await user.get(url)).status_code == 200
    assert (await user.send(user.client.build_request("GET", url))).status_code == 200
    assert (await user.get(url, auth=("other", "one"))).status_code == 401
    assert sent(server)[:2] == [BASIC, BASIC]


async def test_digest_challenge_is_answered(user: User, server: ScriptedServer) -> None:
    """A challenge is answered with a second request, and the next call needs only one."""
    auth = httpx.DigestAuth(*USER)
    response = await user.get("/digest", auth=auth)
    assert response.status_code == 200
    assert [one.status_code for one in response.history] == [401]
    assert len(server.requests) == 2
    assert server.requests[1].headers["cookie"] == "asked=yes"
    assert (await user.post("/digest?q=1", auth=auth, json={"a": 1})).status_code == 200
    assert len(server.requests) == 3


async def test_wrong_digest_is_refused(user: User) -> None:
    """The second answer is returned whatever it is."""
    response = await user.get("/digest", auth=httpx.DigestAuth(USER[0], "wrong"))
    assert response.status_code == 401
    assert len(response.history) == 1


async def test_function_is_auth(use: Callable[..., User], server: ScriptedServer) -> None:
    """A callable takes the request and gives it back."""

    def sign(request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"signed {request.method} {request.url.path}"
        return request

    await use(auth=sign).get("/echo")
    await use().post("/other", auth=sign)
    assert sent(server) == ["signed GET /echo", "signed POST /other"]


class TokenAuth(httpx.Auth):
    """Fetches a token when it is refused, and signs what it sends."""

    requires_request_body = True
    requires_response_body = True

    def __init__(self, refresh_url: str) -> None:
        self.token = "none"
        self.refresh_url = refresh_url
        self.seen: list[bytes] = []

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Try, refresh, try again."""
        request.headers["Authorization"] = self.token
        self.seen.append(request.content)
        response = yield request
        self.seen.append(response.content)
        if response.status_code == 401:
            refreshed = yield httpx.Request("GET", self.refresh_url)
            self.token = BASIC if refreshed.json()["method"] == "GET" else "?"
            request.headers["Authorization"] = self.token
            yield request


async def test_auth_flow_reads_bodies_and_sends_requests_of_its_own(
    user: User, server: ScriptedServer
) -> None:
    """A flow may read what is sent and received, and send others in between."""
    auth = TokenAuth(user.at("/token"))
    response = await user.post("/basic", content=user.body(b"stre", b"amed"), auth=auth)
    assert response.status_code == 200
    assert auth.seen == [b"streamed", b"who?"]
    assert [one.target for one in server.requests] == ["/basic", "/token", "/basic"]
    assert [one.body for one in server.requests] == [b"streamed", b"", b"streamed"]
    assert [one.status_code for one in response.history] == [401, 200]


class ColouredAuth(httpx.Auth):
    """Has a flow of each colour, and counts which was used."""

    def __init__(self) -> None:
        self.used: list[str] = []

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, Any, None]:
        """For a blocking client."""
        self.used.append("sync")
        yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, Any]:
        """For an asynchronous client."""
        self.used.append("async")
        yield request


async def test_auth_flow_has_the_colour_of_its_client(user: User) -> None:
    """A blocking client uses `sync_auth_flow`, an asynchronous one `async_auth_flow`."""
    auth = ColouredAuth()
    await user.get("/echo", auth=auth)
    assert auth.used == ["async" if user.way.loop else "sync"]


async def test_error_in_an_auth_flow_closes_the_response(user: User) -> None:
    """What the flow raises reaches the caller, and the client goes on working."""

    class OwnError(Exception):
        pass

    class Failing(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, Any, None]:
            self.response = yield request
            raise OwnError

    auth = Failing()
    with pytest.raises(OwnError):
        await user.get("/chunks", auth=auth)
    assert auth.response.is_closed
    assert (await user.get("/echo")).status_code == 200


async def test_netrc_is_used_when_asked_for(
    use: Callable[..., User], server: ScriptedServer, tmp_path: Path
) -> None:
    """`NetRCAuth` finds credentials by the host of the URL: the service's name."""
    path = tmp_path / "netrc"
    user = use()
    host = httpx.URL(user.base).host
    path.write_text(f"machine {host} login {USER[0]} password {USER[1]}\n")
    assert (await user.get("/basic", auth=httpx.NetRCAuth(str(path)))).status_code == 200
    assert (await user.get("/basic")).status_code == 401


async def test_auth_of_the_wrong_kind_is_refused(user: User) -> None:
    """Anything but a pair, a callable or an `Auth` is a TypeError."""
    with pytest.raises(TypeError, match=r"Invalid \"auth\" argument"):
        await user.get("/echo", auth="not a pair")
