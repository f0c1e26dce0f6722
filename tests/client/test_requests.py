"""What httpx's documentation says of requests: quickstart, and advanced/clients."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from support import ScriptedServer
from support.ways import User


@pytest.mark.parametrize("verb", ["get", "options", "head", "delete", "post", "put", "patch"])
async def test_each_verb_sends_its_method(
    use: Callable[..., User], server: ScriptedServer, verb: str
) -> None:
    """All seven methods of a client send the method they are named after."""
    response = await use().verb(verb, "/echo")
    assert response.status_code == 200
    assert server.requests[0].method == verb.upper()
    assert response.request.method == verb.upper()


async def test_any_method_goes_through_request(user: User, server: ScriptedServer) -> None:
    """A method without a function of its own is sent as it is named, in upper case."""
    await user.request("propfind", "/echo")
    assert server.requests[0].method == "PROPFIND"


async def test_parameters_are_added_to_the_url(user: User, server: ScriptedServer) -> None:
    """A mapping becomes the query, a list in it several pairs, and the URL shows them."""
    params = {"key1": "value1", "key2": ["value2", "value 3"], "none": None, "yes": True}
    response = await user.get("/echo", params=params)
    target = "/echo?key1=value1&key2=value2&key2=value+3&none=&yes=true"
    assert server.requests[0].target == target
    assert user.tell(response.url) == f"<site>{target}"


async def test_parameters_replace_those_of_the_url(user: User, server: ScriptedServer) -> None:
    """`params` stands in the place of the query that the URL has, as in httpx since 0.28."""
    await user.get("/echo?old=1", params={"new": "2"})
    await user.get("/echo?old=1")
    assert [one.target for one in server.requests] == ["/echo?new=2", "/echo?old=1"]


async def test_parameters_of_client_and_request_are_merged(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """Those of the client come first, and each request has them."""
    user = use(params={"client_id": "c"})
    await user.get("/echo", params={"request_id": "r"})
    await user.get("/echo")
    targets = [one.target for one in server.requests]
    assert targets == ["/echo?client_id=c&request_id=r", "/echo?client_id=c"]


async def test_headers_of_client_and_request_are_merged(
    use: Callable[..., User], server: ScriptedServer
) -> None:
    """A header of the request wins over the client's, which is there otherwise."""
    user = use(headers={"X-Auth": "client", "X-Both": "client"})
    await user.get("/echo", headers={"X-Custom": "request", "x-both": "request"})
    headers = server.requests[0].headers
    assert (headers["x-auth"], headers["x-custom"], headers["x-both"]) == (
        "client",
        "request",
        "request",
    )


async def test_headers_of_httpx_are_sent_by_default(user: User, server: ScriptedServer) -> None:
    """A request names its client, what it accepts, and that the connection is kept."""
    await user.get("/echo")
    headers = server.requests[0].headers
    assert headers["user-agent"] == f"python-httpx/{httpx.__version__}"
    assert headers["accept"] == "*/*"
    assert headers["connection"] == "keep-alive"
    assert "gzip" in headers["accept-encoding"]


async def test_headers_of_a_client_can_be_changed_later(user: User, server: ScriptedServer) -> None:
    """`client.headers` may be assigned and updated between requests."""
    await user.get("/echo")
    user.client.headers["X-Later"] = "yes"
    del user.client.headers["accept"]
    await user.get("/echo")
    user.client.headers = {"X-Only": "this"}
    await user.get("/echo")
    first, second, third = (one.headers for one in server.requests)
    assert "x-later" not in first
    assert second["x-later"] == "yes"
    assert "accept" not in second
    assert third["x-only"] == "this"
    assert "x-later" not in third


async def test_form_data_is_url_encoded(user: User, server: ScriptedServer) -> None:
    """`data` is a form; a list in it is several values of one field."""
    await user.post("/echo", data={"key1": ["value1", "value 2"], "key2": "ü"})
    request = server.requests[0]
    assert request.body == b"key1=value1&key1=value+2&key2=%C3%BC"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["content-length"] == str(len(request.body))


async def test_json_is_encoded(user: User, server: ScriptedServer) -> None:
    """`json` is compact UTF-8, with its content type."""
    await user.post("/echo", json={"integer": 123, "list": ["ä", True]})
    request = server.requests[0]
    assert request.body == '{"integer":123,"list":["ä",true]}'.encode()
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("content", "body"), [(b"raw \x00\xff", b"raw \x00\xff"), ("täxt", "täxt".encode()), (b"", b"")]
)
async def test_content_is_sent_as_it_is(
    user: User, server: ScriptedServer, content: Any, body: bytes
) -> None:
    """Bytes are sent unchanged and text as UTF-8, with their length."""
    await user.verb("put", "/echo", content=content)
    request = server.requests[0]
    assert request.body == body
    assert request.headers["content-length"] == str(len(body))


async def test_content_of_a_generator_is_streamed(user: User, server: ScriptedServer) -> None:
    """A generator is sent in chunked coding, or by the length that the caller gives."""
    await user.post("/echo", content=user.body(b"Hello, ", b"world"))
    await user.post("/echo", content=user.body(b"Hello"), headers={"Content-Length": "5"})
    chunked, counted = server.requests
    assert chunked.body == b"Hello, world"
    assert chunked.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in chunked.headers
    assert counted.body == b"Hello"
    assert "transfer-encoding" not in counted.headers


async def test_multipart_upload_carries_files_and_fields(
    user: User, server: ScriptedServer
) -> None:
    """Files come with name and type, fields with neither, several files under one name."""
    files = [
        ("images", ("foo.png", io.BytesIO(b"\x89foo"), "image/png")),
        ("images", ("bar.bin", b"bar")),
        ("note", (None, "text content", "text/plain")),
    ]
    await user.post("/echo", data={"message": "Hello"}, files=files)
    request = server.requests[0]
    kind, _, boundary = request.headers["content-type"].partition("; boundary=")
    parts = request.body.split(b"--" + boundary.encode())
    assert kind == "multipart/form-data"
    assert request.headers["content-length"] == str(len(request.body))
    assert b'name="message"\r\n\r\nHello' in parts[1]
    assert b'name="images"; filename="foo.png"\r\nContent-Type: image/png' in parts[2]
    assert b"\r\n\r\n\x89foo\r\n" in parts[2]
    assert b'filename="bar.bin"\r\nContent-Type: application/octet-stream' in parts[3]
    assert b'name="note"\r\nContent-Type: text/plain\r\n\r\ntext content' in parts[4]


async def test_file_is_uploaded_from_disk(
    user: User, server: ScriptedServer, tmp_path: Any
) -> None:
    """An open file is a multipart file, or the whole content; its length is known."""
    path = tmp_path / "report.xls"
    path.write_bytes(b"x" * 200_000)
    with path.open("rb") as report:
        await user.post("/echo", files={"upload-file": report})
    assert b'filename="report.xls"' in server.requests[0].body
    assert server.requests[0].body.count(b"x") >= 200_000
    if user.way.loop is None:
        with path.open("rb") as report:
            await user.post("/echo", content=report)
        assert server.requests[1].body == b"x" * 200_000
        assert server.requests[1].headers["content-length"] == "200000"


async def test_file_in_text_mode_is_refused(user: User) -> None:
    """Files to upload must be open in binary mode."""
    with pytest.raises(TypeError, match="Multipart file uploads"):
        await user.post("/echo", files={"file": io.StringIO("text")})


@pytest.mark.parametrize("verb", ["get", "options", "head", "delete"])
async def test_verb_without_body_refuses_one(user: User, verb: str) -> None:
    """A body for GET, OPTIONS, HEAD and DELETE goes through `request` only."""
    bodies: list[dict[str, Any]] = [{"content": b"x"}, {"json": {}}, {"data": {}}, {"files": {}}]
    for body in bodies:
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            await user.verb(verb, "/echo", **body)


async def test_request_takes_a_body_for_any_method(user: User, server: ScriptedServer) -> None:
    """What `delete` refuses, `request` sends."""
    await user.request("DELETE", "/echo", content=b"body")
    assert (server.requests[0].method, server.requests[0].body) == ("DELETE", b"body")


async def test_url_may_be_an_object(user: User, server: ScriptedServer) -> None:
    """A `httpx.URL` does as well as a string."""
    await user.get(httpx.URL(user.base + "/echo?a=1"))
    assert server.requests[0].target == "/echo?a=1"


async def test_path_is_sent_as_httpx_encodes_it(user: User, server: ScriptedServer) -> None:
    """Spaces, umlauts and escapes of path and query arrive as httpx writes them."""
    await user.get("/a b/ü%2Fx;y?q=ö&r=a b#fragment")
    assert server.requests[0].target == "/a%20b/%C3%BC%2Fx;y?q=%C3%B6&r=a%20b"
