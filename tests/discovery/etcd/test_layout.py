"""What a value in etcd says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import ConfigurationError, Endpoint
from meshlib.discovery.etcd._layout import from_value, key_prefix, to_value

URL = "http://127.0.0.1:8001"


@pytest.mark.parametrize(
    ("value", "endpoint"),
    [
        (URL, Endpoint(URL)),
        (f" {URL}\n", Endpoint(URL)),
        ("127.0.0.1:8001", Endpoint("https://127.0.0.1:8001")),
        ({"url": URL, "weight": 3, "later": 1}, Endpoint(URL, weight=3)),
        ({"url": URL, "weight": None, "metadata": None}, Endpoint(URL)),
        (
            {"url": "127.0.0.1:8001", "metadata": {"scheme": "http"}},
            Endpoint(URL, metadata={"scheme": "http"}),
        ),
        (
            {"url": URL, "priority": 1, "kind": "cloud", "metadata": {"zone": "a", "n": 1}},
            Endpoint(URL, priority=1, kind="cloud", metadata={"zone": "a", "n": "1"}),
        ),
        ({"url": URL, "weight": 0}, None),
        ({"Op": 0, "Addr": "h:1", "Metadata": None}, Endpoint("https://h:1")),
        (
            {"Op": 0, "Addr": "h:1", "Metadata": {"ready": True, "scheme": "http", "x": [1]}},
            Endpoint("http://h:1", metadata={"ready": "true", "scheme": "http"}),
        ),
        ({"Addr": "h:1", "Metadata": "text"}, Endpoint("https://h:1")),
        ({"Op": 1, "Addr": "h:1"}, None),
    ],
)
def test_every_layout_is_read(value: Any, endpoint: Endpoint | None) -> None:
    """A URL, an address, an object of ours, and one of the Go client."""
    text = value if isinstance(value, str) else json.dumps(value)
    found = from_value(text.encode(), "https")
    assert endpoint == found


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"", "no host"),
        (b"\xff", "neither a URL nor JSON"),
        (b"{", "neither a URL nor JSON"),
        (b"{" + b'"a":[' * 100_000, "neither a URL nor JSON"),
        (b"{}", "neither url nor Addr"),
        (b'{"url": null}', "URL is needed, not None"),
        (b'{"url": "http://a", "weight": -1}', "above 0"),
        (b'{"url": "http://a", "weight": true}', "above 0|number is needed"),
        (b'{"url": "http://a", "weight": 1' + b"0" * 400 + b"}", "at most 1e"),
        (b'{"url": "ftp://a"}', "no scheme"),
        (b'{"Addr": 1}', "URL is needed, not 1"),
    ],
)
def test_what_cannot_be_called_is_an_error(value: bytes, message: str) -> None:
    """Each is left out, with its reason."""
    with pytest.raises(ConfigurationError, match=message):
        from_value(value, "http")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
KEYS = ("url", "weight", "priority", "kind", "metadata", "Op", "Addr", "Metadata")


@given(st.dictionaries(st.sampled_from(KEYS) | st.text(), JSON) | JSON)
def test_any_json_is_an_endpoint_or_an_error(document: Any) -> None:
    """Nothing but ConfigurationError, whatever somebody wrote."""
    try:
        found = from_value(json.dumps(document).encode(), "http")
    except ConfigurationError:
        return
    assert found is None or isinstance(found, Endpoint)


@given(st.binary())
def test_any_bytes_are_an_endpoint_or_an_error(value: bytes) -> None:
    """Nothing but ConfigurationError, whatever somebody wrote."""
    try:
        assert isinstance(from_value(value, "http"), Endpoint)
    except ConfigurationError:
        pass


def test_what_is_written_is_read() -> None:
    """The registrar and the source speak of the same endpoint."""
    endpoint = Endpoint(URL, weight=2.5, priority=2, kind="edge", metadata={"zone": "ä"})
    assert endpoint == from_value(to_value(endpoint), "https")


def test_prefixes() -> None:
    """An empty prefix is none at all."""
    assert ("/a/b/users/", "users/") == (key_prefix("/a/b", "users"), key_prefix("", "users"))
