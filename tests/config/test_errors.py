"""What is wrong is told with its place, its value, and the nearest valid thing."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from meshlib import ConfigurationError, Endpoint, MeshConfig, ServiceConfig
from meshlib._problems import path_of
from meshlib.config import FallbackOptions, load_config


def error(document: Any, **options: Any) -> ConfigurationError:
    """The error that loading *document* raises."""
    options.setdefault("environ", {})
    with pytest.raises(ConfigurationError) as caught:
        load_config(document, **options)
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize(
    ("own", "path", "message", "hint"),
    [
        ({"timeot": 3}, "timeot", "unknown key 'timeot'", "did you mean 'timeout'?"),
        ({"retry": {"max_attemps": 3}}, "retry.max_attemps", "unknown", "'max_attempts'?"),
        ({"retry": {"backoff": {"inital": 3}}}, "retry.backoff.inital", "unknown", "'initial'?"),
        ({"hedge": {"quantil": 3}}, "hedge.quantil", "unknown", "'quantile'?"),
        ({"panic": {"zz": 3}}, "panic.zz", "unknown", "known are threshold, overprovisioning"),
        ({"fallback": {"jsn": 3}}, "fallback.jsn", "unknown", "'json'?"),
        ({"balancer": "randm"}, "balancer", "'randm' is not known", "'random'?"),
        ({"balancer": {"ring_hsh": {}}}, "balancer", "'ring_hsh' is not known", "'ring_hash'?"),
        ({"balancer": {"choice_cont": 3}}, "balancer.choice_cont", "unknown", "'choice_count'?"),
        (
            {"balancer": {"maglev": {"key": {"hedaer": "x"}}}},
            "balancer.key.hedaer",
            "unknown",
            "'header'?",
        ),
        ({"balancer": {"ring_hash": 3}}, "balancer", "settings are needed for ring_hash", ""),
        ({"balancer": 3}, "balancer", "settings are needed here, not 3", ""),
        ({"balancer": object()}, "balancer", "settings are needed here, not <object", ""),
        ({"balancer": {"maglev": {"table_size": 8}}}, "balancer", "8 is not", ""),
        ({"retry": 3}, "retry", "settings are needed here, not 3", ""),
        ({"retry": {"max_attempts": 0}}, "retry.max_attempts", "must be greater", ""),
        ({"retry": {"max_attempts": 0}}, "retry.max_attempts", ", not 0", ""),
        ({"retry": {"wait": 3}}, "retry.wait", "tenacity", ""),
        ({"retry": {"statuses": [200]}}, "retry.statuses[0]", "must be", ""),
        ({"timeout": 0}, "timeout", "greater than 0, not 0", ""),
        ({"timeout": "5x"}, "timeout", "'5x' is not a duration", ""),
        ({"timeout": True}, "timeout", "a duration is seconds", ""),
        ({"timeout": float("inf")}, "timeout", "finite", ""),
        ({"breaker": {"break_duration": 400}}, "breaker", "max_break_duration is below", ""),
        ({"grpc_timeout": "perhaps"}, "grpc_timeout", "'perhaps'", ""),
        ({"authority": ""}, "authority", "cannot be a Host header", ""),
        ({"authority": "a b"}, "authority", "cannot be a Host header", ""),
        ({"authority": "a\r\nx: y"}, "authority", "cannot be a Host header", ""),
        ({"authority": "bücher"}, "authority", "cannot be a Host header", ""),
        ({"endpoints": ["a:1"]}, "endpoints[0]", "scheme", "did you mean 'http://a:1'?"),
        (
            {"endpoints": ["http://a", {"url": "http://b", "wieght": 1}]},
            "endpoints[1].wieght",
            "",
            "'weight'?",
        ),
        ({"endpoints": 3}, "endpoints", "must be", ""),
        ({"endpoints": ["http://a", "http://A:80/"]}, "endpoints", "stands here twice", ""),
        ({"endpoints": ["http://a"], "discovery": "env"}, "", "not both", ""),
        ({"aliases": ["http://x"]}, "aliases[0]", "cannot be the name", "URLs go under"),
        ({"aliases": ["localhost"]}, "aliases[0]", "reserved", "as its endpoint"),
        ({"aliases": [3]}, "aliases[0]", "must be a valid string", ""),
        ({"discovery": "fiel"}, "discovery", "known are", "'file'?"),
        ({"discovery": {"file": {"pth": "x"}}}, "discovery.file.pth", "unknown", "'path'?"),
        ({"discovery": ["env"]}, "discovery", "one name", ""),
        ({"fallback": 3}, "fallback", "settings are needed here, not 3", ""),
        ({"fallback": {"cached": 3, "text": "x"}}, "fallback", "takes nothing else", ""),
        ({"fallback": {"json": 3, "text": "x"}}, "fallback", "one of json and text", ""),
        ({"fallback": {"status": 99}}, "fallback.status", "must be", ""),
        ({"fallback": {"json": object()}}, "fallback", "json cannot be written", ""),
    ],
)
def test_error_of_a_service(own: Any, path: str, message: str, hint: str) -> None:
    """One mistake in a service, wherever it is, and in the defaults alike."""
    found = error({"services": {"users": own}})
    where = f"services.users.{path}" if path else "services.users"

    assert where == found.path
    assert message in str(found)
    assert hint in found.hint
    assert str(found).startswith(f"{where}: ")
    if not path.startswith(("endpoints", "aliases")) and path:
        assert f"defaults.{path}" == error({"defaults": own, "services": {"users": {}}}).path


@pytest.mark.parametrize(
    ("document", "path", "message", "hint"),
    [
        ({"servces": {}}, "servces", "unknown key", "'services'?"),
        ({"outside": "dney"}, "outside", "known are resilient, passthrough, deny", "'deny'?"),
        ({"max_outside_origins": 0}, "max_outside_origins", "must be", ""),
        ({"services": 3}, "services", "settings are needed here, not 3", ""),
        ({"services": {"users": 3}}, "services.users", "a mapping is needed here, not int", ""),
        ({"discovery": "consl"}, "discovery", "not a known source", ""),
        ({"faults": 3}, "faults", "must be", ""),
        ({"faults": [{"abort": {"status": 503}}]}, "faults[0].name", "this is needed", ""),
        ({"faults": [{"name": "x"}]}, "faults[0]", "give one of delay, abort, response", ""),
        (
            {"faults": [{"name": "x", "abort": {"error": "refusd"}}]},
            "faults[0].abort.error",
            "not known",
            "'refused'?",
        ),
        (
            {"faults": [{"name": "x", "abort": {"status": 503}}] * 2},
            "faults[1].name",
            "two rules 'x'",
            "",
        ),
        ({"defaults": {"endpoints": ["http://a"]}}, "defaults.endpoints", "one service", ""),
        ({"defaults": {"aliases": ["x"]}}, "defaults.aliases", "one service", ""),
        (
            {"services": {"a": {"aliases": ["b"]}, "b": {}}},
            "services.a.aliases[0]",
            "means the service 'b' already",
            "",
        ),
        (
            {"services": {"a": {"aliases": ["x"]}, "b": {"aliases": ["y", "X"]}}},
            "services.b.aliases[1]",
            "means the service 'a' already",
            "",
        ),
        ({"services": {"Users": [], "users": []}}, "services.users", "same service as 'Users'", ""),
        ({"environments": 3}, "environments", "settings are needed", ""),
    ],
)
def test_error_of_the_document(document: Any, path: str, message: str, hint: str) -> None:
    """One mistake outside of the services."""
    found = error(document)

    assert path == found.path
    assert message in str(found)
    assert hint in found.hint


@pytest.mark.parametrize("name", ["retry", "services", "x"])
def test_service_may_be_called_like_a_key(name: str) -> None:
    """The nearest key is looked for among those of the section, whatever the names around."""
    assert "did you mean 'timeout'?" == error({"services": {name: {"timeot": 1}}}).hint
    assert "did you mean 'max_hint'?" == error({"services": {name: {"retry": {"max_hit": 1}}}}).hint
    rule = {"name": "x", "abort": {"status": 503}, "match": {"headers": {"path": {"exct": "x"}}}}
    assert "did you mean 'exact'?" == error({"faults": [rule]}).hint


def test_several_errors_are_told_together() -> None:
    """All of them stand in the message, and the first is the error's place and hint."""
    found = error(
        {"services": {"a": {"timeot": 1}, "b": {"endpoints": ["x"]}, "c": {"retry": {"x": 1}}}}
    )

    assert ("services.a.timeot", "did you mean 'timeout'?") == (found.path, found.hint)
    lines = str(found).splitlines()
    assert "3 errors:" == lines[0]
    assert [
        "services.a.timeot",
        "services.b.endpoints[0]",
        "services.c.retry.x",
    ] == [line.partition(": ")[0] for line in lines[1:]]


def test_wrong_default_is_told_once() -> None:
    """An error in the defaults is not repeated for each service that inherits it."""
    found = error({"defaults": {"timeout": "x"}, "services": {"a": {}, "b": {"timeot": 1}}})

    assert ["defaults.timeout", "services.b.timeot"] == [
        line.partition(": ")[0] for line in str(found).splitlines()[1:]
    ]


def test_error_that_inheritance_makes_is_told_at_the_service() -> None:
    """Two halves that are right alone may be wrong together."""
    found = error(
        {
            "defaults": {"breaker": {"break_duration": 200}},
            "services": {"a": {"breaker": {"max_break_duration": 100}}},
        }
    )

    assert "services.a.breaker" == found.path


def test_long_values_are_cut() -> None:
    """A message stays readable, whatever was given."""
    assert len(str(error({"services": {"a": {"retry": "x" * 9999}}}))) < 200


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda: ServiceConfig(timout=1), "timout"),
        (lambda: ServiceConfig(timeout=-1), "timeout"),
        (lambda: ServiceConfig(retry={"max_attempts": "x"}), "retry.max_attempts"),
        (lambda: ServiceConfig(fallback={"status": 1}), "fallback.status"),
        (lambda: ServiceConfig.model_validate({"endpoints": ["x"]}), "endpoints[0]"),
        (lambda: FallbackOptions(json=1, text="x"), ""),
        (lambda: FallbackOptions.model_validate({"stats": 1}), "stats"),
        (lambda: MeshConfig(services={"users": {"retry": {"x": 1}}}), "services.users.retry.x"),
        (
            lambda: MeshConfig(services={"users": {"endpoints": ["x"]}}),
            "services.users.endpoints[0]",
        ),
        (lambda: MeshConfig(defaults={"timeout": "x"}), "defaults.timeout"),
        (lambda: MeshConfig.model_validate({"services": {"a b": {}}}), "services.a b"),
        (lambda: MeshConfig.model_validate(3), ""),
        (lambda: MeshConfig(faults=[{"name": "x", "match": {5: 1}}]), "faults[0].match"),
    ],
)
def test_objects_made_in_python_raise_the_same(make: Any, path: str) -> None:
    """A section raises ConfigurationError however it is made, and never pydantic's own."""
    with pytest.raises(ConfigurationError) as caught:
        make()

    assert path == caught.value.path
    assert not isinstance(caught.value, ValidationError)


def test_options_are_frozen() -> None:
    """What policies were built from cannot change beneath them."""
    for thing, name in ((ServiceConfig(), "timeout"), (MeshConfig(), "name")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(thing, name, 1)


def test_single_endpoint_may_stand_for_a_list() -> None:
    """One URL or endpoint in place of a list is a list of one."""
    one: Any = "http://a"
    assert (Endpoint("http://a"),) == ServiceConfig(endpoints=one).endpoints


@pytest.mark.parametrize(
    ("place", "path"),
    [((), ""), (("a", 0, "b"), "a[0].b"), (("a", "[0].b"), "a[0].b"), ((0, "a"), "[0].a")],
)
def test_place_is_written_as_in_python(place: Any, path: str) -> None:
    """Keys have dots between them, indexes stand in brackets."""
    assert path == path_of(place)
