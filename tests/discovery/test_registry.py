"""Sources by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.discovery import (
    EnvironmentDiscovery,
    FileDiscovery,
    StaticDiscovery,
    check_discovery,
    make_discovery,
)
from meshlib.discovery import _catalogue as catalogue

GROUP = "meshlib.discovery"


class Offered:
    """A source of another package."""

    def __init__(self, *, address: str, **rest: Any) -> None:
        if address == "bad":
            raise ValueError("bad address")
        self.address = address

    async def watch(self, service: str) -> Any:
        """Nothing."""
        yield ()


def no_source() -> object:
    """A factory of something that is no source."""
    return object()


@pytest.fixture(autouse=True)
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have another package offer sources."""
    points = [
        EntryPoint("offered", f"{__name__}:Offered", GROUP),
        EntryPoint("gone", "no_such_module_anywhere:X", GROUP),
        EntryPoint("nothing", f"{__name__}:no_source", GROUP),
        EntryPoint("opaque", "builtins:dict", GROUP),
    ]
    monkeypatch.setattr(catalogue, "entry_points", lambda group: points)
    monkeypatch.setattr(
        EntryPoint,
        "load",
        lambda point: {"Offered": Offered, "no_source": no_source, "dict": dict}[point.attr],
    )


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("env", EnvironmentDiscovery),
        ({"env": None}, EnvironmentDiscovery),
        ({"env": {"prefix": "X_"}}, EnvironmentDiscovery),
        ({"file": {"path": "a.yaml"}}, FileDiscovery),
        ({"file": {"path": Path("a.yaml")}}, FileDiscovery),
        ({"static": {"endpoints": {"users": ["http://a"]}}}, StaticDiscovery),
        ({"offered": {"address": "a", "more": 1}}, Offered),
    ],
)
def test_name_and_settings_make_a_source(spec: Any, kind: type) -> None:
    """Built-in sources and offered ones are made alike."""
    check_discovery(spec)

    assert type(make_discovery(spec)) is kind


def test_source_is_itself() -> None:
    """An object that can be watched is used as it is."""
    source = StaticDiscovery({})
    check_discovery(source)

    assert source is make_discovery(source)


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        ("fiel", "d", "gone, kubernetes, nothing, offered, opaque"),
        ({"file": {"pth": "x"}}, "d.file.pth", "did you mean 'path'?"),
        ({"file": {"path": "x", "qq": 1}}, "d.file.qq", "known are path"),
        ({"file": {}}, "d.file.path", "needed"),
        ("file", "d.file.path", "needed"),
        ({"file": "x"}, "d.file", "settings are a mapping"),
        ({"file": {}, "env": {}}, "d", "one name"),
        ({}, "d", "one name"),
        (3, "d", "one name"),
        (["env"], "d", "one name"),
        ("offered", "d.offered.address", "needed"),
        ("gone", "d", "cannot be loaded"),
    ],
)
def test_wrong_spec_is_known_before_anything_is_made(spec: Any, path: str, message: str) -> None:
    """Names and settings are checked without making the source."""
    for function in (check_discovery, make_discovery):
        with pytest.raises(ConfigurationError) as caught:
            function(spec, "d")
        assert path == caught.value.path
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        ({"static": {"endpoints": {"a": ["x"]}}}, "d.static.endpoints.a[0]", "scheme"),
        ({"file": {"path": 3}}, "d.file.path", "path is needed"),
        ({"offered": {"address": "bad"}}, "d.offered", "bad address"),
        ("nothing", "d.nothing", "has no watch"),
        ("opaque", "d.opaque", "has no watch"),
    ],
)
def test_what_making_it_finds_is_told_with_its_place(spec: Any, path: str, message: str) -> None:
    """An error of the source itself is placed below its name."""
    with pytest.raises(ConfigurationError) as caught:
        make_discovery(spec, "d")

    assert path == caught.value.path
    assert message in str(caught.value)


def test_place_may_be_left_out() -> None:
    """Without a path the place begins with the name."""
    with pytest.raises(ConfigurationError) as caught:
        check_discovery({"file": {"pth": 1}}, "")

    assert "file.pth" == caught.value.path
