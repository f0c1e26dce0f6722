"""What is written once for each HTTP library says the same of both."""

from __future__ import annotations

import difflib
import re

import pytest

from support.source import PACKAGE

PAIRED = ["_client.py", "_client_async.py", "_options_of_calls.py"]
"""
Files of the package and of its `httpx2`, which no types of Python could make one of.

The arguments of a client's methods have the types of its library, and a `TypedDict` of
keyword arguments cannot be a parameter of a class.
"""

USED = (
    "_auth",
    "_build_redirect_request",
    "_cookies",
    "_default_encoding",
    "_event_hooks",
    "_headers",
    "_mounts",
    "_params",
    "_send_handling_redirects",
    "_set_timeout",
    "_state",
    "_timeout",
    "_transport",
)
"""What shortcuts know of a client."""

_HIGHER = re.compile(r"^(\s*from \.)(?=(events|runtime|telemetry) )", re.MULTILINE)


def of_httpx2(source: str) -> str:
    """*source* as the file of the same name says it of httpx2."""
    return _HIGHER.sub(r"\1.", re.sub(r"\bhttpx\b", "httpx2", source))


@pytest.mark.parametrize("name", PAIRED)
def test_the_file_of_httpx2_is_that_of_httpx(name: str) -> None:
    """But for the name of the library. A change is made there; `of_httpx2` gives the other."""
    wanted = of_httpx2((PACKAGE / name).read_text(encoding="utf-8")).splitlines()
    found = (PACKAGE / "httpx2" / name).read_text(encoding="utf-8").splitlines()
    assert [] == list(difflib.unified_diff(wanted, found, "wanted", f"httpx2/{name}", lineterm=""))


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_shortcuts_find_what_they_use(library: str) -> None:
    """What clients skip is private to each library: an update that moves it is noticed here."""
    http = pytest.importorskip(library)
    for kind in (http.Client, http.AsyncClient):
        client = kind()
        assert [] == [name for name in USED if not hasattr(client, name)]
    request = http.Request("GET", "http://users/")
    assert isinstance(request.headers._list, list)
    assert "http" == request.url._uri_reference.scheme
    response = http.Response(200)
    assert {"_num_bytes_downloaded", "_request"} <= set(vars(response))
