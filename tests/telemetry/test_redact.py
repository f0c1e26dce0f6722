"""URLs and error texts as logs, spans and metrics may show them."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib._redact import redacted, redacted_error


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://host:1/a/b;c/@d?e=f", "http://host:1/a/b;c/@d?e=f"),
        ("http://host/?flag&x", "http://host/?flag&x"),
        ("http://user:pass@host:1/a", "http://REDACTED:REDACTED@host:1/a"),
        ("http://token@host/", "http://REDACTED:REDACTED@host/"),
        ("http://user:p@ss@host/", "http://REDACTED:REDACTED@host/"),
        ("http://user:pa/ss@host/", "http://REDACTED:REDACTED@host/"),
        ("http://user:pa?s=s#@host/", "http://REDACTED:REDACTED@host/"),
        ("http://user:12@[::1]:80/a", "http://REDACTED:REDACTED@[::1]:80/a"),
        ("http://user:pass@host/@a", "http://REDACTED:REDACTED@a"),
        ("http://[::1]:80/@a", "http://[::1]:80/@a"),
        ("http://host:80/@a", "http://host:80/@a"),
        ("http://host/?b=1&sig=2", "http://host/?b=1&sig=REDACTED"),
        ("http://host/?a=1;sig=2&c=3", "http://host/?a=1;sig=REDACTED&c=3"),
        ("http://host/?%73ig=2==", "http://host/?%73ig=REDACTED"),
        ("http://host/a;jsessionid=1?b=2", "http://host/a;jsessionid=REDACTED"),
        ("http://host/#access_token=1&b=2", "http://host/#access_token=REDACTED&b=2"),
    ],
)
def test_credentials_are_redacted(url: str, shown: str) -> None:
    """User and password, and the values of telling parameters, wherever they stand."""
    assert shown == redacted(url)


TELLING = """
AWSAccessKeyId Signature sig X-Goog-Signature X-Amz-Credential X-Amz-Date x-amz-security-token
key keys api_key apikey api-key apiKey privatekey accessToken access_token TOKEN refreshtoken
password user.password passwd pwd clientSecret client_secret credential credentials
session_id sessionId PHPSESSID sid jwt auth authorization oauth_signature code
"""
HARMLESS = """
keyboard keyword monkey author country_code zipcode page q signal design passenger sides
"""


@pytest.mark.parametrize("name", TELLING.split())
def test_telling_names_are_found(name: str) -> None:
    """In every usual way of writing them."""
    assert f"http://host/?{name}=REDACTED" == redacted(f"http://host/?{name}=1234")


@pytest.mark.parametrize("name", HARMLESS.split())
def test_harmless_names_are_kept(name: str) -> None:
    """A word is telling as a whole; what only contains it is not."""
    assert f"http://host/?{name}=1" == redacted(f"http://host/?{name}=1")


SECRET = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!$'()*+,/:?@", min_size=8)


@given(SECRET, st.sampled_from(["host", "host:80", "[::1]:80"]))
def test_no_password_gets_through(secret: str, host: str) -> None:
    """Whatever stands in a password, escaped or not."""
    url = f"http://user:x{secret}@{host}/path"
    assert f"http://REDACTED:REDACTED@{host}/path" == redacted(url)


def test_an_error_tells_its_type_and_its_text_without_credentials() -> None:
    """Errors of httpx quote whole URLs, and other ones quote headers."""
    request = httpx.Request("GET", "http://user:pass@consul:8500/v1?token=abc&dc=1")
    with pytest.raises(httpx.HTTPStatusError) as raised:
        httpx.Response(403, request=request).raise_for_status()
    text = redacted_error(raised.value)
    assert text.startswith("HTTPStatusError: Client error '403 Forbidden' for url 'http://RED")
    assert "consul:8500/v1?token=REDACTED&dc=1" in text
    assert "ValueError: bad header: Bearer REDACTED" == redacted_error(
        ValueError("bad header: Bearer abcdefgh.ijkl")
    )
    assert "TimeoutError" == redacted_error(TimeoutError())


def test_an_error_that_cannot_tell_is_named() -> None:
    """A foreign class with a defect does not break what is told of."""

    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "MuteError" == redacted_error(MuteError())
