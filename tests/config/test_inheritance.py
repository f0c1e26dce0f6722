"""Services inherit from the defaults, key by key."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from meshlib import Endpoint, MeshConfig, ServiceConfig
from meshlib.config import BalancerOptions, BreakerOptions, FallbackOptions, HashKey, RetryOptions
from meshlib.config import load_config as load
from meshlib.config._merge import merge, merge_document, merge_service
from meshlib.config._trees import service_tree


def service(defaults: Any, own: Any) -> ServiceConfig:
    """A service that says *own* where *defaults* hold."""
    config = load({"defaults": defaults, "services": {"users": own}}, environ={})
    return config.services["users"]


def test_keys_are_inherited_one_by_one() -> None:
    """A nested key overrides itself only, and what nobody says is the library's default."""
    users = service(
        {"timeout": "5s", "retry": {"max_attempts": 5, "backoff": {"initial": "50ms"}}},
        {"retry": {"backoff": {"max": "2s"}}},
    )

    assert (5.0, 5, 0.05, 2.0, 2.0) == (
        users.timeout,
        users.retry.max_attempts,
        users.retry.backoff.initial,
        users.retry.backoff.max,
        users.retry.backoff.multiplier,
    )


def test_lists_are_replaced() -> None:
    """A list is one value: the inherited one does not shine through."""
    users = service({"retry": {"statuses": [500, 502]}}, {"retry": {"statuses": [503]}})

    assert {503} == users.retry.statuses


@pytest.mark.parametrize("own", [RetryOptions(max_attempts=2), {"max_attempts": 2}])
def test_object_inherits_like_a_mapping(own: Any) -> None:
    """An options object in Python leaves to the defaults what it was not told."""
    users = service({"retry": RetryOptions(buffer_body=9)}, {"retry": own})

    assert (2, 9) == (users.retry.max_attempts, users.retry.buffer_body)


def test_objects_pass_unharmed() -> None:
    """Waits, balancers, fallbacks and sources are used as the very objects given."""

    class Mine:
        def pick(self, candidates: Any, info: Any) -> Any:
            """Take the first."""
            return candidates[0]

        async def watch(self, name: str) -> Any:
            """Nothing."""
            yield ()

    wait, mine = tenacity.wait_fixed(1), Mine()

    def fallback(request: Any, error: Any) -> httpx.Response:
        return httpx.Response(200)

    defaults = {"retry": {"wait": wait}, "balancer": mine, "fallback": fallback, "discovery": mine}
    users = service(defaults, {"retry": {"max_attempts": 2}})

    assert wait is users.retry.wait
    assert mine is users.balancer
    assert mine is users.discovery
    assert fallback is users.fallback


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("retry", "max_attempts", 1),
        ("breaker", "enabled", False),
        ("outlier", "enabled", False),
        ("bulkhead", "max_concurrency", None),
        ("slow_start", "window", 0.0),
        ("panic", "threshold", 0.0),
    ],
)
def test_false_switches_a_section_off(section: str, key: str, value: Any) -> None:
    """`false` is off, by itself and over settings; `true` over it is on again."""
    assert value == getattr(getattr(service({}, {section: False}), section), key)
    assert value == getattr(getattr(service({section: False}, {}), section), key)
    on = service({section: False}, {section: True})
    assert getattr(service({}, {section: True}), section) == getattr(on, section)


@pytest.mark.parametrize(
    "section", ["retry", "breaker", "outlier", "bulkhead", "slow_start", "panic"]
)
def test_null_says_nothing_of_a_section(section: str) -> None:
    """A heading without content inherits, and without defaults is the library's default."""
    assert getattr(ServiceConfig(), section) == getattr(service({}, {section: None}), section)
    off = service({section: False}, {section: None})
    assert getattr(service({}, {section: False}), section) == getattr(off, section)


def test_settings_switch_on_what_false_switched_off() -> None:
    """Whoever gives settings means the section to be used."""
    users = service({"breaker": False}, {"breaker": {"failure_ratio": 0.3}, "outlier": {}})

    assert (True, 0.3) == (users.breaker.enabled, users.breaker.failure_ratio)


def test_true_keeps_inherited_settings() -> None:
    """`true` switches on, and does not forget what the defaults say."""
    off = {"enabled": False, "failure_ratio": 0.3}
    users = service({"breaker": off, "outlier": {"enabled": False}}, {"breaker": True})
    assert (True, 0.3) == (users.breaker.enabled, users.breaker.failure_ratio)
    assert not users.outlier.enabled

    users = service({"slow_start": {"aggression": 2}}, {"slow_start": True})
    assert (30.0, 2.0) == (users.slow_start.window, users.slow_start.aggression)
    assert 30.0 == service({}, {"slow_start": True}).slow_start.window
    assert 9.0 == service({"slow_start": {"window": 9}}, {"slow_start": True}).slow_start.window

    assert 4 == service({"retry": {"max_attempts": 4}}, {"retry": True}).retry.max_attempts


def test_settings_leave_an_inherited_true_on() -> None:
    """Settings over `true` do not take it back, even where off is the default."""
    users = service({"slow_start": True}, {"slow_start": {"aggression": 2}})

    assert (30.0, 2.0) == (users.slow_start.window, users.slow_start.aggression)


def test_switches_survive_being_loaded_again() -> None:
    """`true` over `false` stays on, though what was loaded holds neither word."""
    once = load({"defaults": {"retry": False}, "services": {"users": {"retry": True}}}, environ={})

    assert 3 == load(once, environ={}).services["users"].retry.max_attempts


@pytest.mark.parametrize("off", [None, False])
def test_hedge_is_off_unless_asked_for(off: Any) -> None:
    """Null and false are off, true is on with the inherited settings."""
    assert service({}, {}).hedge is None
    assert service({"hedge": {"quantile": 0.9}}, {"hedge": off}).hedge is None
    hedge = service({"hedge": {"quantile": 0.9}}, {"hedge": True}).hedge
    assert hedge is not None
    assert 0.9 == hedge.quantile
    assert service({}, {"hedge": True}).hedge is not None


@pytest.mark.parametrize(
    ("defaults", "own", "expected"),
    [
        ("random", None, {"name": "random"}),
        ({"choice_count": 3}, "least_request", {"name": "least_request", "choice_count": 3}),
        ({"name": "least_request", "choice_count": 3}, "random", {"name": "random"}),
        (
            {"ring_hash": {"minimum_ring_size": 9}},
            {"ring_hash": {"maximum_ring_size": 99}},
            {"name": "ring_hash", "minimum_ring_size": 9, "maximum_ring_size": 99},
        ),
        ({"ring_hash": {"minimum_ring_size": 9}}, {"maglev": None}, {"name": "maglev"}),
        (
            {"ring_hash": {"key": {"header": "x"}}},
            {"key": {"cookie": "y"}},
            {"name": "ring_hash", "key": HashKey(cookie="y")},
        ),
        (BalancerOptions(name="random"), BalancerOptions(choice_count=3), None),
    ],
)
def test_balancers_are_merged_by_name(defaults: Any, own: Any, expected: Any) -> None:
    """Settings are inherited by the same strategy, and say nothing of another."""
    users = service({"balancer": defaults}, {} if own is None else {"balancer": own})
    expected = expected or {"name": "random", "choice_count": 3}
    if isinstance(defaults, dict) and "choice_count" in defaults and "name" not in defaults:
        expected = {"name": "least_request"}  # which the library's default is not

    assert BalancerOptions.model_validate(expected) == users.balancer


def test_balancer_object_replaces_and_is_replaced() -> None:
    """An object is no mixture with settings, either way."""

    class Mine:
        def pick(self, candidates: Any, info: Any) -> Any:
            """Take the first."""
            return candidates[0]

    mine = Mine()
    assert mine is service({"balancer": "random"}, {"balancer": mine}).balancer
    assert "random" == service({"balancer": mine}, {"balancer": "random"}).balancer.name


def test_fallbacks_are_replaced() -> None:
    """An answer is not mixed with the inherited one, and its payload is left alone."""
    payload = {"items": {"1": 2}}
    users = service({"fallback": {"status": 203, "text": "x"}}, {"fallback": {"json": payload}})
    assert (200, payload) == (users.fallback.status, users.fallback.json_)

    users = service({"fallback": FallbackOptions(status=503, json=None)}, {})
    assert b"null" == users.fallback.response().content
    assert service({"fallback": {"text": "x"}}, {"fallback": None}).fallback is None


def test_where_a_service_is_has_one_answer() -> None:
    """Endpoints replace an inherited source, and a source inherited endpoints."""
    users = service({"discovery": "env"}, {"endpoints": ["http://a"]})
    assert users.discovery is None

    base = {"services": {"users": ["http://a"]}}
    over = {"users": {"discovery": {"file": {"path": "x.yaml"}}}}
    users = load(base, services=over, environ={}).services["users"]
    assert () == users.endpoints


@pytest.mark.parametrize(
    ("defaults", "own", "expected"),
    [
        ({}, {"timeout": 1}, False),
        ({}, {"endpoints": []}, True),
        ({}, {"endpoints": ["http://a"]}, True),
        ({}, {"discovery": "env"}, True),
        ({"discovery": "env"}, {}, True),
    ],
)
def test_service_may_say_nothing_of_where_it_is(defaults: Any, own: Any, expected: bool) -> None:
    """A service that has only policies is told apart from one without endpoints."""
    assert expected is service(defaults, own).says_where


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ({"file": {"path": "a"}}, {"file": None}, {"file": {"path": "a"}}),
        ({"file": {"path": "a"}}, {"file": {"path": "b"}}, {"file": {"path": "b"}}),
        ({"env": {"prefix": "A"}}, {"file": {"path": "b"}}, {"file": {"path": "b"}}),
        ({"env": {"prefix": "A"}}, "env", "env"),
    ],
)
def test_settings_of_one_source_are_merged(base: Any, over: Any, expected: Any) -> None:
    """The same source inherits settings, another one does not; so does the default source."""
    assert expected == service({"discovery": base}, {"discovery": over}).discovery
    assert {"discovery": expected} == merge_document({"discovery": base}, {"discovery": over})


def test_defaults_hold_for_services_that_nobody_names() -> None:
    """Discovered services and outside origins are called by the defaults."""
    config = load({"defaults": {"timeout": 3}}, environ={})

    assert 3.0 == config.default_service().timeout
    assert () == config.default_service().endpoints


def test_configuration_made_in_python_inherits_as_well() -> None:
    """`MeshConfig(...)` is resolved as it is made."""
    config = MeshConfig(
        defaults=ServiceConfig(timeout=3),
        services={"users": ServiceConfig(breaker=BreakerOptions(failure_ratio=0.3))},
    )

    assert 3.0 == config.services["users"].timeout
    assert config is MeshConfig.model_validate(config)


def test_inherited_values_stay_inherited() -> None:
    """Changing the defaults of a loaded configuration changes its services."""
    config = load({"defaults": {"timeout": 3}, "services": {"users": ["http://a"]}}, environ={})
    assert {"endpoints"} == config.services["users"].model_fields_set
    changed = config.model_copy(update={"defaults": ServiceConfig(timeout=4)})

    assert 4.0 == load(changed, environ={}).services["users"].timeout
    assert (Endpoint("http://a"),) == load(changed, environ={}).services["users"].endpoints


sections = st.sampled_from(["breaker", "outlier", "bulkhead", "panic", "retry"])
keys = st.sampled_from(["a", "b", "c"])
trees = st.recursive(
    st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
mappings = st.dictionaries(keys, trees, max_size=3)


def leaves(tree: Any, place: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """The values of a tree by the keys that lead to them."""
    if not isinstance(tree, dict):
        return {place: tree}
    return {p: v for key, part in tree.items() for p, v in leaves(part, (*place, key)).items()}


@given(mappings, mappings)
def test_every_leaf_of_a_merge_comes_from_one_side(base: Any, over: Any) -> None:
    """What the second says holds; of the first, what the second does not speak of."""
    before, said, merged = leaves(base), leaves(over), leaves(merge(base, over))

    for place, value in said.items():
        assert value == merged[place]
    for place, value in merged.items():
        assert said.get(place, before.get(place)) == value
    for key in base.keys() - over.keys():
        assert base[key] == merge(base, over)[key]


@given(mappings, mappings, mappings)
def test_merging_is_associative_on_mappings(one: Any, two: Any, three: Any) -> None:
    """It does not matter which layers are merged first, while a key keeps its kind."""
    if _kinds_agree(one, two) and _kinds_agree(two, three) and _kinds_agree(one, three):
        assert merge(merge(one, two), three) == merge(one, merge(two, three))


def _kinds_agree(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_kinds_agree(one[key], other[key]) for key in one.keys() & other.keys())
    return isinstance(one, dict) == isinstance(other, dict)


@given(mappings, mappings)
def test_merging_changes_neither_side(base: Any, over: Any) -> None:
    """The trees that go in are as they were."""
    before = (repr(base), repr(over))
    merge(base, over)

    assert before == (repr(base), repr(over))


services = st.fixed_dictionaries(
    {},
    optional={
        "timeout": st.sampled_from([1, "2s", None]),
        "retry": st.sampled_from([False, True, None, {"max_attempts": 2}, {"buffer_body": 5}]),
        "breaker": st.sampled_from([False, True, None, {"failure_ratio": 0.2}, {"shadow": True}]),
        "balancer": st.sampled_from(["random", {"choice_count": 4}, {"maglev": {"table_size": 7}}]),
        "slow_start": st.sampled_from([False, True, {"window": 5}, {"aggression": 2}]),
        "hedge": st.sampled_from([False, True, None, {"quantile": 0.5}]),
        "fallback": st.sampled_from([None, {"json": {"a": 1}}, {"cached": 3}]),
        "bulkhead": st.sampled_from([False, {"max_queue": 1}, None]),
    },
)


@given(services, services)
def test_loading_is_idempotent(defaults: Any, own: Any) -> None:
    """Whatever is inherited, loading what was loaded gives the same again."""
    once = load({"defaults": defaults, "services": {"users": own}}, environ={})

    assert once == load(once, environ={})
    assert once == load(MeshConfig(defaults=defaults, services={"users": own}), environ={})


@given(services)
def test_defaults_alone_say_what_a_service_alone_would(said: Any) -> None:
    """It does not matter whether something is said by the service or inherited."""
    assert service({}, said) == service(said, {})
    assert service({}, said) == service(said, said)


@given(services)
def test_nothing_over_a_service_is_that_service(said: Any) -> None:
    """An empty overlay changes nothing."""
    tree = service_tree(said, ())

    assert tree == merge_service(tree, {})
    assert tree == merge_service({}, tree)
