"""Manifests: what they say, what they mean, and how a document takes them in."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from meshlib import ConfigurationError, MeshConfig, ServiceConfig
from meshlib.balancing import PreferOptions
from meshlib.config import load_config, load_manifest, manifest_schema, patch_config, watch_config
from meshlib.config.manifest import manifests_of
from meshlib.discovery import Timing

ORDERS = """\
service_name: orders
interface: {protocol: grpc-web, port: 8080, base_path: /api}
endpoints:
  local: [10.0.0.5, {url: 10.0.0.6, weight: 3, metadata: {version: v1}}]
  edge: edge.example
  cloud:
    - {url: "https://orders.example", cost: 0.4, latency: 80ms, zone: eu, priority: 7}
metadata: {version: v2}
aliases: [bestellungen]
health_check: {path: /health, interval: 5s, unhealthy_threshold: 2, status: 204}
policy: {timeout: 3s, retries: 2, breaker: {consecutive_failures: 3}}
"""


def first(candidates: Sequence[Any], info: object) -> Any:
    """A balancer of one's own."""
    return candidates[0]


class Mine:
    """A balancer that is an object."""

    pick = staticmethod(first)


mine = Mine()
HERE = __name__


def one(**said: Any) -> ServiceConfig:
    """The service that a manifest of these keys describes."""
    (service,) = load_manifest({"service_name": "orders", **said}).values()
    return service


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """A file with a whole manifest."""
    path = tmp_path / "orders.yaml"
    path.write_text(ORDERS)
    return path


def test_a_manifest_is_a_service(orders: Path) -> None:
    """Every key is found again, and nothing is said that it does not say."""
    found = load_manifest(orders)
    assert ["orders"] == list(found)
    service = found["orders"]
    assert [
        ("http://10.0.0.5:8080/api", "local", 0, 1, {"version": "v2"}),
        ("http://10.0.0.6:8080/api", "local", 0, 3, {"version": "v1"}),
        ("http://edge.example:8080/api", "edge", 0, 1, {"version": "v2"}),
        (
            "https://orders.example/api",
            "cloud",
            7,
            1,
            {"version": "v2", "cost": "0.4", "latency": "0.08", "zone": "eu"},
        ),
    ] == [(e.url, e.kind, e.priority, e.weight, dict(e.metadata)) for e in service.endpoints]
    assert service.health_check is not None
    assert service.health_check.http is not None
    assert ("/health", ((204, 204),)) == (
        service.health_check.http.path,
        service.health_check.http.status,
    )
    assert (5, 2) == (service.health_check.interval, service.health_check.unhealthy_threshold)
    assert (3, 3, 3, True) == (
        service.timeout,
        service.retry.max_attempts,
        service.breaker.consecutive_failures,
        service.grpc_timeout,
    )
    assert {
        "endpoints", "aliases", "health_check", "timeout", "retry", "breaker", "grpc_timeout",
    } == service.model_fields_set  # fmt: skip


@pytest.mark.parametrize(
    ("interface", "said", "url"),
    [
        ({}, "10.0.0.5", "http://10.0.0.5"),
        ("https", "10.0.0.5:99", "https://10.0.0.5:99"),
        ({"tls": True, "protocol": "grpc-web"}, "h", "https://h"),
        ({"port": 81, "base_path": "/v1"}, "h/own", "http://h:81/own"),
        ({"port": 81, "base_path": "/v1"}, "http://h", "http://h/v1"),
        ({"port": 81, "base_path": "/v1"}, "[::1]", "http://[::1]:81/v1"),
        ({"port": 81}, "http://h:5/own", "http://h:5/own"),
    ],
)
def test_what_an_url_lacks_is_said_by_the_interface(interface: Any, said: str, url: str) -> None:
    """A whole URL lacks a path at most."""
    assert url == one(interface=interface, endpoints=[said]).endpoints[0].url


def prefers(*criteria: Any) -> tuple[PreferOptions, ...]:
    """Levels as a service has them."""
    return tuple(PreferOptions.model_validate(each) for each in criteria)


ORDER = ["edge", "local"]


@pytest.mark.parametrize(
    ("selection", "priority", "prefer"),
    [
        (None, None, None),
        ("latency", None, None),
        ("weight", 3, None),
        ("locality", None, prefers("priority", "kind", "locality")),
        ("locality", ORDER, prefers("priority", {"kind": ORDER}, "locality")),
        ("cost", None, prefers("cost", "priority", "kind")),
        ("cost", ORDER, prefers("cost", "priority", {"kind": ORDER})),
        (None, ORDER, prefers("priority", {"kind": ORDER})),
        ("maglev", {"local": 1, "edge": 1}, prefers("priority")),
    ],
)
def test_selection_and_priority_make_levels(selection: Any, priority: Any, prefer: Any) -> None:
    """Kinds stay levels below whatever the selection prefers."""
    service = one(policy={"selection": selection} if selection else {}, priority=priority)
    assert prefer == service.prefer
    names = {"latency": "least_response_time", "weight": "weighted", "maglev": "maglev"}
    assert names.get(selection, "least_connections") == service.balancer.name


def test_headings_with_nothing_under_them_say_nothing() -> None:
    """As in a document."""
    said = {"endpoints": None, "policy": None, "health_check": None}
    assert one(**said) == one(endpoints=[])
    assert 2 == len(one(endpoints={"edge": "a", "cloud": None, "local": ["b"]}).endpoints)
    assert "http://a" == one(endpoints="a").endpoints[0].url


def test_a_level_is_that_of_the_kind_or_of_all() -> None:
    """An endpoint's own comes before both."""
    said = {"local": ["a", {"url": "b", "priority": 9}], "edge": ["c"]}
    levels = one(endpoints=said, priority={"local": 4, "edge": 5}).endpoints
    assert [4, 9, 5] == [endpoint.priority for endpoint in levels]
    assert [3, 9, 3] == [each.priority for each in one(endpoints=said, priority=3).endpoints]


def test_a_selection_may_be_a_function_of_ones_own() -> None:
    """By its name, or itself; by name it is the same one each time, so nothing changes."""
    assert "first" == one(policy={"selection": f"{HERE}:first"}).balancer.name
    assert mine is one(policy={"selection": f"{HERE}:mine"}).balancer
    assert one(policy={"selection": first}) == one(policy={"selection": f"{HERE}:first"})
    assert mine is one(policy={"selection": mine}).balancer


def test_a_source_may_stand_for_endpoints() -> None:
    """What only listed endpoints can have is then an error."""
    assert {"dns": None} == one(discovery={"dns": None}, priority=["edge"]).discovery
    for key, said in [
        ("endpoints", ["a"]),
        ("metadata", {"a": 1}),
        ("priority", 3),
        ("interface", "https"),
        ("interface", {"port": 3}),
    ]:
        with pytest.raises(ConfigurationError, match="a discovery says this of its endpoints"):
            one(discovery={"dns": None}, **{key: said})


@pytest.mark.parametrize("check", ["/ready", {"path": "/ready"}, {"http": "/ready"}])
def test_a_check_has_several_forms(check: Any) -> None:
    """A path, a path among the other keys, or as in a document."""
    found = one(health_check=check).health_check
    assert found is not None
    assert found.http is not None
    assert "/ready" == found.http.path
    assert one(health_check=False).health_check is None
    assert one(health_check={"tcp": True}).health_check is not None


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"polcy": {}}, "polcy: unknown key 'polcy'; did you mean 'policy'?"),
        ({"service_name": "a b"}, "service_name: 'a b' cannot be the name of a service"),
        ({"interface": "htp"}, "interface.protocol: 'htp' is not known"),
        ({"interface": {"protocol": "https", "tls": False}}, "https without TLS is http"),
        ({"endpoints": {"local": [{"ulr": "a"}]}}, "endpoints.local[0].ulr: unknown key 'ulr'"),
        ({"endpoints": {"edge": [{"url": "a", "kind": "local"}]}}, "endpoints.edge[0].kind: it is"),
        ({"endpoints": {"edge": ["a", "ftp://a"]}}, "endpoints.edge[1].url: 'ftp://a' has no"),
        ({"endpoints": ["http://a:b"]}, "endpoints[0].url: 'http://a:b' is not a URL"),
        ({"endpoints": 3}, "endpoints: a list of endpoints is needed, not 3"),
        ({"endpoints": {"edge": 3}}, "endpoints.edge: a list of endpoints is needed, not 3"),
        ({"endpoints": ["a", "a"]}, "endpoints: 'http://a' stands here twice"),
        (
            {"endpoints": [{"url": "a", "zone": "x", "metadata": {"zone": "y"}}]},
            "endpoints[0].metadata.zone: zone is said twice",
        ),
        ({"priority": ["edge"], "endpoints": ["a"]}, "priority: the kind 'local' of 'a' has no"),
        ({"priority": ["edge", "edge"]}, "priority: kinds are words, each of which stands once"),
        ({"priority": {"edge": -1}}, "priority.edge: a level is 0, 1 and so on, not -1"),
        ({"priority": True}, "priority: a level, levels by kind, or a list of kinds is needed"),
        ({"health_check": {"path": "/x", "intervall": 3}}, "health_check.intervall: unknown key"),
        ({"health_check": {"path": "x"}}, "health_check.path: "),
        ({"health_check": {"path": "/x", "tcp": True}}, "health_check.path: unknown key 'path'"),
        ({"policy": {"selection": "latncy"}}, "policy.selection: 'latncy' is no selection"),
        ({"policy": {"selection": "os:nope"}}, "'os:nope' cannot be imported"),
        ({"policy": {"selection": f"{HERE}:HERE"}}, "is neither a function nor an object with"),
        ({"policy": {"selection": f"{HERE}:Mine"}}, "is neither a function nor an object with"),
        ({"policy": {"selection": "cost", "prefer": "zone"}}, "give selection or prefer, not both"),
        ({"policy": {"retries": 1, "retry": {"max_attempts": 2}}}, "policy.retries: give retries"),
        ({"policy": {"endpoints": []}}, "policy.endpoints: this stands beside the policy"),
        ({"policy": {"tiemout": 1}}, "policy.tiemout: unknown key 'tiemout'; did you mean 'tim"),
        ({"policy": {"timeout": -1, "retries": -1}}, "policy.timeout: "),
        ({"policy": {"timeout": -1, "retries": -1}}, "policy.retries: "),
        ({"policy": 3}, "policy: settings are needed here, not 3"),
    ],
)
def test_what_is_wrong_is_named(said: dict[str, Any], message: str) -> None:
    """By its place in the manifest, with the nearest valid key."""
    with pytest.raises(ConfigurationError) as caught:
        load_manifest({"service_name": "orders", **said})
    assert message in str(caught.value)


def test_many_stand_in_a_file_or_a_directory(tmp_path: Path) -> None:
    """Between lines of `---`, under `manifests`, and in files of each format."""
    (tmp_path / "a.yaml").write_text("# two\n---\nservice_name: a\n---\nservice_name: b\n---\n")
    (tmp_path / "c.json").write_text(json.dumps({"manifests": [{"service_name": "c"}]}))
    (tmp_path / "d.toml").write_text('service_name = "${D:-d}"')
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / ".hidden.yaml").write_text("nothing")
    assert ["a", "b", "c", "d"] == list(load_manifest(tmp_path))
    assert ["a", "b"] == list(load_manifest(tmp_path / "*.yaml"))
    assert ["x"] == list(load_manifest(tmp_path / "d.toml", environ={"D": "x"}))
    assert {} == load_manifest(tmp_path / "*.yml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("service_name: a\n---\nservice_name: b\npolcy: {}\n", "m.yaml:4: polcy: unknown key"),
        ("service_name: a\n---\nservice_name: a\n", "m.yaml describes the service 'a' twice"),
        ("service_name: ${X}\n", "m.yaml:1: service_name: the environment variable X is not set"),
        ("manifests: [{service_name: a}, {}]\n", "m.yaml:1: manifests[1].service_name: this is ne"),
        ("manifests: {}\n", "m.yaml:1: manifests: this is a list of manifests, alone"),
        ("", "m.yaml: the file is empty"),
        ("---\n", "m.yaml: the file is empty"),
        ("a: [\n", "m.yaml:2: "),
    ],
)
def test_files_and_lines_are_named(tmp_path: Path, text: str, message: str) -> None:
    """Also in the second document of a file."""
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_manifest(path, environ={})
    assert message in str(caught.value)


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    """A pattern may match nothing, but its directory must be there."""
    with pytest.raises(ConfigurationError, match="no such file"):
        load_manifest(tmp_path / "m.yaml")
    with pytest.raises(ConfigurationError, match="there is no directory"):
        load_manifest(tmp_path / "gone" / "*.yaml")


# In a document


def mesh_file(path: Path, text: str) -> Path:
    """A document beside its manifests."""
    file = path / "mesh.yaml"
    file.write_text(text)
    return file


def test_a_document_lays_its_own_over_a_manifest(orders: Path, tmp_path: Path) -> None:
    """Key by key, as it lays services over defaults; paths are relative to it."""
    text = "services: {orders: {manifest: orders.yaml, timeout: 9, breaker: {probes: 2}}}"
    config = load_config(mesh_file(tmp_path, text), environ={})
    service = config.services["orders"]
    assert (9, 2, 3) == (
        service.timeout,
        service.breaker.probes,
        service.breaker.consecutive_failures,
    )
    assert 4 == len(service.endpoints)
    assert service.manifest is None
    assert load_config(config, environ={}) == config
    assert (
        patch_config(config, {"timeout": None}, service="orders").services["orders"].timeout == 15
    )
    code = load_config({"services": {"orders": {"manifest": orders, "retry": False}}}, environ={})
    assert 1 == code.services["orders"].retry.max_attempts
    laid = load_config({}, services={"orders": {"manifest": str(orders)}}, environ={})
    assert 3 == laid.services["orders"].retry.max_attempts


def test_a_document_takes_in_all_manifests_of_a_directory(orders: Path, tmp_path: Path) -> None:
    """What it says of one of their services is laid over it; overlays and variables too."""
    text = """
manifests: ["./*s.yaml"]
defaults: {attempt_timeout: 1}
services: {orders: {timeout: 9}, users: [http://u]}
environments: {production: {services: {orders: {timeout: 4}}}}
"""
    file = mesh_file(tmp_path, text)
    config = load_config(file, environ={})
    assert {"orders", "users"} == set(config.services)
    assert (9, 1) == (config.services["orders"].timeout, config.services["orders"].attempt_timeout)
    environ = {"MESHLIB_ENV": "production", "MESHLIB_SERVICE_ORDERS": "http://other"}
    config = load_config(file, environ=environ)
    assert (4, 1) == (config.services["orders"].timeout, len(config.services["orders"].endpoints))
    assert (str(orders),) == tuple(name for name, _ in config.origin.manifests.contents)
    bare = MeshConfig(manifests=(str(orders),))
    assert {"orders"} == set(load_config(bare, environ={}).services)


def test_a_manifest_may_stand_in_the_document() -> None:
    """Its name is then that of the service."""
    said = {"manifest": {"endpoints": ["a"], "policy": {"timeout": 2}}}
    service = load_config({"services": {"Orders": said}}, environ={}).services["orders"]
    assert ("http://a", 2) == (service.endpoints[0].url, service.timeout)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("services: {order: {manifest: orders.yaml}}", "mesh.yaml:1: services.order.manifest: the"),
        ("services: {order: {manifest: orders.yaml}}", "did you mean 'orders'?"),
        ("services: {order: {manifest: 3}}", "services.order.manifest: a path or a manifest is"),
        (
            "services: {o: {manifest: {polcy: 3}}}",
            "mesh.yaml:1: services.o.manifest.polcy: unknown",
        ),
        ("services: {o: {manifest: gone.yaml}}", "gone.yaml: no such file"),
        ("services: {o: {manifest: bad.yaml}}", "bad.yaml:2: policy.timeout: "),
        ("manifests: [bad.yaml]", "bad.yaml:2: policy.timeout: "),
        ("manifests: [3]", "mesh.yaml:1: manifests[0]: a path is needed, not 3"),
        ("manifests: 3", "mesh.yaml:1: manifests: a list of files is needed"),
        ("manifests: [orders.yaml, orders.yaml]", "describes the service 'orders' twice"),
        ("manifests: [orders.yaml, ./o*.yml]", "o2.yml and "),
        ("defaults: {manifest: orders.yaml}", "defaults.manifest: these belong to one service"),
    ],
)
def test_where_a_document_is_wrong_is_named(
    orders: Path, tmp_path: Path, text: str, message: str
) -> None:
    """What is wrong in a manifest stands in its own file."""
    orders.with_name("bad.yaml").write_text("service_name: o\npolicy: {timeout: -1}")
    orders.with_name("o2.yml").write_text(ORDERS)
    with pytest.raises(ConfigurationError) as caught:
        load_config(mesh_file(tmp_path, text), environ={})
    assert message in str(caught.value)


# Watched


def replace(path: Path, text: str) -> None:
    """Write *text* to *path* by a rename, as nobody may see half of it."""
    new = path.with_name("new.tmp")
    new.write_text(text)
    new.replace(path)


class Clock(Timing):
    """Time that passes as fast as the watch asks for it."""

    async def pause(self, seconds: float, jitter: float = 0.0) -> None:
        """Only let others run."""
        await anyio.lowlevel.checkpoint()


async def test_a_manifest_that_changes_is_a_change_of_the_document(
    orders: Path, tmp_path: Path
) -> None:
    """A wrong one is told and not applied; one that comes or goes counts, too."""
    file = mesh_file(tmp_path, "manifests: ['*s.yaml']")
    send, receive = anyio.create_memory_object_stream[Any](100)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group, send, receive:
            loaded = load_config(file, environ={})
            group.start_soon(
                watch_config, file, send.send_nowait, send.send_nowait, loaded, Clock()
            )
            replace(orders, ORDERS.replace("timeout: 3s", "timeout: 4s"))
            assert 4 == (await receive.receive()).services["orders"].timeout
            replace(orders, ORDERS.replace("timeout: 3s", "timeout: -4s"))
            assert "orders.yaml:11: policy.timeout" in str(await receive.receive())
            replace(orders, ORDERS)
            assert 3 == (await receive.receive()).services["orders"].timeout
            replace(orders.with_name("users.yaml"), "service_name: users")
            assert {"orders", "users"} == set((await receive.receive()).services)
            os.unlink(orders)
            assert {"users"} == set((await receive.receive()).services)
            group.cancel_scope.cancel()


async def test_a_manifest_that_was_missing_is_waited_for(tmp_path: Path) -> None:
    """A document that names it is taken once it is there."""
    file = mesh_file(tmp_path, "services: {orders: {manifest: orders.yaml}}")
    send, receive = anyio.create_memory_object_stream[Any](100)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group, send, receive:
            group.start_soon(watch_config, file, send.send_nowait, send.send_nowait, None, Clock())
            assert "no such file" in str(await receive.receive())
            replace(tmp_path / "orders.yaml", ORDERS)
            assert 3 == (await receive.receive()).services["orders"].timeout
            group.cancel_scope.cancel()


async def test_a_wrong_document_has_no_manifests(orders: Path, tmp_path: Path) -> None:
    """Those of the last good one are not looked at, and the next good one is taken."""
    file = mesh_file(tmp_path, "services: [")
    send, receive = anyio.create_memory_object_stream[Any](100)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group, send, receive:
            group.start_soon(watch_config, file, send.send_nowait, send.send_nowait, None, Clock())
            assert "mesh.yaml:1" in str(await receive.receive())
            replace(file, "services: {orders: {manifest: orders.yaml}}")
            assert 3 == (await receive.receive()).services["orders"].timeout
            group.cancel_scope.cancel()


def test_manifests_of_anything_can_be_asked_for() -> None:
    """What is wrong with a document is told elsewhere."""
    assert () == manifests_of([], "/")
    assert ("/a",) == manifests_of({"manifests": ["a", 3], "services": {"x": 1, "y": {}}}, "/")
    assert ("/a",) == manifests_of({"manifests": "a", "services": []}, "/")


# For editors


def test_the_schema_takes_what_a_manifest_may_say() -> None:
    """And refuses misspelt keys at every depth."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = manifest_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    whole = {
        "service_name": "orders",
        "interface": {"protocol": "grpc-web", "port": 8080, "base_path": "/api"},
        "endpoints": {"local": ["10.0.0.5", {"url": "h", "cost": 1, "latency": "3s"}]},
        "priority": ["local"],
        "health_check": {"path": "/health", "interval": "5s"},
        "policy": {"selection": "cost", "timeout": "3s", "retries": 2},
    }
    for good in (
        whole,
        {"manifests": [whole]},
        {"service_name": "o", "policy": {"selection": "a:b"}},
        {"service_name": "o", "health_check": {"tcp": True}, "priority": 3},
        {"service_name": "o", "discovery": {"dns": None}, "health_check": "/x"},
    ):
        judge.validate(good)
    for bad in (
        {},
        {"service_name": "o", "policy": {"selection": "nope"}},
        {"service_name": "o", "policy": {"endpoints": []}},
        {"service_name": "o", "health_check": {"path": "/x", "intervall": 3}},
        {"service_name": "o", "endpoints": [{"ulr": "x"}]},
        {"service_name": "o", "interface": {"prot": 3}},
    ):
        assert not judge.is_valid(bad), bad
