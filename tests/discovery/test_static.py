"""Endpoints that never change, and those of environment variables."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import anyio
import pytest

from meshlib import ConfigurationError, Endpoint
from meshlib.discovery import EnvironmentDiscovery, StaticDiscovery, source_name


async def first(source: Any, service: str) -> Any:
    """The first list that *source* sends, if it then waits rather than ends."""
    async with aclosing(source.watch(service)) as snapshots:
        found = await anext(snapshots)
        with anyio.move_on_after(0) as waiting:
            await anext(snapshots)
        assert waiting.cancelled_caught
    return found


async def test_static_source_sends_its_list_and_waits() -> None:
    """The endpoints come once; names ignore case."""
    source = StaticDiscovery({"Users": ["http://a", Endpoint("http://b", weight=2)]})

    assert (Endpoint("http://a"), Endpoint("http://b", weight=2)) == await first(source, "uSers")


async def test_static_source_has_nothing_for_others() -> None:
    """A service that is not named has no endpoints, which is an answer."""
    assert () == await first(StaticDiscovery({}), "users")


@pytest.mark.parametrize(
    ("endpoints", "path"), [({"users": ["a"]}, "endpoints.users[0]"), (["http://a"], "endpoints")]
)
def test_static_source_checks_at_once(endpoints: Any, path: str) -> None:
    """An invalid endpoint is an error when the source is made."""
    with pytest.raises(ConfigurationError) as caught:
        StaticDiscovery(endpoints)

    assert path == caught.value.path


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("http://a:1", (Endpoint("http://a:1"),)),
        (" http://a:1,http://b:2 ", (Endpoint("http://a:1"), Endpoint("http://b:2"))),
        ("http://a:1\n  http://b:2", (Endpoint("http://a:1"), Endpoint("http://b:2"))),
        (
            "http://a:1;weight=3;priority=1;kind=edge;zone=z1;version=2",
            (Endpoint("http://a:1", 3.0, 1, "edge", {"zone": "z1", "version": "2"}),),
        ),
        ("", ()),
        ("  ", ()),
    ],
)
async def test_variable_lists_endpoints(value: str, expected: tuple[Endpoint, ...]) -> None:
    """URLs are separated by commas or blanks, with their parameters after semicolons."""
    source = EnvironmentDiscovery(environ={"MESHLIB_SERVICE_USERS": value})

    assert expected == await first(source, "users")


@pytest.mark.parametrize("service", ["user-profile", "user_profile", "User.Profile"])
def test_underscore_stands_for_what_variables_cannot_have(service: str) -> None:
    """One variable is for every spelling of a name that it could stand for."""
    source = EnvironmentDiscovery(environ={"MESHLIB_SERVICE_USER_PROFILE": "http://a"})

    assert (Endpoint("http://a"),) == source.endpoints(service)
    assert "MESHLIB_SERVICE_USER_PROFILE" == source.variable(service)


def test_missing_variable_is_not_an_empty_one() -> None:
    """A service of which no variable speaks is told apart from one without endpoints."""
    assert EnvironmentDiscovery(environ={}).endpoints("users") is None


def test_services_are_all_that_are_named() -> None:
    """Other variables do not matter, nor does the bare prefix."""
    source = EnvironmentDiscovery(
        "X_", {"X_USER_PROFILE": "http://a", "X_b": "http://b", "X_": "?", "Y_A": "?", "X_C": ""}
    )

    assert {"user-profile": (Endpoint("http://a"),), "b": (Endpoint("http://b"),)} == (
        source.services()
    )


def test_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a mapping the variables of the process count, as they are when asked for."""
    source = EnvironmentDiscovery()
    monkeypatch.setenv("MESHLIB_SERVICE_LATE_ONE", "http://a")

    assert (Endpoint("http://a"),) == source.services()["late-one"]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("a:1", "MESHLIB_SERVICE_USERS"),
        ("http://a;weight", "MESHLIB_SERVICE_USERS"),
        ("http://a;=3", "MESHLIB_SERVICE_USERS"),
        ("http://a;weight=x", "MESHLIB_SERVICE_USERS.weight"),
    ],
)
def test_bad_variable_is_named(value: str, path: str) -> None:
    """The error names the variable, since it stands in no document."""
    source = EnvironmentDiscovery(environ={"MESHLIB_SERVICE_USERS": value})
    with pytest.raises(ConfigurationError) as caught:
        source.services()

    assert path == caught.value.path


def test_two_variables_for_one_service_are_an_error() -> None:
    """Neither of two spellings of one variable is dropped in silence."""
    environ = {"MESHLIB_SERVICE_USERS": "http://a", "MESHLIB_SERVICE_users": "http://b"}
    with pytest.raises(ConfigurationError, match="MESHLIB_SERVICE_USERS names the same service"):
        EnvironmentDiscovery(environ=environ).services()


def test_source_is_called_by_its_name_or_class() -> None:
    """A source without a name is called by its class."""
    assert "static" == source_name(StaticDiscovery({}))
    assert "object" == source_name(object())
