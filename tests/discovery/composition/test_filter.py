"""Some endpoints of a source."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib import ConfigurationError, DiscoveryError, Endpoint
from meshlib.discovery import check_discovery, make_discovery
from meshlib.discovery._snapshot import Snapshot
from meshlib.discovery.composition import FilterDiscovery
from support.steered import Reader, Steered, settle

V1A = Endpoint("http://a:1", metadata={"version": "v1", "zone": "a"})
V1B = Endpoint("http://b:1", metadata={"version": "v1", "zone": "b"}, kind="cloud")
V2A = Endpoint("http://c:1", metadata={"version": "v2", "zone": "a", "canary": "true"})
BARE = Endpoint("http://d:1")
ALL = [V1A, V1B, V2A, BARE]


@pytest.mark.parametrize(
    ("conditions", "kept"),
    [
        ({"metadata": {"version": "v1"}}, [V1A, V1B]),
        ({"metadata": {"version": ["v1", "v2"]}}, [V1A, V1B, V2A]),
        ({"metadata": {"version": ["v1", "v2"]}, "zone": "a"}, [V1A, V2A]),
        ({"metadata": {"version": "v1", "zone": "b"}}, [V1B]),
        ({"metadata": {"canary": True}}, [V2A]),
        ({"metadata": {"version": 3}}, []),
        ({"zone": ["a", "b"]}, [V1A, V1B, V2A]),
        ({"kind": "cloud"}, [V1B]),
        ({"kind": ["local", "cloud"], "zone": "b"}, [V1B]),
        ({"keep": lambda endpoint: endpoint.url.startswith("http://d")}, [BARE]),
        ({"keep": lambda endpoint: True, "kind": "local"}, [V1A, V2A, BARE]),
    ],
)
async def test_endpoints_that_meet_every_condition_stay(conditions: Any, kept: Any) -> None:
    """In their order, and the same objects."""
    async with Reader(FilterDiscovery(Steered("one", ALL), **conditions).watch("users")) as reader:
        assert [tuple(kept)] == reader.lists


async def test_age_and_error_are_passed_on() -> None:
    """What a list says of itself holds for a part of it."""
    error = OSError("gone")
    source = Steered("one", Snapshot(ALL, age=7.0, error=error))
    async with Reader(FilterDiscovery(source, kind="cloud").watch("users")) as reader:
        source.say(ALL)
        await settle()
    assert [(7.0, error), (0.0, None)] == [(one.age, one.error) for one in reader.lists]
    assert 0 == source.open


async def test_failure_is_the_sources_own() -> None:
    """It goes through as it is."""
    error = OSError("gone")
    async with Reader(FilterDiscovery(Steered("one", error), kind="x").watch("users")) as reader:
        assert error is reader.error


@pytest.mark.parametrize("garbage", [None, "http://a", {"a": 1}, b"x", ["http://a"], [None]])
async def test_garbage_is_a_failure(garbage: Any) -> None:
    """What is no list of endpoints is no empty list."""
    async with Reader(FilterDiscovery(Steered("one", garbage), kind="x").watch("users")) as reader:
        assert isinstance(reader.error, DiscoveryError)
        assert "in place of" in str(reader.error)
        assert "one" == reader.error.source


async def test_iterator_without_close_will_do() -> None:
    """A source need not be written with `yield`."""

    class Once:
        def __aiter__(self) -> Once:
            return self

        async def __anext__(self) -> Any:
            raise StopAsyncIteration

    class Source:
        def watch(self, service: str) -> Once:
            return Once()

    async with Reader(FilterDiscovery(Source(), kind="x").watch("users")) as reader:
        assert reader.error is None


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"source": "env"}, ""),
        ({"source": "env", "metadata": {}}, ""),
        ({"source": "env", "metadata": ["v1"]}, ".metadata"),
        ({"source": "env", "metadata": {"version": []}}, ".metadata.version"),
        ({"source": "env", "metadata": {"version": None}}, ".metadata.version"),
        ({"source": "env", "metadata": {"version": [{}]}}, ".metadata.version"),
        ({"source": "env", "kind": 3}, ".kind"),
        ({"source": "env", "zone": [""]}, ".zone[0]"),
        ({"source": "env", "keep": "v1"}, ".keep"),
        ({"source": {"static": {}}, "kind": "x"}, ".source.static.endpoints"),
        ({"kind": "x"}, ".source"),
    ],
)
def test_wrong_setting_is_named(settings: Any, path: str) -> None:
    """Each with its place."""
    with pytest.raises(ConfigurationError) as caught:
        make_discovery({"filter": settings})
    assert f"discovery.filter{path}" == caught.value.path


def test_nested_source_is_checked() -> None:
    """A document is refused before anything is made of it."""
    check_discovery({"filter": {"source": "env", "kind": "cloud"}})
    with pytest.raises(ConfigurationError) as caught:
        check_discovery({"filter": {"source": "evn", "kind": "cloud"}})
    assert "discovery.filter.source" == caught.value.path
