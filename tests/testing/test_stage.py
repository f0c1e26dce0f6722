"""A stage puts faults into every mesh, and its handles prove what came of them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from meshlib import CallOptions, ConfigurationError, Mesh, MeshClient
from meshlib.faults import FaultRule
from meshlib.testing import FakeCluster, Stage, VirtualTime
from meshlib.testing._rule_of import rule_of


def test_a_mesh_from_before_is_broken_too() -> None:
    """An application's own client, made when it was imported, meets the faults of the test."""
    cluster = FakeCluster({"users": 200})
    with MeshClient("old", services=cluster.services, transport=cluster) as client:
        with Stage() as stage:
            found = stage.fault("users", status=418)
            assert 418 == client.get("http://users/").status_code
            found.stop()
            assert 200 == client.get("http://users/").status_code
            found.resume()
            client.get("http://users/")
            found.assert_fired(times=2)
            with pytest.raises(AssertionError, match="fired 2 times, not once"):
                found.assert_fired(times=1)
        assert 200 == client.get("http://users/").status_code
        assert () == client.mesh.faults.rules


def test_the_list_of_environments_is_not_for_tests(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of the stage acts in a mesh made before it and in one made within, and says so."""
    monkeypatch.setenv("MESHLIB_ENV", "production")
    listed = {"fault_control": {"environments": ["ci"]}}
    cluster = FakeCluster({"users": 200})
    options: dict[str, Any] = {"services": cluster.services, "transport": cluster}
    with MeshClient("old", config=listed, **options) as old, Stage() as stage:
        stage.fault("users", status=418)
        with MeshClient("new", config=listed, **options) as new:
            seen = [client.get("http://users/").status_code for client in (old, new)]
    assert [418, 418] == seen
    assert 2 == caplog.text.count("faults are permitted by code")


def test_several_meshes_share_a_limit() -> None:
    """`times` counts what fires in all of them together."""
    services = {"users": {"endpoints": ["http://users-1.fake"], "retry": False}}
    with Stage(cluster={"users": 200}) as stage:
        found = stage.fault("users", status=500, times=2)
        clients = [MeshClient(name, services=services) for name in ("a", "b", "c")]
        seen = [client.get("http://users/").status_code for client in clients for _ in range(2)]
        assert [500, 500, 200, 200, 200, 200] == seen
        found.assert_not_absorbed()
        for client in clients:
            client.close()


def test_what_absorbed_it_is_told_apart() -> None:
    """A fallback, patience and a breaker are each what they are."""
    with Stage(cluster={"users": 200}, time="virtual") as stage, MeshClient() as client:
        slow = stage.fault("users", delay=1.0, times=1)
        client.get("http://users/")
        slow.assert_absorbed()
        slow.assert_absorbed_by("patience")
        with pytest.raises(AssertionError, match="was absorbed once, by patience"):
            slow.assert_not_absorbed()
        with pytest.raises(ValueError, match="'luck' absorbs nothing"):
            slow.assert_absorbed_by("luck")  # type: ignore[arg-type]  # what it is about
        down = stage.fault("users", error="refused")
        options = CallOptions(fallback=httpx.Response(203))
        for _ in range(4):
            client.get("http://users/", extensions={"mesh": options})
        down.assert_absorbed_by("fallback")


def test_a_call_that_is_not_over_is_no_proof() -> None:
    """While the response is open nobody knows what came of the fault."""
    with Stage(cluster={"users": 200}) as stage, MeshClient() as client:
        found = stage.fault("users", delay=0.5)
        with client.stream("GET", "http://users/"):
            found.assert_fired()
            with pytest.raises(AssertionError, match="a call that is not over"):
                found.assert_absorbed()
        found.assert_absorbed()


def test_names_are_made_and_kept_apart() -> None:
    """A fault is called by what it does; a second one like it gets a number."""
    with Stage(unused="ignore") as stage:
        names = [
            stage.fault("users", status=503).name,
            stage.fault("users", status=503).name,
            stage.fault(error="refused").name,
            stage.fault(delay=1).name,
            stage.add(FaultRule.model_validate({"name": "own", "delay": {"fixed": 1}})).name,
        ]
        assert [
            "users 503",
            "users 503 (2)",
            "any service refused",
            "any service delay",
            "own",
        ] == (names)
        assert names == [handle.name for handle in stage.unused()]
        assert "fired 0 times" in repr(stage.faults[0])


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"status": 503, "headers": {"a": "b"}, "body": "x"}, "abort.headers.a"),
        ({"headers": {"a": "b"}}, "response.headers.set_.a"),
        ({"truncate": 3, "silent": True}, "response.truncate"),
        ({"abort": {"status": 500}, "method": "POST"}, "match.method"),
        ({"error": "reset", "after": 10, "match": {"source": "a"}}, "match.source"),
        ({"delay": "300ms"}, "delay.fixed"),
        ({"quota": {"requests": 1, "window": 1}}, "quota.requests"),
    ],
)
def test_words_find_their_place(given: dict[str, Any], part: str) -> None:
    """Fields of a rule's parts need no brackets."""
    found: Any = rule_of("x", "users", 2, given)
    assert ("users", 2) == (found.match.service, found.max_total)
    for name in part.split("."):
        found = found[name] if isinstance(found, dict) else getattr(found, name)
    assert found


def test_what_is_unknown_is_refused() -> None:
    """A typing error is told with what was probably meant."""
    with Stage() as stage, pytest.raises(ConfigurationError, match="did you mean 'status'"):
        stage.fault("users", staus=503)
    with pytest.raises(ValueError, match="'virtual' or 'real'"):
        Stage(time="fast")  # type: ignore[arg-type]  # what it is about
    with pytest.raises(ValueError, match="'error', 'warn' or 'ignore'"):
        Stage(unused="no")  # type: ignore[arg-type]  # what it is about


def test_what_surrounds_a_mesh_gives_way_to_what_it_is_given() -> None:
    """A mesh with a clock of its own keeps it; services of the test take the place of its own."""
    with VirtualTime() as own, Stage(cluster={"users": 200}) as stage:
        assert stage.time is not None
        with Mesh("a", config={"services": {"users": {"timeout": 3}}}) as mesh:
            assert stage.time is mesh.clock
            assert 3.0 == mesh.config.services["users"].timeout
            assert ["http://users-1.fake"] == [
                endpoint.url for endpoint in mesh.config.services["users"].endpoints
            ]
        with Mesh("b", clock=own) as mesh:
            assert own is mesh.clock
        with MeshClient() as client:
            assert stage.mesh is client.mesh or client.mesh.name == "application"
