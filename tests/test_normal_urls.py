"""The usual URLs of endpoints are known without taking them apart."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import Endpoint
from meshlib._models import is_normal

HOSTS = ("a", "a.b-c.d", "10.0.0.1", "[::1]", "A", "a_b", "-a", "a-", "u@h", "")
PORTS = ("", ":", ":0", ":1", ":80", ":080", ":9999", ":65535", ":65536", ":99999", ":x")
PATHS = st.text("/a.~-%?#; é\n", max_size=4)


@given(
    st.sampled_from(["http://", "https://", "HTTP://", "ws://", ""]),
    st.sampled_from(HOSTS),
    st.sampled_from(PORTS),
    PATHS,
)
def test_a_normal_url_is_its_own_address(scheme: str, host: str, port: str, path: str) -> None:
    """What the parser of the standard library says of it, whatever it looks like."""
    url = f"{scheme}{host}{port}{path}"
    if is_normal(url):
        parts = urlsplit(url)
        said = f"{parts.scheme}://{parts.hostname}:{parts.port}{parts.path.rstrip('/')}"
        assert url == said == Endpoint(url).address
        assert not parts.query
        assert not parts.fragment


@pytest.mark.parametrize(
    "url", ["http://a:1", "https://a.b.c:65535", "http://10.0.0.1:80/x", "http://a-b:80/a/b.c"]
)
def test_the_usual_ones_are_normal(url: str) -> None:
    """Or each of thousands would be taken apart."""
    assert is_normal(url)
    assert url is Endpoint(url).address


@pytest.mark.parametrize(
    "url", ["http://a", "http://a:0", "http://a:65536", "http://A:80", "http://a:80/", "ws://a:80"]
)
def test_others_are_not(url: str) -> None:
    """They have another address, or none."""
    assert not is_normal(url)
