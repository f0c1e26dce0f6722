"""A merge patch of a configuration, as RFC 7396 has it, by the rules of overlays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError, MeshConfig, ServiceConfig
from meshlib.config import load_config, patch_config

A, B = "http://10.0.0.1:80", "http://10.0.0.2:80"


@pytest.fixture
def config() -> MeshConfig:
    """Two services, one of which says much."""
    return load_config(
        {
            "defaults": {"timeout": 3, "breaker": {"probes": 2}},
            "services": {
                "users": {
                    "endpoints": [A, B],
                    "aliases": ["people"],
                    "balancer": {"ring_hash": {"key": {"header": "x-user"}}},
                    "breaker": {"failure_ratio": 0.3, "break_duration": 2},
                    "timeout": 9,
                    "fallback": {"json": {"a": None}},
                },
                "orders": [A],
            },
            "faults": [{"name": "slow", "delay": {"fixed": 1}}],
        },
        environ={},
    )


def users(config: MeshConfig) -> ServiceConfig:
    """The service that says much."""
    return config.services["users"]


def test_mappings_are_merged(config: MeshConfig) -> None:
    """What the patch does not name stays, and so does the configuration it was made from."""
    patched = patch_config(config, {"services": {"users": {"breaker": {"probe_successes": 3}}}})
    assert (0.3, 2.0, 2, 3) == (
        users(patched).breaker.failure_ratio,
        users(patched).breaker.break_duration,
        users(patched).breaker.probes,
        users(patched).breaker.probe_successes,
    )
    assert 1 == users(config).breaker.probe_successes
    assert patched.services["orders"] == config.services["orders"]
    assert patched.faults == config.faults


def test_null_takes_away_what_was_said(config: MeshConfig) -> None:
    """What is inherited counts then, and after it the default."""
    patched = patch_config(
        config, {"timeout": None, "breaker": {"failure_ratio": None}}, service="users"
    )
    assert 3 == users(patched).timeout
    assert (0.5, 2.0) == (
        users(patched).breaker.failure_ratio,
        users(patched).breaker.break_duration,
    )
    assert "timeout" not in users(patched).model_fields_set
    patched = patch_config(patched, {"defaults": None, "faults": None})
    assert (15, 1) == (users(patched).timeout, users(patched).breaker.probes)
    assert () == patched.faults


def test_null_takes_away_a_whole_service(config: MeshConfig) -> None:
    """By its name in any case; one that is not there stays away."""
    patched = patch_config(config, {"services": {"USERS": None, "nobody": None, "new": [B]}})
    assert {"orders", "new"} == set(patched.services)


def test_what_is_inherited_stays_inherited(config: MeshConfig) -> None:
    """A patch of the defaults reaches services that were patched before."""
    patched = patch_config(config, {"attempt_timeout": 1}, service="orders")
    patched = patch_config(patched, {"defaults": {"timeout": 5}})
    assert (5, 1) == (
        patched.services["orders"].timeout,
        patched.services["orders"].attempt_timeout,
    )
    assert 9 == users(patched).timeout


@pytest.mark.parametrize(
    ("changes", "name", "header"),
    [
        ({"balancer": "random"}, "random", None),
        ({"balancer": {"ring_hash": {"key": {"cookie": "sid"}}}}, "ring_hash", None),
        ({"balancer": {"ring_hash": {"key": None}}}, "ring_hash", None),
        ({"balancer": {"ring_hash": {"table_size": 7}}}, "ring_hash", "x-user"),
        ({"balancer": None}, "least_connections", None),
    ],
)
def test_a_balancer_is_merged_as_a_whole(
    config: MeshConfig, changes: dict[str, Any], name: str, header: str | None
) -> None:
    """Settings of one strategy say nothing of another, in whichever form they are written."""
    balancer = users(patch_config(config, changes, service="users")).balancer
    assert (name, header) == (balancer.name, balancer.key.header)


def test_endpoints_and_discovery_replace_each_other(config: MeshConfig) -> None:
    """They answer one question; null under discovery is a source without settings."""
    patched = patch_config(config, {"discovery": {"dns": None}}, service="users")
    assert {"dns": None} == users(patched).discovery
    assert () == users(patched).endpoints
    patched = patch_config(patched, {"endpoints": [B]}, service="users")
    assert users(patched).discovery is None


def test_an_answer_keeps_its_nulls(config: MeshConfig) -> None:
    """The payload of a fallback is replaced, not patched."""
    patched = patch_config(config, {"fallback": {"json": {"b": None}}}, service="users")
    assert {"b": None} == users(patched).fallback.json_


def test_sections_can_be_switched(config: MeshConfig) -> None:
    """True and false mean what they mean in a document."""
    patched = patch_config(config, {"breaker": False, "hedge": True}, service="users")
    assert not users(patched).breaker.enabled
    assert users(patched).hedge is not None
    patched = patch_config(patched, {"breaker": True, "hedge": None}, service="users")
    assert users(patched).breaker.enabled
    assert users(patched).hedge is None


def test_options_say_what_was_set_of_them(config: MeshConfig) -> None:
    """A patch may be made of the objects that a document is made of."""
    patched = patch_config(config, MeshConfig(services={"orders": ServiceConfig(timeout=4)}))
    assert 4 == patched.services["orders"].timeout
    assert 1 == len(patched.services["orders"].endpoints)
    patched = patch_config(patched, ServiceConfig(timeout=6), service="orders")
    assert 6 == patched.services["orders"].timeout


def test_an_alias_names_its_service(config: MeshConfig) -> None:
    """As it does in a URL."""
    assert 1 == users(patch_config(config, {"timeout": 1}, service="People")).timeout


@pytest.mark.parametrize(
    ("changes", "service", "message"),
    [
        ({"timeout": 1}, "userz", "service: there is no service 'userz'; did you mean 'users'?"),
        ({"timeout": 1}, "xyz", "a new one is patched in under services"),
        ({"tiemout": 1}, "users", "services.users.tiemout: unknown key 'tiemout'; did you mean"),
        ({"tiemout": None}, "users", "services.users.tiemout: unknown key 'tiemout'; did you mean"),
        (
            {"breaker": {"failure_ration": None}},
            "users",
            "services.users.breaker.failure_ration: unknown key",
        ),
        ({"qqq": None}, None, "qqq: unknown key 'qqq'; known are name"),
        ({"services": {"a b": None}}, None, "cannot be the name of a service"),
        ({"services": {"orders": {"endpoints": ["x"]}}}, None, "services.orders.endpoints[0]"),
        ({"environments": {}}, None, "environments: overlays are laid over when"),
        ({"environments": None}, None, "environments: overlays are laid over when"),
        ([], None, "changes are a mapping, not list"),
    ],
)
def test_what_is_wrong_is_named(
    config: MeshConfig, changes: Any, service: str | None, message: str
) -> None:
    """Taking away what cannot be there is a misspelling, and told like one."""
    with pytest.raises(ConfigurationError) as caught:
        patch_config(config, changes, service=service)
    assert message in str(caught.value)


def test_the_origin_stays(tmp_path: Path) -> None:
    """A watched file that has not changed is not applied over a patch."""
    path = tmp_path / "mesh.yaml"
    path.write_text("services: {users: [http://a]}")
    config = load_config(path)
    patched = patch_config(config, {"name": "shop"})
    assert patched.origin is config.origin
    assert load_config(patched, environ={"MESHLIB_SERVICE_USERS": B}) == patched


def test_a_manifest_can_be_patched_in(config: MeshConfig, tmp_path: Path) -> None:
    """What it says is merged like the rest of the patch."""
    path = tmp_path / "new.yaml"
    path.write_text("service_name: new\nendpoints: [10.0.0.9]\npolicy: {timeout: 2}")
    patched = patch_config(config, {"services": {"new": {"manifest": str(path), "retry": False}}})
    new = patched.services["new"]
    assert ("http://10.0.0.9", 2, 1) == (new.endpoints[0].url, new.timeout, new.retry.max_attempts)


def test_names_are_the_users_own() -> None:
    """Below tenants stand names, below a name its keys."""
    config = load_config({"tenants": {"a": {"defaults": {"timeout": 1}}, "b": {}}}, environ={})
    patched = patch_config(config, {"tenants": {"a": {"defaults": None}, "b": None}})
    assert ["a"] == list(patched.tenants)
    assert {} == patched.tenants["a"].defaults
    with pytest.raises(ConfigurationError, match=r"tenants\.a\.defualts: unknown key"):
        patch_config(config, {"tenants": {"a": {"defualts": None}}})
