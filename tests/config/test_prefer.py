"""Which endpoints come first, as a document says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError, MeshConfig, ServiceConfig
from meshlib.balancing import FunctionBalancer, PreferOptions, SubsettingOptions
from meshlib.config import load_config

URL = "http://a"


def test_prefer_is_one_or_a_list() -> None:
    """One needs no list; none at all is priority and kind, and an empty list priority."""
    zone = PreferOptions(by="zone")
    for said in ("zone", ["zone"], {"by": "zone"}, zone, [zone]):
        assert (zone,) == ServiceConfig.model_validate({"prefer": said}).prefer
    assert ServiceConfig().prefer is None
    assert () == ServiceConfig.model_validate({"prefer": []}).prefer


def test_sections_are_switched_and_inherited() -> None:
    """`true` is a subset with its defaults; `false` undoes what is inherited."""
    document = {
        "defaults": {"subsetting": {"size": 50}, "zone_aware": {"members": "shop"}},
        "services": {
            "a": {},
            "b": {"subsetting": False, "zone_aware": False},
            "c": {"subsetting": True, "zone_aware": True},
            "d": {"subsetting": {"key": "k"}, "zone_aware": {"min_endpoints": 2}},
        },
    }
    services = MeshConfig.model_validate(document).services
    sizes = {name: each.subsetting and each.subsetting.size for name, each in services.items()}
    assert {"a": 50, "b": None, "c": 50, "d": 50} == sizes
    zones = {name: each.zone_aware and each.zone_aware.members for name, each in services.items()}
    assert {"a": "shop", "b": None, "c": "shop", "d": "shop"} == zones
    alone = ServiceConfig.model_validate({"subsetting": True})
    assert SubsettingOptions() == alone.subsetting


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"prefer": "nearest"}, r"prefer\[0\]"),
        ({"prefer": ["zone", {"kind": ["a", "a"]}]}, r"prefer\[1\].*stands twice"),
        ({"zone_aware": True}, "zone_aware.members"),
        ({"own_zone": "a//b"}, "own_zone.*is no place"),
        ({"subsetting": {"size": 0}}, "subsetting.size"),
    ],
)
def test_mistakes_are_named(document: Any, message: str) -> None:
    """The place of each, and what is wrong."""
    with pytest.raises(ConfigurationError, match=message):
        ServiceConfig.model_validate(document)


def test_zone_of_the_document_goes_for_every_service() -> None:
    """Unless the service, or the defaults, say otherwise; what they said stays told apart."""
    services: dict[str, Any] = {"a": {"endpoints": [URL]}, "b": {"own_zone": "eu/c"}}
    config = MeshConfig.model_validate({"zone": "eu/a", "services": services})
    assert ("eu/a", "eu/c") == (config.services["a"].own_zone, config.services["b"].own_zone)
    assert {"endpoints"} == config.services["a"].model_fields_set
    assert "eu/a" == config.default_service().own_zone
    again = MeshConfig.model_validate({"zone": "x", "services": config.services})
    assert ("x", "eu/c") == (again.services["a"].own_zone, again.services["b"].own_zone)
    defaults = {"own_zone": "eu/b", "timeout": 1}
    config = MeshConfig.model_validate({"zone": "z", "defaults": defaults, "services": services})
    assert "eu/b" == config.services["a"].own_zone
    assert 1.0 == config.services["a"].timeout
    assert "eu/b" == config.default_service().own_zone
    nowhere = MeshConfig.model_validate({"services": services})
    assert nowhere.services["a"].own_zone is None
    assert nowhere.default_service() is nowhere.defaults


def test_zone_that_is_none_is_named() -> None:
    """Where it stands."""
    with pytest.raises(ConfigurationError, match=r"^zone: .*is no place"):
        MeshConfig.model_validate({"zone": "a/", "services": {"a": [URL]}})


def test_variable_comes_before_the_document(tmp_path: Path) -> None:
    """The process knows best where it runs; an empty variable says nothing."""
    path = tmp_path / "mesh.yaml"
    path.write_text("zone: a\nservices: {x: ['http://a']}\n", encoding="utf-8")
    for environ, expected in (({"MESHLIB_ZONE": "eu/b"}, "eu/b"), ({"MESHLIB_ZONE": ""}, "a")):
        config = load_config(path, environ=environ)
        assert (expected, expected) == (config.zone, config.services["x"].own_zone)
    with pytest.raises(ConfigurationError, match=r"^MESHLIB_ZONE: 'b//' is no place"):
        load_config(path, environ={"MESHLIB_ZONE": "b//"})


def test_function_is_a_balancer() -> None:
    """Anything that can be called, and no class that was meant to be an instance."""

    class Own:
        """A balancer."""

        def pick(self, candidates: Any, info: Any) -> Any:
            """The first one."""
            return candidates[0]

    def first(candidates: Any, info: Any) -> Any:
        return candidates[0]

    assert ServiceConfig(balancer=first).balancer == FunctionBalancer(first)
    own = Own()
    assert ServiceConfig(balancer=own).balancer is own
    with pytest.raises(ConfigurationError, match=r"balancer: .*not the class; write Own\(\)"):
        ServiceConfig(balancer=Own)
    document = {"defaults": {"balancer": first}, "services": {"a": {"endpoints": [URL]}}}
    merged = MeshConfig.model_validate(document)
    assert merged.services["a"].balancer == FunctionBalancer(first)


def test_text_that_names_no_balancer_is_an_error() -> None:
    """It says which there are."""
    with pytest.raises(ConfigurationError, match="least_connections"):
        ServiceConfig.model_validate({"balancer": "cheapest"})
