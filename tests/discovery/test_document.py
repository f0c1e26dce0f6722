"""Files in three formats, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshlib import ConfigurationError
from meshlib.discovery import parse_document, read_content


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "users: {timeout: 5s, hosts: [a, b]}"),
        ("a.YML", "\ufeffusers:\n  timeout: 5s\n  hosts: [a, b]\n"),
        ("a.json", '{"users": {"timeout": "5s", "hosts": ["a", "b"]}}'),
        ("a.toml", 'users = {timeout = "5s", hosts = ["a", "b"]}'),
    ],
)
def test_formats_say_the_same(name: str, text: str) -> None:
    """A document reads alike in each format."""
    expected = {"users": {"timeout": "5s", "hosts": ["a", "b"]}}

    assert expected == parse_document(text.encode(), name)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "a: [", "a.yaml:1: "),
        ("a.yaml", "a: [", ", at column 5"),
        ("a.yaml", "a: 1\nb: 2\na: 3\n", "a.yaml:3: the key 'a' stands here twice, at column 1"),
        ("a.yaml", "x: {a: 1, a: 2}", "'a' stands here twice"),
        ("a.yaml", "1: x", "the key 1 is not text"),
        ("a.yaml", "on: x", "the key True is not text"),
        ("a.yaml", "? [a]\n: x", "is not text"),
        ("a.yaml", "a: !!python/object:os.system x", "could not determine a constructor"),
        ("a.yaml", "a: 1\n---\nb: 2\n", "a.yaml:2: "),
        ("a.yaml", "a: \x00", "special characters"),
        ("a.yaml", "- a", "mapping is needed, not list"),
        ("a.yaml", "# nothing", "empty"),
        ("a.yaml", " \n", "empty"),
        ("a.json", '{"a": }', "a.json:1: Expecting value, at column 7"),
        ("a.json", '{"a": {"b": 1, "c": 2, "b": 3}}', "'b' stands twice"),
        ("a.json", "[1]", "mapping is needed, not list"),
        ("a.toml", "a = \nb = 1", "a.toml:1: Invalid value, at column 5"),
        ("a.toml", "b = 1\na = [", "a.toml:2: Invalid value, at column 6"),
        ("a.toml", "a = 1\na = 2\nb = 3", "a.toml:2: "),
        ("a.ini", "a = 1", "suffix '.ini'"),
        ("a", "a = 1", "suffix ''"),
    ],
)
def test_bad_file_is_told_with_its_place(name: str, text: str, message: str) -> None:
    """The error names the file, and the line where there is one."""
    with pytest.raises(ConfigurationError) as caught:
        parse_document(text.encode(), name)

    assert str(caught.value).startswith(name)
    assert message in str(caught.value)


def test_bytes_that_are_no_text_are_told() -> None:
    """A file in another encoding is refused."""
    with pytest.raises(ConfigurationError, match="not UTF-8 at byte 3"):
        parse_document(b"a: \xff", "a.yaml")


def test_deep_nesting_is_an_error_like_others() -> None:
    """A document that would exhaust the stack is refused."""
    with pytest.raises(ConfigurationError):
        parse_document(b"a: " + b"[" * 5000, "a.yaml")


def test_merged_keys_may_be_overridden() -> None:
    """A key beside `<<` replaces the merged one, however often an anchor is merged."""
    text = """
    x: {y: &a {<<: &b {k: 1, l: 1}, k: 2}}
    c: {<<: *a, l: 3}
    d: {<<: [*a, *b]}
    """
    document = parse_document(text.encode(), "a.yaml")

    assert {"k": 2, "l": 1} == document["x"]["y"]
    assert {"k": 2, "l": 3} == document["c"]
    assert {"k": 2, "l": 1} == document["d"]


def test_missing_file_is_answered_with_a_near_one(tmp_path: Path) -> None:
    """The nearest name in the directory is suggested."""
    (tmp_path / "mesh.yaml").write_text("{}")
    with pytest.raises(ConfigurationError, match="no such file") as caught:
        read_content(tmp_path / "mesh.yml")

    assert "did you mean 'mesh.yaml'?" == caught.value.hint


def test_missing_file_among_strangers_has_no_hint(tmp_path: Path) -> None:
    """Without a near name there is no suggestion."""
    with pytest.raises(ConfigurationError) as caught:
        read_content(tmp_path / "mesh.yml")

    assert "" == caught.value.hint


def test_missing_directory_is_told(tmp_path: Path) -> None:
    """When the directory is missing, the hint says so."""
    with pytest.raises(ConfigurationError, match="nor a directory"):
        read_content(tmp_path / "etc" / "mesh.yml")


def test_unreadable_file_is_told_with_the_reason(tmp_path: Path) -> None:
    """What the system says about it is passed on."""
    with pytest.raises(ConfigurationError, match="directory"):
        read_content(tmp_path)
