"""Snapshots in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import ConfigurationError, Endpoint
from meshlib.discovery.composition import _disk as disk
from meshlib.discovery.composition._disk import Saved, file_of, load, save

ENDPOINTS = (
    Endpoint("http://a:1", weight=2.5, priority=1, kind="cloud", metadata={"zone": "ä"}),
    Endpoint("http://b:1"),
)
GOOD: dict[str, Any] = {
    "version": 1,
    "service": "users",
    "written": 5.0,
    "endpoints": [{"url": "http://a:1"}],
}


@pytest.mark.parametrize("endpoints", [(), ENDPOINTS[:1], ENDPOINTS])
def test_what_was_saved_is_loaded(tmp_path: Path, endpoints: tuple[Endpoint, ...]) -> None:
    """With everything that an endpoint has, in a directory that is made."""
    file = file_of(tmp_path / "deep" / "er", "Users")
    save(file, "Users", endpoints, 1234.5)

    assert Saved(endpoints, 1234.5) == load(file.read_bytes(), "users")
    assert [file] == list(file.parent.iterdir())


def test_format_is_plain_json(tmp_path: Path) -> None:
    """A person can read it, one endpoint a line."""
    file = tmp_path / "users.json"
    save(file, "users", ENDPOINTS, 5.0)

    document = json.loads(file.read_text(encoding="utf-8"))
    assert (1, "users", 5.0) == (document["version"], document["service"], document["written"])
    assert 4 == len(file.read_text(encoding="utf-8").splitlines())


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing of its own."""
    file = tmp_path / "users.json"
    save(file, "users", ENDPOINTS, 5.0)

    def fail(handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(disk.os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        save(file, "users", (), 6.0)
    assert [file] == list(tmp_path.iterdir())
    assert ENDPOINTS == load(file.read_bytes(), "users").endpoints


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("Users", "users.json"),
        ("a/b", "a%2Fb.json"),
        ("../x", "%2E.%2Fx.json"),
        (".", "%2E.json"),
        ("über", "%C3%BCber.json"),
    ],
)
def test_file_is_named_for_the_service(tmp_path: Path, service: str, name: str) -> None:
    """No name leads out of the directory."""
    assert tmp_path / name == file_of(tmp_path, service)


def test_long_names_have_files_of_their_own(tmp_path: Path) -> None:
    """They are cut to what file systems allow, and told apart all the same."""
    one, two = file_of(tmp_path, "x" * 300), file_of(tmp_path, "x" * 301)

    assert one != two
    assert max(len(one.name), len(two.name)) < 225
    save(one, "x" * 300, ENDPOINTS, 5.0)
    assert ENDPOINTS == load(one.read_bytes(), "x" * 300).endpoints


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 1"),
        ({"version": None}, "version 1"),
        ({"service": "orders"}, "a snapshot of 'orders'"),
        ({"written": None}, "written"),
        ({"written": True}, "written"),
        ({"written": -1}, "written"),
        ({"endpoints": None}, "endpoints"),
        ({"endpoints": {}}, "endpoints"),
        ({"endpoints": [{}]}, "endpoints[0].url"),
        ({"endpoints": [{"url": "http://a"}, {"url": "x"}]}, "endpoints[1].url"),
    ],
)
def test_what_is_no_snapshot_is_refused(change: dict[str, Any], message: str) -> None:
    """And the reason told."""
    with pytest.raises(ConfigurationError) as caught:
        load(json.dumps(GOOD | change).encode(), "users")
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100000, b"null"])
def test_what_is_no_json_is_refused(content: bytes) -> None:
    """As a file is after a crash of the machine."""
    with pytest.raises(ConfigurationError):
        load(content, "users")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.sampled_from([*GOOD, "url", "weight", "priority", "kind", "metadata"]),
    values,
    st.binary(max_size=40),
    st.integers(0, 60),
)
def test_nothing_else_is_raised(key: str, value: Any, noise: bytes, at: int) -> None:
    """Whatever stands in the file, it is endpoints or a ConfigurationError."""
    document = json.loads(json.dumps(GOOD))
    (document if key in GOOD else document["endpoints"][0])[key] = value
    text = json.dumps(document).encode()
    for content in (text, noise, text[:at] + noise + text[at:]):
        try:
            saved = load(content, "users")
        except ConfigurationError:
            continue
        assert all(isinstance(one, Endpoint) for one in saved.endpoints)
