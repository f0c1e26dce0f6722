"""What a configuration is made of, and which part wins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError, Endpoint, MeshConfig, ServiceConfig
from meshlib.config import RetryOptions, load_config

NOTHING: dict[str, str] = {}
"""An environment without variables."""

DOCUMENT: dict[str, Any] = {
    "name": "checkout",
    "outside": "deny",
    "defaults": {"timeout": "5s", "retry": {"max_attempts": 5, "backoff": {"initial": "50ms"}}},
    "services": {
        "users": {"endpoints": ["http://a:1"], "retry": {"backoff": {"max": 2}}},
        "orders": ["http://b:1"],
    },
    "faults": [{"name": "slow", "delay": {"fixed": "300ms"}}],
}

YAML = """
name: checkout
outside: deny
defaults: {timeout: 5s, retry: {max_attempts: 5, backoff: {initial: 50ms}}}
services:
  users: {endpoints: ["http://a:1"], retry: {backoff: {max: 2}}}
  orders: ["http://b:1"]
faults:
  - {name: slow, delay: {fixed: 300ms}}
"""

TOML = """
name = "checkout"
outside = "deny"
[defaults]
timeout = "5s"
retry = {max_attempts = 5, backoff = {initial = "50ms"}}
[services]
users = {endpoints = ["http://a:1"], retry = {backoff = {max = 2}}}
orders = ["http://b:1"]
[[faults]]
name = "slow"
delay = {fixed = "300ms"}
"""


def urls(config: MeshConfig, name: str) -> list[str]:
    """The URLs of one service."""
    return [endpoint.url for endpoint in config.services[name].endpoints]


def test_document_is_read_as_a_whole() -> None:
    """Every part arrives where it belongs, durations as seconds."""
    config = load_config(DOCUMENT, environ=NOTHING)

    assert ("checkout", "deny") == (config.name, config.outside)
    assert {"users", "orders"} == set(config.services)
    assert ["http://a:1"] == urls(config, "users")
    assert 0.3 == config.faults[0].delay.fixed  # type: ignore[union-attr]  # the document says it


@pytest.mark.parametrize(
    ("name", "text"),
    [("m.yaml", YAML), ("m.yml", YAML), ("m.json", json.dumps(DOCUMENT)), ("m.toml", TOML)],
)
def test_every_source_says_the_same(tmp_path: Path, name: str, text: str) -> None:
    """A file of any format, its mapping, and Python objects give equal configurations."""
    path = tmp_path / name
    path.write_text(text)
    expected = load_config(DOCUMENT, environ=NOTHING)

    assert expected == load_config(path, environ=NOTHING)
    assert expected == load_config(str(path), environ=NOTHING)
    assert expected == load_config(MeshConfig(**DOCUMENT), environ=NOTHING)


def test_nothing_is_a_configuration() -> None:
    """Without a source every default holds."""
    assert load_config(environ=NOTHING) == load_config({}, environ=NOTHING)
    assert {} == load_config(environ=NOTHING).services
    assert "resilient" == load_config(environ=NOTHING).outside


def test_loading_again_changes_nothing() -> None:
    """What was loaded is taken as it is, whatever the environment says by then."""
    environ = {"MESHLIB_SERVICE_USERS": "http://env:1", "MESHLIB_ENV": "production"}
    document = {**DOCUMENT, "environments": {"production": {"defaults": {"timeout": 1}}}}
    once = load_config(document, services={"users": ["http://code:1"]}, environ=environ)
    again = load_config(once, environ=environ)

    assert once == again
    assert ["http://code:1"] == urls(again, "users")


def test_code_overrides_variables_override_document() -> None:
    """Each source of endpoints gives way to the next one."""
    environ = {"MESHLIB_SERVICE_USERS": "http://env:1", "MESHLIB_SERVICE_ORDERS": "http://env:2"}
    config = load_config(DOCUMENT, services={"Users": ["http://code:1"]}, environ=environ)

    assert ["http://code:1"] == urls(config, "users")
    assert ["http://env:2"] == urls(config, "orders")
    assert 2 == config.services["users"].retry.backoff.max


@pytest.mark.parametrize(
    "given",
    [
        ["http://c:1"],
        ("http://c:1",),
        "http://c:1",
        Endpoint("http://c:1"),
        [Endpoint("http://c:1")],
        {"endpoints": [{"url": "http://c:1"}]},
        {"endpoints": "http://c:1"},
        ServiceConfig(endpoints=[Endpoint("http://c:1")]),
    ],
)
def test_service_is_written_in_many_ways(given: Any) -> None:
    """A list, one URL, a mapping and an object all say where a service is."""
    config = load_config(services={"pay": given}, environ=NOTHING)

    assert (Endpoint("http://c:1"),) == config.services["pay"].endpoints
    assert config == load_config({"services": {"pay": given}}, environ=NOTHING)
    assert config.services == MeshConfig(services={"pay": given}).services


def test_object_counts_for_the_fields_that_were_set() -> None:
    """An options object overrides only what was said when it was made."""
    service = ServiceConfig(retry=RetryOptions(max_attempts=2))
    config = load_config(DOCUMENT, services={"users": service}, environ=NOTHING)

    users = config.services["users"]
    assert (2, 0.05, 2) == (
        users.retry.max_attempts,
        users.retry.backoff.initial,
        users.retry.backoff.max,
    )
    assert ["http://a:1"] == urls(config, "users")


def test_variable_names_a_new_service() -> None:
    """A service that only a variable names is one, under either spelling of its name."""
    environ = {
        "MESHLIB_SERVICE_USER_PROFILE": "http://a:1;weight=2",
        "MESHLIB_SERVICE_X": "http://x",
    }
    config = load_config({}, environ=environ)

    assert (Endpoint("http://a:1", weight=2.0),) == config.services["user-profile"].endpoints
    assert ("user_profile",) == config.services["user-profile"].aliases
    assert () == config.services["x"].aliases


@pytest.mark.parametrize(
    "service",
    [
        {"user_profile": {}},
        {"user-profile": {}},
        {"user.profile": {}},
        {"people": {"aliases": ["user_profile"]}},
    ],
)
def test_variable_finds_the_service_that_it_means(service: dict[str, Any]) -> None:
    """Names and aliases are compared as variables can spell them."""
    environ = {"MESHLIB_SERVICE_USER_PROFILE": "http://a:1"}
    config = load_config({"services": service}, environ=environ)

    assert list(service) == list(config.services)
    assert ["http://a:1"] == urls(config, next(iter(service)))


def test_variable_replaces_discovery() -> None:
    """Endpoints of a variable are used in place of the document's source."""
    document = {"services": {"users": {"discovery": "env"}}}
    config = load_config(document, environ={"MESHLIB_SERVICE_USERS": "http://a"})

    assert config.services["users"].discovery is None
    assert ["http://a"] == urls(config, "users")


def test_variable_with_a_reserved_name_is_an_error() -> None:
    """The error names the variable."""
    with pytest.raises(ConfigurationError) as caught:
        load_config({}, environ={"MESHLIB_SERVICE_LOCALHOST": "http://a"})

    assert "MESHLIB_SERVICE_LOCALHOST" == caught.value.path


def test_broken_aliases_do_not_hide_their_error() -> None:
    """Aliases that are no list are told as such, though variables are looked at first."""
    for aliases in (3, [3]):
        with pytest.raises(ConfigurationError) as caught:
            load_config(
                {"services": {"a": {"aliases": aliases}}}, environ={"MESHLIB_SERVICE_A": "http://a"}
            )
        assert caught.value.path.startswith("services.a.aliases")


def test_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `environ` the variables of the process count."""
    monkeypatch.setenv("MESHLIB_SERVICE_USERS", "http://env:1")

    assert ["http://env:1"] == urls(load_config(DOCUMENT), "users")


@pytest.mark.parametrize(
    ("source", "services", "path"),
    [
        (3, None, "config"),
        (["x"], None, "config"),
        (b"mesh.yaml", None, "config"),
        ({}, ["users"], "services"),
        ({}, {"users": 3}, "services.users"),
        ({}, {3: []}, "services.3"),
        ({1: 2}, None, ""),
        ({"defaults": 3}, None, "defaults"),
        ({"services": {"users": {"retry": {1: 2}}}}, None, "services.users.retry"),
    ],
)
def test_what_is_no_document_is_refused(source: Any, services: Any, path: str) -> None:
    """Values of other types are told by their place."""
    with pytest.raises(ConfigurationError) as caught:
        load_config(source, services=services, environ=NOTHING)

    assert path == caught.value.path


def test_headings_without_content_say_nothing(tmp_path: Path) -> None:
    """`services:` with nothing under it is what people leave when they begin."""
    path = tmp_path / "m.yaml"
    path.write_text("services:\ndefaults:\nfaults:\nenvironments:\n")
    assert load_config({}, environ=NOTHING) == load_config(path, environ=NOTHING)

    path.write_text("services:\n  users:\n  orders: {endpoints: , aliases: }\n")
    assert {"users", "orders"} == set(load_config(path, environ=NOTHING).services)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """The error names the file, and one with a similar name."""
    (tmp_path / "mesh.yaml").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"mesh\.yml: no such file") as caught:
        load_config(tmp_path / "mesh.yml")

    assert "mesh.yaml" in caught.value.hint


def test_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    """Place, reason, file and hint stand in one message."""
    path = tmp_path / "m.yaml"
    path.write_text("services: {users: {timeot: 3}}")
    with pytest.raises(ConfigurationError) as caught:
        load_config(path, environ=NOTHING)

    assert "services.users.timeot" == caught.value.path
    assert f"{path}:1: services.users.timeot: unknown key 'timeot'; did you mean 'timeout'?" == str(
        caught.value
    )


def test_error_in_code_does_not_blame_the_file(tmp_path: Path) -> None:
    """What `services=` says wrong is not told as the file's."""
    path = tmp_path / "m.yaml"
    path.write_text("services: {users: {timeot: 3}}")
    with pytest.raises(ConfigurationError) as caught:
        load_config(path, services={"orders": {"tmeout": 3}}, environ=NOTHING)

    first, second = str(caught.value).splitlines()[1:]
    assert first.startswith(f"{path}:1: services.users.timeot: ")
    assert "orders.tmeout" in second
    assert str(path) not in second


def test_sources_for_other_names_are_merged() -> None:
    """The default source is part of the document."""
    config = load_config({"discovery": {"file": {"path": "a.yaml"}}}, environ=NOTHING)

    assert {"file": {"path": "a.yaml"}} == config.discovery
