"""
The short cuts against httpx's own code, part by part.

The other modules compare what is observed; this one compares what is built and sent, down
to the order and case of headers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import MeshClient
from support import ScriptedServer
from support.ways import OURS, User, Way, settled, shared

ECHO = "application/json"
"""The type of an echo, which has the mesh's headers in it."""
Send = Callable[[User], Any]
SENT: dict[str, Send] = {
    "get": lambda user: user.get("/status/200"),
    "get with query": lambda user: user.get("/status/200?a=b&c"),
    "head": lambda user: user.verb("head", "/status/200"),
    "delete": lambda user: user.verb("delete", "/status/200"),
    "options": lambda user: user.verb("options", "/status/200"),
    "post without a body": lambda user: user.post("/status/200"),
    "put without a body": lambda user: user.verb("put", "/status/200"),
    "patch with json": lambda user: user.verb("patch", "/status/200", json={"a": [1, None]}),
    "post a form": lambda user: user.post("/status/200", data={"a": "b c", "d": ["e", "f"]}),
    "post a generator": lambda user: user.post("/status/200", content=user.body(b"a", b"b")),
    "get with a body": lambda user: user.request("GET", "/status/200", content=b"x"),
    "lower-case method": lambda user: user.request("get", "/status/200"),
    "header of its own": lambda user: user.get(
        "/status/200", headers={"x-A": "1", "ACCEPT": "text/*"}
    ),
    "auth": lambda user: user.get("/status/200", auth=("a", "b")),
    "redirect": lambda user: user.post("/hops/2", content=b"x", follow_redirects=True),
    "redirect that keeps the body": lambda user: user.post(
        "/redirect/307?to=/status/200", json={}, follow_redirects=True
    ),
    "built": lambda user: user.send(user.client.build_request("GET", user.at("/status/200"))),
    "bare": lambda user: user.send(httpx.Request("GET", user.at("/status/200"))),
}


def told_of(user: User, response: httpx.Response) -> dict[str, Any]:
    """All that can be seen of a response, in words that clients share."""
    return {
        "status": response.status_code,
        "headers": [pair for pair in response.headers.raw if pair[0] != b"Content-Length"],
        "content": "" if response.headers.get("content-type") == ECHO else response.content,
        "history": [one.status_code for one in response.history],
        "url": user.tell(response.url),
        "request": (response.request.method, user.tell(response.request.url)),
        "request headers": [
            (name, user.tell(value.decode()))
            for name, value in response.request.headers.raw
            if name != b"Host"
        ],
        "names": [name for name, _ in response.request.headers.raw],
        "timeout": response.request.extensions["timeout"],
        "extensions": sorted(set(response.extensions) - {"mesh"}),
        "next": response.next_request and user.tell(response.next_request.url),
        "flags": (response.is_closed, response.is_stream_consumed, response.encoding),
        "attributes": sorted(set(vars(response)) - {"_decoder", "_text", "_encoding"}),
    }


@pytest.mark.parametrize("name", SENT)
async def test_requests_and_responses_are_those_of_httpx(
    way: Way, use: Callable[..., User], server: ScriptedServer, name: str
) -> None:
    """The server sees the same request, and the caller the same response."""
    plain = Way("httpx", way.loop).make(server.url)
    user = use()
    expected = told_of(plain, await SENT[name](plain))
    before = len(server.requests)
    assert told_of(user, await SENT[name](user)) == expected
    seen = [shared(one) for one in server.requests]
    assert seen[before:] == seen[:before]
    await plain.close()


@pytest.mark.parametrize("name", SENT)
async def test_headers_of_the_wire_keep_order_and_case(way: Way, name: str) -> None:
    """What a transport is given differs by Host and by the mesh's own headers, at the end."""
    sent: list[list[tuple[bytes, bytes]]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.raw)
        hop = {"/hops/2": "/hops/1", "/hops/1": "/hops/0", "/redirect/307": "/status/200"}
        location = hop.get(request.url.path)
        status = 307 if "redirect" in request.url.path else 302
        return httpx.Response(status if location else 200, headers={"location": location or ""})

    transport = httpx.MockTransport(handler)
    for one in (Way("httpx", way.loop), way):
        user = one.make("http://127.0.0.1:1234", transport=transport)
        await SENT[name](user)
        await user.close()
    half = len(sent) // 2
    for theirs, ours in zip(sent[:half], sent[half:], strict=True):
        assert dict(ours)[b"Host"] == b"127.0.0.1:1234"
        kept = [(n, v) for n, v in ours if n.decode().lower() not in OURS]
        assert kept == theirs


TEXT = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=5)
HEADERS = st.dictionaries(
    st.sampled_from(["X-A", "x-a", "Accept", "HOST", "Cookie", "User-Agent", "Content-Length"]),
    TEXT,
    max_size=4,
)
URLS = st.one_of(
    st.sampled_from(
        ["http://users", "https://Users:8443/a?b#c", "//x/y", "/x", "", "http://[::1]:8/"]
    ),
    st.builds("http://users/{}?{}".format, st.text(max_size=8).filter(str.isprintable), TEXT),
)


@given(
    method=st.sampled_from(["GET", "HEAD", "OPTIONS", "DELETE", "POST", "get", "PUT", "TRACE"]),
    url=URLS,
    as_object=st.booleans(),
    headers=HEADERS,
    params=st.dictionaries(TEXT, TEXT, max_size=1),
    cookies=st.dictionaries(TEXT, TEXT, max_size=1),
    base_url=st.sampled_from(["", "http://base/path/"]),
    timeout=st.sampled_from([None, 3.0, httpx.Timeout(1.0, read=None)]),
)
def test_quick_request_is_the_request_that_httpx_builds(
    method: str,
    url: str,
    as_object: bool,
    headers: dict[str, str],
    params: dict[str, str],
    cookies: dict[str, str],
    base_url: str,
    timeout: Any,
) -> None:
    """Whatever the client was given: the same request, or none at all."""
    options: dict[str, Any] = {"headers": headers, "params": params, "cookies": cookies}
    with MeshClient(base_url=base_url, timeout=timeout, **options) as client:
        given_url = httpx.URL(url) if as_object else url
        for _ in range(2):  # the second time its URL is known
            quick = client.quick_request(method, given_url)
            if quick is None:
                continue
            built = client.build_request(method, given_url)
            assert (quick.method, quick.url) == (built.method, built.url)
            assert quick.headers.raw == built.headers.raw
            assert quick.headers == built.headers
            assert quick.extensions == built.extensions
            assert quick.read() == built.read()
            assert set(vars(quick)) == set(vars(built))


def test_quick_request_is_what_a_plain_get_uses() -> None:
    """Else the comparison above would hold for nothing."""
    with MeshClient(headers={"X-A": "1"}) as client:
        for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
            assert client.quick_request(method, "http://users/x") is not None
        client.shortcuts = False
        assert client.quick_request("GET", "http://users/x") is None


def test_known_urls_are_bounded() -> None:
    """A client that is asked for ever new URLs does not remember them all."""
    with MeshClient() as client:
        for number in range(3000):
            request = client.quick_request("GET", f"http://users/{number}")
            assert request is not None
            assert request.url.path == f"/{number}"
        assert len(client._urls) <= 1024


async def test_quick_requests_share_nothing(user: User, server: ScriptedServer) -> None:
    """Changing one request, or the client, changes no other request."""
    first = await user.get("/echo")
    first.request.headers["X-Mine"] = "1"
    first.request.extensions["own"] = 1
    user.client.headers["X-Client"] = "1"
    second = await user.get("/echo")
    assert "x-client" not in first.request.headers
    assert "x-mine" not in second.request.headers
    assert "own" not in second.request.extensions
    assert "x-mine" not in server.requests[1].headers


@pytest.mark.parametrize(
    "options",
    [
        {"auth": ("a", "b")},
        {"event_hooks": {"request": [lambda request: None]}},
        {"mounts": {"all://elsewhere": None}},
    ],
)
async def test_what_needs_httpx_goes_through_httpx(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    """Auth, hooks and mounts take the long way; nothing else does."""
    used: list[str] = []
    own = httpx.Client._send_handling_auth

    def noted(self: Any, *args: Any, **rest: Any) -> httpx.Response:
        used.append("httpx")
        return own(self, *args, **rest)

    monkeypatch.setattr(httpx.Client, "_send_handling_auth", noted)
    with MeshClient(services={"site": [server.url]}) as client:
        await settled(client.get("http://site/echo"))
    assert used == []
    with MeshClient(services={"site": [server.url]}, **options) as client:
        await settled(client.get("http://site/echo"))
    assert used == ["httpx"]
