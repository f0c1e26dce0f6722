"""How a path may be read."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshlib.security.authorization import read_path


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/", "/"),
        ("", "/"),
        ("*", "*"),
        ("/users", "/users"),
        ("/users/", "/users/"),
        ("/users?id=../x", "/users"),
        ("/%75sers", "/users"),
        ("/.well-known/x..y", "/.well-known/x..y"),
        ("/caf%C3%A9", "/café"),
        ("/100%25", "/100%"),
        ("/a;x=1", "/a;x=1"),
        ("/USERS", "/USERS"),
    ],
)
def test_a_clear_path_has_one_form(path: str, form: str) -> None:
    """Escapes of ordinary characters are decoded, and nothing else is changed."""
    assert read_path(path) == ((form,), "")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/a/../b", "dot segments"),
        ("/a/./b", "dot segments"),
        ("/a/%2e%2E/b", "dot segments"),
        ("/a/..;x/b", "dot segments"),
        ("//a", "empty"),
        ("/a//b", "empty"),
        ("/a%2fb", "slash is escaped"),
        ("/a%5Cb", "slash is escaped"),
        ("/a\\b", "backslash"),
        ("/a%252fb", "encoded twice"),
        ("/a%00", "control"),
        ("/a\r\nb", "control"),
        ("/a%zz", "percent sign"),
        ("/a%", "percent sign"),
        ("/a%ff", "UTF-8"),
        ("/a\ud800", "UTF-8"),
        ("/a#b", "fragment"),
        ("users", "begin with a slash"),
        ("http://users/a", "begin with a slash"),
    ],
)
def test_an_unclear_path_says_why(path: str, why: str) -> None:
    """Each reason why servers may read a path otherwise is told."""
    assert why in read_path(path).unclear


def test_a_decoded_path_that_still_has_escapes_is_unclear() -> None:
    """A server has decoded it once, and might do so again."""
    assert read_path("/a%2fb", decoded=True).unclear == "it may be encoded once more"
    assert read_path("/a?b", decoded=True) == (("/a?b",), "")


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/..", "/"),
        ("/a//../b", "/b"),
        ("/a//../b", "/a/b"),
        ("/a%2f..%2fb", "/b"),
        ("/a%255c..%255cb", "/b"),
        ("/a\\..\\b", "/b"),
        ("//a", "/a"),
    ],
)
def test_an_unclear_path_has_its_other_readings(path: str, form: str) -> None:
    """What a server makes of it that follows dots, merges slashes or decodes again is there."""
    assert form in read_path(path).forms


@given(st.text(alphabet=st.sampled_from("/.%2fFeE5cC;\\a?\x00é"), max_size=20), st.booleans())
@example("/%25252525252e", False)
def test_reading_never_raises_and_clear_paths_have_one_form(path: str, decoded: bool) -> None:
    """Whatever the path is, there is a form, and only one where it is clear."""
    readings = read_path(path, decoded=decoded)
    assert readings.forms
    assert readings.unclear or len(readings.forms) == 1


@given(st.lists(st.text(alphabet="abcXYZ09-_~é ü", min_size=1, max_size=5), max_size=4))
def test_an_escaped_path_is_read_as_what_was_escaped(segments: list[str]) -> None:
    """Escaping and reading are inverse for ordinary text."""
    path = "/" + "/".join(segments)
    assert read_path(quote(path)) == ((path,), "")
