"""Overlays, and variables in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError, MeshConfig
from meshlib.config import load_config
from meshlib.config._interpolate import interpolate

DOCUMENT: dict[str, Any] = {
    "defaults": {"timeout": 15, "retry": {"max_attempts": 5}},
    "services": {"users": {"endpoints": ["http://dev"], "timeout": 9}, "orders": ["http://o"]},
    "faults": [{"name": "slow", "delay": {"fixed": 1}}],
    "environments": {
        "production": {
            "outside": "deny",
            "defaults": {"timeout": 5},
            "services": {"Users": {"endpoints": ["http://prod"]}, "extra": ["http://x"]},
            "faults": [],
        },
        "staging": {},
        "empty": None,
    },
}


def load(document: Any, env: str = "", **variables: str) -> MeshConfig:
    """The configuration in the environment *env*."""
    return load_config(document, environ={"MESHLIB_ENV": env, **variables} if env else variables)


def test_overlay_is_laid_over_the_document() -> None:
    """Keys are merged, lists replaced, and services inherit from the defaults that result."""
    config = load(DOCUMENT, "production")

    users, orders = config.services["users"], config.services["orders"]
    assert ("deny", ()) == (config.outside, config.faults)
    assert ("http://prod", 9.0, 5) == (
        users.endpoints[0].url,
        users.timeout,
        users.retry.max_attempts,
    )
    assert 5.0 == orders.timeout
    assert "extra" in config.services


@pytest.mark.parametrize("env", ["", "staging", "empty", "elsewhere"])
def test_document_stands_alone_without_an_overlay(env: str) -> None:
    """No environment, an empty overlay, and an environment that nobody mentions are alike."""
    config = load(DOCUMENT, env)

    assert 15.0 == config.services["orders"].timeout
    assert "http://dev" == config.services["users"].endpoints[0].url
    assert "extra" not in config.services


def test_environment_does_not_matter_without_overlays() -> None:
    """MESHLIB_ENV may be set for other applications."""
    assert {} == load({}, "production").services


def test_misspelt_environment_is_an_error() -> None:
    """Running production by the settings of development would be noticed too late."""
    with pytest.raises(ConfigurationError) as caught:
        load(DOCUMENT, "prodution")

    assert "environments" == caught.value.path
    assert "did you mean 'production'?" in caught.value.hint


@pytest.mark.parametrize("env", ["", "production", "staging"])
@pytest.mark.parametrize(
    ("overlay", "path"),
    [
        ({"defaults": {"timeout": "x"}}, "environments.production.defaults.timeout"),
        ({"defaults": {"timeot": 1}}, "environments.production.defaults.timeot"),
        (
            {"services": {"users": {"retry": {"x": 1}}}},
            "environments.production.services.users.retry.x",
        ),
        ({"services": {"a b": {}}}, "environments.production.services.a b"),
        ({"servces": {}}, "environments.production.servces"),
        ({"environments": {}}, "environments.production.environments"),
        ({"faults": [{"name": "x"}]}, "environments.production.faults[0]"),
    ],
)
def test_mistake_in_an_overlay_is_found_everywhere(env: str, overlay: Any, path: str) -> None:
    """An overlay is checked whether it applies or not, and its error is placed in it."""
    document = {**DOCUMENT, "environments": {"production": overlay, "staging": {}}}
    with pytest.raises(ConfigurationError) as caught:
        load(document, env)

    assert path == caught.value.path


def test_mistake_of_the_document_is_not_the_overlays() -> None:
    """What the overlay does not say is told in its own place, once."""
    document = {**DOCUMENT, "services": {"users": {"timeot": 1}}}
    for env in ("", "production"):
        with pytest.raises(ConfigurationError) as caught:
            load(document, env)
        assert "services.users.timeot" == caught.value.path
        assert "environments" not in str(caught.value)


def test_document_that_only_an_overlay_completes_is_right() -> None:
    """A document that is wrong by itself is judged with the overlay that applies."""
    document = {
        "defaults": {"timeout": "x"},
        "environments": {"a": {"defaults": {"timeout": 1}}, "b": {}},
    }

    assert 1.0 == load(document, "a").defaults.timeout


def test_overlay_switches_on_what_defaults_switch_off() -> None:
    """`true` in an overlay waits for the defaults before it is known what it undoes."""
    document = {
        "defaults": {"retry": False},
        "services": {"users": {"timeout": 1}},
        "environments": {"a": {"services": {"users": {"retry": True}}}},
    }

    assert 1 == load(document).services["users"].retry.max_attempts
    assert 3 == load(document, "a").services["users"].retry.max_attempts


def test_overlay_is_checked_with_what_it_lies_over() -> None:
    """Two keys that must agree may stand in different places."""
    document = {
        "defaults": {"breaker": {"max_break_duration": 900}},
        "environments": {"calm": {"defaults": {"breaker": {"break_duration": 600}}}},
    }

    assert 5.0 == load(document).defaults.breaker.break_duration
    assert 600.0 == load(document, "calm").defaults.breaker.break_duration


def test_overlay_applies_to_python_objects() -> None:
    """A MeshConfig has overlays as well, and they reach what services inherit."""
    assert 5.0 == load(MeshConfig(**DOCUMENT), "production").services["orders"].timeout


FILE = """
name: ${APP:-checkout}
services:
  users:
    endpoints: ["http://${HOST}:${PORT:-80}"]
    timeout: ${TIMEOUT:-5s}
    retry: {max_attempts: "${ATTEMPTS:-2}"}
    authority: a$${b}
environments:
  production:
    services: {users: {timeout: "${SLOW}"}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A document with references to variables."""
    path = tmp_path / "mesh.yaml"
    path.write_text(FILE)
    return path


def test_variables_are_replaced_in_a_file(file: Path) -> None:
    """References have defaults, values become numbers where numbers are needed."""
    users = load(file, HOST="h", ATTEMPTS="4", TIMEOUT="").services["users"]

    assert ("http://h:80", 5.0, 4, "a${b}") == (
        users.endpoints[0].url,
        users.timeout,
        users.retry.max_attempts,
        users.authority,
    )
    assert "checkout" == load(file, HOST="h").name


def test_unset_variable_is_told_with_its_place(file: Path) -> None:
    """The error names the variable, the place, the file, and how to give a default."""
    with pytest.raises(ConfigurationError) as caught:
        load(file)

    assert "services.users.endpoints[0]" == caught.value.path
    assert f"{file}:" in str(caught.value)
    assert "the environment variable HOST is not set" in str(caught.value)
    assert "${HOST:-default}" in caught.value.hint


def test_variable_of_an_overlay_is_needed_where_it_applies(file: Path) -> None:
    """A secret of production need not be known to developers."""
    assert 5.0 == load(file, HOST="h").services["users"].timeout
    assert 7.0 == load(file, "production", HOST="h", SLOW="7s").services["users"].timeout
    with pytest.raises(ConfigurationError) as caught:
        load(file, "production", HOST="h")
    assert "environments.production.services.users.timeout" == caught.value.path


def test_overlay_with_known_variables_is_checked(file: Path) -> None:
    """An overlay that does not apply is checked as far as it can be."""
    with pytest.raises(ConfigurationError) as caught:
        load(file, HOST="h", SLOW="never")

    assert "environments.production.services.users.timeout" == caught.value.path


def test_mappings_in_code_are_taken_literally() -> None:
    """Python has variables of its own; only files are interpolated."""
    assert "${X}" == load({"name": "${X}"}).name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain $5 {x}", "plain $5 {x}"),
        ("${A}", "1"),
        ("x${A}y${A}", "x1y1"),
        ("${B:-}", ""),
        ("${B:-a:-b}", "a:-b"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$A", "$A"),
    ],
)
def test_references_are_those_of_a_shell(text: str, expected: str) -> None:
    """Only braces make a reference, and a doubled dollar sign is one before a brace."""
    problems: list[Any] = []

    assert expected == interpolate(text, {"A": "1"}, problems)
    assert [] == problems


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A", "${A:?x}", "${A-x}"])
def test_broken_reference_is_a_problem(text: str) -> None:
    """What begins like a reference and is none is not passed on in silence."""
    problems: list[Any] = []
    interpolate({"a": [text]}, {"A": "1"}, problems)

    assert [("a", 0)] == [problem.place for problem in problems]
