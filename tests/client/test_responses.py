"""What httpx's documentation says of responses: quickstart, and advanced/text-encodings."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from support import ScriptedServer
from support.site import CHUNKS
from support.ways import User

TEXT = "déjà vu, naïve café"


async def test_text_is_decoded_as_the_server_says(user: User) -> None:
    """The charset of the content type decides, and is what `encoding` tells."""
    response = await user.get("/text/iso-8859-1?charset=iso-8859-1")
    assert response.text == TEXT
    assert response.encoding == "iso-8859-1"
    assert response.charset_encoding == "iso-8859-1"


async def test_text_without_charset_is_utf_8(user: User) -> None:
    """UTF-8 is what a server means that says nothing; what is not UTF-8 is replaced."""
    response = await user.get("/text/utf-8")
    assert response.text == TEXT
    assert response.charset_encoding is None
    assert "\ufffd" in (await user.get("/text/iso-8859-1")).text


async def test_encoding_can_be_set_on_a_response(user: User) -> None:
    """An encoding set before the text is read decodes it; afterwards it is too late."""
    response = await user.get("/text/iso-8859-1")
    response.encoding = "iso-8859-1"
    assert response.text == TEXT
    with pytest.raises(ValueError, match="after `text` has been accessed"):
        response.encoding = "utf-8"


@pytest.mark.parametrize("default", ["iso-8859-1", lambda content: "iso-8859-1"])
async def test_default_encoding_of_a_client_decodes(use: Callable[..., User], default: Any) -> None:
    """A name, or a function of the content, for what has no charset; a charset wins."""
    user = use(default_encoding=default)
    assert (await user.get("/text/iso-8859-1")).text == TEXT
    assert (await user.get("/text/utf-8?charset=utf-8")).text == TEXT


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_content_coding_is_undone(user: User, coding: str) -> None:
    """`content` is decoded; what came over the wire is counted as it came."""
    response = await user.get(f"/encoded/{coding}")
    assert response.content == b"".join(CHUNKS)
    assert response.headers["content-encoding"] == coding
    assert response.num_bytes_downloaded == int(response.headers["content-length"])
    assert response.num_bytes_downloaded != len(response.content)


# On trio, httpx's own generators complain of being left; so do those below them.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_broken_content_coding_is_an_error(user: User) -> None:
    """A body that is not what it says raises DecodingError, which knows its request."""
    with pytest.raises(httpx.DecodingError) as caught:
        await user.get("/encoded/broken")
    assert user.tell(caught.value.request.url) == "<site>/encoded/broken"


async def test_bytes_downloaded_are_counted(user: User) -> None:
    """Plain and chunked bodies count what they hold; the framing does not count."""
    assert (await user.get("/status/200")).num_bytes_downloaded == len(b"as you wish")
    assert (await user.get("/chunks")).num_bytes_downloaded == len(b"".join(CHUNKS))


async def test_json_is_parsed(user: User) -> None:
    """`json()` parses the body, and takes the arguments of `json.loads`."""
    response = await user.get("/echo")
    assert response.json()["method"] == "GET"
    assert response.json(object_pairs_hook=list)[0] == ("method", "GET")


@pytest.mark.parametrize("status", [404, 418, 501])
async def test_error_status_is_a_response(user: User, status: int) -> None:
    """A status is no exception by itself; `raise_for_status` makes it one with both sides."""
    response = await user.get(f"/status/{status}")
    assert response.status_code == status
    assert (response.is_error, response.is_success) == (True, False)
    assert response.is_client_error is (status < 500)
    assert response.is_server_error is (status >= 500)
    with pytest.raises(httpx.HTTPStatusError, match=f"'{status} .*/status/{status}'") as caught:
        response.raise_for_status()
    assert caught.value.response is response
    assert caught.value.request is response.request


async def test_success_passes_raise_for_status(user: User) -> None:
    """It returns the response, to be used in line."""
    response = await user.get("/status/200")
    assert response.raise_for_status() is response
    assert response.status_code == httpx.codes.OK
    assert response.is_success


async def test_redirect_raises_for_status(user: User) -> None:
    """A redirect that was not followed is no success either."""
    response = await user.get("/redirect/301?to=/echo")
    with pytest.raises(httpx.HTTPStatusError, match="Redirect response '301 Moved Permanently'"):
        response.raise_for_status()


async def test_status_line_is_told(user: User) -> None:
    """Reason phrase and version are those of the server."""
    response = await user.get("/status/404")
    assert response.reason_phrase == "Not Found"
    assert response.http_version == "HTTP/1.1"
    assert response.extensions["http_version"] == b"HTTP/1.1"
    assert response.extensions["reason_phrase"] == b"Not Found"
    assert repr(response) == "<Response [404 Not Found]>"


async def test_headers_ignore_case_and_join(user: User) -> None:
    """A header that came twice is one value with a comma, or a list; raw keeps its case."""
    headers = (await user.get("/twice")).headers
    assert headers["X-TWICE"] == "1, 2"
    assert headers.get_list("x-twice") == ["1", "2"]
    assert headers.multi_items()[:3] == [("x-twice", "1"), ("x-other", "o"), ("x-twice", "2")]
    assert (b"X-Twice", b"1") in headers.raw
    assert "missing" not in headers


async def test_elapsed_is_the_time_until_the_end_of_the_body(user: User) -> None:
    """It is known once the response is read or closed, whether plain, decoded or empty."""
    for path in ("/status/200", "/encoded/gzip", "/status/204", "/redirect/302?to=/echo"):
        response = await user.get(path)
        assert dt.timedelta(0) < response.elapsed < dt.timedelta(seconds=30)
    async with user.stream("GET", "/chunks") as response:
        with pytest.raises(RuntimeError, match="elapsed"):
            response.elapsed  # noqa: B018 -- the property raises
    assert response.elapsed > dt.timedelta(0)


async def test_response_knows_its_request(user: User) -> None:
    """The request is the one that was made, and its URL is the response's."""
    response = await user.post("/echo?a=1", json={"b": 2})
    assert response.request.method == "POST"
    assert response.request.content == b'{"b":2}'
    assert response.request.url == response.url == httpx.URL(user.base + "/echo?a=1")
    assert response.request.headers["host"] == httpx.URL(user.base).netloc.decode()


async def test_response_is_complete(user: User) -> None:
    """What was read is closed, consumed, without history and without a next request."""
    for path in ("/status/200", "/encoded/gzip", "/status/204"):
        response = await user.get(path)
        assert (response.is_closed, response.is_stream_consumed) == (True, True)
        assert response.history == []
        assert response.next_request is None
        assert await user.read(response) == response.content


async def test_empty_bodies_are_empty(user: User, server: ScriptedServer) -> None:
    """No content and HEAD have no body, whatever length they announce."""
    assert (await user.get("/status/204")).content == b""
    response = await user.verb("head", "/status/200")
    assert response.content == b""
    assert response.headers["content-length"] == "11"
    assert (await user.get("/status/200")).content == b"as you wish"


@pytest.mark.parametrize("path", ["/status/404", "/encoded/gzip", "/echo"])
async def test_response_can_be_pickled(user: User, path: str) -> None:
    """A copy keeps status, headers, content, request and what was measured."""
    response = await user.get(path)
    copy = pickle.loads(pickle.dumps(response))
    assert copy.status_code == response.status_code
    assert copy.headers == response.headers
    assert copy.content == response.content
    assert copy.request.url == response.request.url
    assert copy.request.headers == response.request.headers
    assert copy.elapsed == response.elapsed
    assert copy.num_bytes_downloaded == response.num_bytes_downloaded
    assert copy.is_closed


async def test_request_can_be_pickled(user: User, server: ScriptedServer) -> None:
    """A copy of a request that had no body says the same; its stream is not in the pickle."""
    response = await user.get("/echo?a=1")
    copy = pickle.loads(pickle.dumps(response.request))
    assert (copy.method, copy.url, copy.content) == ("GET", response.url, b"")
    with pytest.raises(httpx.StreamClosed):
        await user.read_request(copy)
