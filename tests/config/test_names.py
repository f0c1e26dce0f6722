"""What a service may be called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib import ConfigurationError
from meshlib.config import load_config
from meshlib.config._names import service_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("users", "users"),
        ("Users", "users"),
        ("user-profile", "user-profile"),
        ("user_profile", "user_profile"),
        ("users.v2.internal", "users.v2.internal"),
        ("a", "a"),
        ("9", "9"),
        ("meshes", "meshes"),
        ("x" * 63, "x" * 63),
    ],
)
def test_host_is_a_name(name: str, expected: str) -> None:
    """What can be the host of a URL is a name, in lower case."""
    assert expected == service_name(name, "services")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("", "letters"),
        ("-a", "letters"),
        ("a-", "letters"),
        ("a b", "letters"),
        ("a..b", "letters"),
        (".a", "letters"),
        ("x" * 64, "letters"),
        (".".join(["x" * 63] * 5), "letters"),
        ("bücher", "letters"),
        ("a\n", "letters"),
        ("http://users", "URLs go under endpoints"),
        ("users:80", "URLs go under endpoints"),
        ("users/v1", "URLs go under endpoints"),
        ("localhost", "as its endpoint"),
        ("LocalHost", "as its endpoint"),
        ("127.0.0.1", "as its endpoint"),
        ("users.mesh", "write 'users'"),
        ("Users.MESH", "write 'users'"),
        ("mesh", ""),
        (3, ""),
    ],
)
def test_other_names_are_refused(name: str, hint: str) -> None:
    """The error says what a name is, or what this one means already."""
    with pytest.raises(ConfigurationError) as caught:
        service_name(name, "services.x")

    assert "services.x" == caught.value.path
    assert hint in caught.value.hint


@given(st.text(st.sampled_from("aZ0-_."), min_size=1, max_size=20))
def test_accepted_name_is_stable(name: str) -> None:
    """A name that is accepted is accepted again, and means the same."""
    try:
        accepted = service_name(name, "x")
    except ConfigurationError:
        return
    assert accepted == service_name(accepted, "x")


def test_names_and_aliases_ignore_case() -> None:
    """Hosts ignore case, so a document may as well; an alias of itself is no clash."""
    config = load_config(
        {"services": {"Users": {"aliases": ["PEOPLE", "people", "users"]}}}, environ={}
    )

    assert ("people", "users") == config.services["users"].aliases
