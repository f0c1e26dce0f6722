"""What httpx's documentation says of cookies: quickstart, advanced/clients, compatibility."""

from __future__ import annotations

from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
import pytest

from support import ScriptedServer
from support.ways import User


def sent(server: ScriptedServer) -> list[str | None]:
    """The cookie header of each request so far."""
    return [one.headers.get("cookie") for one in server.requests]


async def test_cookies_of_a_response_are_readable(user: User) -> None:
    """A response tells the cookies that it sets."""
    response = await user.get("/set-cookies?chocolate=chip&oat=raisin")
    assert dict(response.cookies) == {"chocolate": "chip", "oat": "raisin"}


async def test_cookies_persist_in_a_client(user: User, server: ScriptedServer) -> None:
    """What a response sets, later requests carry, until the server takes it away."""
    await user.get("/set-cookies?a=1&b=2")
    await user.get("/echo")
    await user.get("/drop-cookie/a")
    await user.get("/echo")
    assert sent(server) == [None, "a=1; b=2", "a=1; b=2", "b=2"]
    assert dict(user.client.cookies) == {"b": "2"}


async def test_cookies_are_kept_however_the_body_comes(user: User, server: ScriptedServer) -> None:
    """A streamed response, and one of `send`, set cookies before their body is read."""
    async with user.stream("GET", "/set-cookies?a=1"):
        assert dict(user.client.cookies) == {"a": "1"}
    request = user.client.build_request("GET", user.at("/set-cookies?b=2"))
    await user.send(request)
    await user.post("/echo", content=b"x")
    assert sent(server)[-1] == "a=1; b=2"


async def test_cookies_of_the_client_are_sent(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """Given to the constructor, or assigned, or set on the jar."""
    user = use(cookies={"given": "1"})
    await user.get("/echo")
    user.client.cookies.set("added", "2")
    await user.get("/echo")
    user.client.cookies = {"assigned": "3"}
    await user.get("/echo")
    user.client.cookies.clear()
    await user.get("/echo")
    assert sent(server) == ["given=1", "given=1; added=2", "assigned=3", None]


async def test_cookies_of_a_request_are_sent_once_and_deprecated(
    user: User, server: ScriptedServer
) -> None:
    """They still work, with httpx's warning, and do not persist."""
    with pytest.warns(DeprecationWarning, match="per-request cookies"):
        await user.get("/echo", cookies={"peanut": "butter"})
    await user.get("/echo")
    assert sent(server) == ["peanut=butter", None]


async def test_cookies_keep_to_their_domain_and_path(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """A cookie for another host, or another path, is not sent."""
    user = use()
    jar = httpx.Cookies()
    host = httpx.URL(user.base).host
    domain = host if "." in host else f"{host}.local"
    jar.set("here", "1", domain=domain)
    jar.set("elsewhere", "2", domain="example.org")
    jar.set("deeper", "3", domain=domain, path="/deep")
    user.client.cookies = jar
    await user.get("/echo")
    await user.get("/deep/echo")
    assert sent(server)[0] == "here=1"
    assert sent(server)[1] == "deeper=3; here=1"


async def test_cookies_follow_redirects(user: User, server: ScriptedServer) -> None:
    """A cookie set on the way is sent to where the redirect leads."""
    response = await user.get("/redirect/302?to=/echo&cookie=here", follow_redirects=True)
    assert response.json()["headers"]["cookie"] == "way=here"
    assert dict(user.client.cookies) == {"way": "here"}


async def test_header_of_the_caller_joins_no_cookies(user: User, server: ScriptedServer) -> None:
    """A Cookie header that the caller writes is sent as it is, while the jar is empty."""
    await user.get("/echo", headers={"Cookie": "own=1"})
    assert sent(server) == ["own=1"]


async def test_jar_of_the_caller_is_used(use: Callable[..., User], server: ScriptedServer) -> None:
    """A `http.cookiejar.CookieJar` with a policy of its own decides what is kept."""
    strict: Any = DefaultCookiePolicy(blocked_domains=["127.0.0.1", "site.local"])
    user = use(cookies=CookieJar(policy=strict))
    await user.get("/set-cookies?a=1")
    await user.get("/echo")
    assert sent(server) == [None, None]


async def test_jar_that_takes_the_older_kind_of_cookies_gets_them(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """Set-Cookie2 is read where the caller's policy asks for it, as httpx does."""
    jar = CookieJar(policy=DefaultCookiePolicy(rfc2965=True, hide_cookie2=True))
    user = use(cookies=jar)
    await user.get("/set-cookies2")
    assert [cookie.name for cookie in jar] == ["old"]
