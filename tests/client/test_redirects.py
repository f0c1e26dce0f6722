"""What httpx's documentation says of redirects: quickstart, compatibility."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from support import ScriptedServer
from support.site import site
from support.ways import User


async def test_redirects_are_not_followed_by_default(user: User, server: ScriptedServer) -> None:
    """The redirect is the response, and `next_request` is what would follow it."""
    response = await user.get("/redirect/302?to=/echo")
    assert response.status_code == 302
    assert response.has_redirect_location
    assert response.is_redirect
    assert response.history == []
    assert response.content == b"elsewhere"
    assert response.next_request is not None
    assert user.tell(response.next_request.url) == "<site>/echo"
    assert len(server.requests) == 1


async def test_next_request_can_be_sent(user: User) -> None:
    """Sending one `next_request` after the other follows redirects by hand."""
    request: httpx.Request | None = user.client.build_request("GET", user.at("/hops/3"))
    seen = []
    while request is not None:
        response = await user.send(request)
        seen.append(user.tell(response.url))
        request = response.next_request
    assert seen == ["<site>/hops/3", "<site>/hops/2", "<site>/hops/1", "<site>/hops/0"]


async def test_redirects_are_followed_on_request(user: User) -> None:
    """`follow_redirects=True` returns the last response, with those before it as history."""
    response = await user.get("/hops/3", follow_redirects=True)
    assert response.status_code == 200
    assert user.tell(response.url) == "<site>/hops/0"
    told = [(one.status_code, user.tell(one.url)) for one in response.history]
    assert told == [(302, "<site>/hops/3"), (302, "<site>/hops/2"), (302, "<site>/hops/1")]
    assert [len(one.history) for one in response.history] == [0, 1, 2]
    assert all(one.is_closed and one.content == b"" for one in response.history)
    assert response.next_request is None


async def test_client_may_follow_all_redirects(use: Callable[..., User]) -> None:
    """The option of the client holds for every request that does not say otherwise."""
    user = use(follow_redirects=True)
    assert (await user.get("/hops/1")).status_code == 200
    assert (await user.get("/hops/1", follow_redirects=False)).status_code == 302
    async with user.stream("GET", "/hops/2") as response:
        assert response.status_code == 200
        assert len(response.history) == 2
    request = user.client.build_request("GET", user.at("/hops/1"))
    assert (await user.send(request)).status_code == 200
    assert (await user.send(request, follow_redirects=False)).status_code == 302


async def test_stream_of_a_redirect_is_the_last_response(user: User) -> None:
    """Only the responses on the way are read."""
    async with user.stream("GET", "/hops/2", follow_redirects=True) as response:
        assert not response.is_closed
        assert not response.is_stream_consumed
        assert all(one.is_closed for one in response.history)
        await user.read(response)
    assert response.json()["target"] == "/hops/0"
    async with user.stream("GET", "/hops/2") as response:
        assert response.next_request is not None
        assert not response.is_closed


@pytest.mark.parametrize("limit", [0, 2])
async def test_too_many_redirects_are_an_error(
    use: Callable[..., User], server: ScriptedServer, limit: int
) -> None:
    """More than `max_redirects` raise, with the request that was one too many."""
    user = use(max_redirects=limit, follow_redirects=True)
    assert (await user.get(f"/hops/{limit}")).status_code == 200
    before = len(server.requests)
    with pytest.raises(httpx.TooManyRedirects) as caught:
        await user.get(f"/hops/{limit + 1}")
    assert user.tell(caught.value.request.url) == "<site>/hops/0"
    assert len(server.requests) - before == limit + 1


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (302, "PUT", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "DELETE", "DELETE"),
    ],
)
async def test_method_and_body_follow_as_browsers_do(
    user: User, server: ScriptedServer, status: int, method: str, then: str
) -> None:
    """Where the method becomes GET, the body and its headers are dropped; else they stay."""
    await user.request(
        method, f"/redirect/{status}?to=/echo", content=b"body", follow_redirects=True
    )
    last = server.requests[-1]
    assert (last.method, last.target) == (then, "/echo")
    kept = method == then
    assert last.body == (b"body" if kept else b"")
    assert ("content-length" in last.headers) is kept


async def test_streamed_body_cannot_follow(user: User) -> None:
    """A redirect that keeps the body needs one that can be sent twice."""
    with pytest.raises(httpx.StreamConsumed):
        await user.post("/redirect/308?to=/echo", content=user.body(b"once"), follow_redirects=True)
    response = await user.post(
        "/redirect/303?to=/echo", content=user.body(b"once"), follow_redirects=True
    )
    assert response.json()["method"] == "GET"


async def test_authorization_stays_with_its_origin(
    use: Callable[..., User], serve: Callable[..., ScriptedServer]
) -> None:
    """Another origin gets neither credentials nor the first one's Host; the same one does."""
    other = serve(site())
    user = use(auth=("ada", "lovelace"), follow_redirects=True)
    assert (await user.get("/redirect/302?to=/basic")).status_code == 200
    response = await user.get(f"/redirect/302?to={other.url}/basic", headers={"X-Kept": "1"})
    assert response.status_code == 401
    assert str(response.url) == f"{other.url}/basic"
    headers = other.requests[0].headers
    assert "authorization" not in headers
    assert headers["x-kept"] == "1"
    assert headers["host"] == f"127.0.0.1:{other.port}"


async def test_fragment_is_carried_along(user: User) -> None:
    """A location without a fragment keeps the one of the request."""
    response = await user.get("/redirect/302?to=/echo#part", follow_redirects=True)
    assert response.url.fragment == "part"


async def test_relative_locations_are_resolved(user: User) -> None:
    """A location may be a path, a relative path, or lack the scheme."""
    netloc = httpx.URL(user.base).netloc.decode()
    for location in ("../echo", "/echo", f"//{netloc}/echo"):
        response = await user.get(f"/redirect/302?to={location}", follow_redirects=True)
        assert user.tell(response.url) == "<site>/echo"


@pytest.mark.parametrize("location", ["https://😇/", "http://host:port/"])
async def test_broken_location_is_an_error(user: User, location: str) -> None:
    """A URL that cannot be one is the server's mistake."""
    url = "/redirect/302?to=" + location.encode("utf-8").decode("latin-1")
    with pytest.raises(httpx.RemoteProtocolError, match="location header") as caught:
        await user.get(url, follow_redirects=True)
    assert user.tell(caught.value.request.url).startswith("<site>/redirect/302")


async def test_only_some_of_the_300s_redirect(user: User) -> None:
    """304 is no redirect, whatever its headers say."""
    response = await user.get("/redirect/304?to=/echo", follow_redirects=True)
    assert response.status_code == 304
    assert not response.has_redirect_location
    assert response.next_request is None
    response = await user.get("/status/302", follow_redirects=True)
    assert response.status_code == 302
    assert response.is_redirect
    assert not response.has_redirect_location


async def test_redirect_to_another_scheme_is_an_error(user: User) -> None:
    """What is not http cannot be followed."""
    with pytest.raises(httpx.UnsupportedProtocol):
        await user.get("/redirect/302?to=ftp://example.org/", follow_redirects=True)
