"""Several applications in one process, over the same endpoints."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest

from meshlib import (
    AsyncMeshClient,
    BulkheadFullError,
    CallOptions,
    CircuitOpenError,
    ConfigurationError,
    Mesh,
    MeshClient,
)
from support.versions import Versions, users


def begin(caller: Any, **extensions: Any) -> Any:
    """A call to `users`."""
    return caller.begin(httpx.Request("GET", "http://users/a", extensions=extensions))


def test_overload_of_one_is_not_the_others() -> None:
    """A tenant that has used up its permits is refused, and nobody else is."""
    mesh = Mesh(config=users(bulkhead={"max_concurrency": 2, "max_queue": 0}))
    a, b = mesh.tenant("a"), mesh.tenant("b")
    held = [begin(a), begin(a)]
    assert all(call.admit() for call in held)
    with (
        MeshClient(mesh=a, transport=Versions().transport) as client,
        pytest.raises(BulkheadFullError, match="2 calls of the tenant 'a' to 'users'"),
    ):
        client.get("http://users/a")
    for other in (b, mesh):
        with MeshClient(mesh=other, transport=Versions().transport) as client:
            assert client.get("http://users/a").status_code == 200
    for call in held:
        call.close()
    assert begin(a).admit()


def test_budget_of_one_is_not_the_others() -> None:
    """Retries of one tenant use up nobody else's."""
    budget = {"ratio": 0.0, "min_per_second": 0.1}
    retry = {"backoff": {"initial": 0}, "budget": budget, "max_attempts": 2}
    versions = Versions(lambda request: httpx.Response(503))
    mesh = Mesh(config=users(retry=retry, breaker=False))

    def retried(tenant: Any) -> int:
        with MeshClient(mesh=tenant, transport=versions.transport) as client:
            return sum(
                client.get("http://users/a").extensions["mesh"].attempts[-1].number - 1
                for _ in range(3)
            )

    assert 1 == retried(mesh.tenant("a")) == retried(mesh.tenant("b"))


def test_breakers_and_load_are_shared() -> None:
    """What one tenant finds out about an endpoint, the others know."""
    versions = Versions(lambda request: httpx.Response(500))
    mesh = Mesh(config=users(breaker={"consecutive_failures": 2}, retry=False))
    with MeshClient(mesh=mesh.tenant("a"), transport=versions.transport) as client:
        for _ in range(4):
            client.get("http://users/a")
    with (
        MeshClient(mesh=mesh.tenant("b"), transport=versions.transport) as client,
        pytest.raises(CircuitOpenError),
    ):
        client.get("http://users/a")


def test_breakers_of_its_own() -> None:
    """A tenant with a breaker of its own neither opens nor obeys those of all."""
    document = users(breaker={"consecutive_failures": 2}, retry=False)
    document["tenants"] = {"a": {"defaults": {"breaker": {"consecutive_failures": 50}}}}
    versions = Versions(lambda request: httpx.Response(500))
    mesh = Mesh(config=document)
    with MeshClient(mesh=mesh.tenant("a"), transport=versions.transport) as client:
        for _ in range(20):
            client.get("http://users/a")
    assert {"closed"} == {
        endpoint.breaker for endpoint in mesh.metrics().services["users"].endpoints.values()
    }


def test_document_gives_a_tenant_limits_and_routes() -> None:
    """Service by service, laid over what the service says."""
    document = users({"name": "all", "subset": {"version": "v1"}}, timeout="9s")
    document["tenants"] = {
        "a": {
            "defaults": {"timeout": "3s"},
            "services": {
                "users": {
                    "bulkhead": {"max_concurrency": 7},
                    "routes": [{"name": "own", "subset": {"version": "v2"}}],
                }
            },
        },
        "b": {},
    }
    mesh = Mesh(config=document)
    own, plain, nobody = begin(mesh.tenant("a")), begin(mesh.tenant("b")), begin(mesh)
    assert (3.0, 7) == (own.policies.timeout, own.lane.bulkhead.max_concurrency)
    assert ("own", "v2") == (own.lane.route.name, own.lane.destination.name)
    for call in (plain, nobody):
        assert (9.0, "all") == (call.policies.timeout, call.lane.route.name)
    assert [own.lane.tenant, plain.lane.tenant, nobody.lane.tenant] == ["a", "b", None]


WRONG = [
    ({"defaults": {"endpoints": ["http://a"]}}, "tenants.a.defaults.endpoints"),
    ({"defaults": {"routes": []}}, "tenants.a.defaults.routes"),
    ({"defaults": {"timeot": 1}}, "tenants.a.defaults.timeot"),
    ({"services": {"users": {"balancer": "random"}}}, "tenants.a.services.users.balancer"),
    ({"services": {"users": {"retry": {"x": 1}}}}, "tenants.a.services.users.retry.x"),
    (
        {"services": {"users": {"routes": [{"retry": {"x": 1}}]}}},
        "tenants.a.services.users.routes[0].retry.x",
    ),
    ({"services": ["users"]}, "tenants.a.services"),
]


@pytest.mark.parametrize(("tenant", "path"), WRONG)
def test_wrong_tenant_names_its_place(tenant: dict[str, Any], path: str) -> None:
    """What a tenant cannot have for itself is an error, as is what nobody can have."""
    document = users()
    document["tenants"] = {"a": tenant}
    with pytest.raises(ConfigurationError) as caught:
        Mesh(config=document)
    assert caught.value.path == path


def test_match_by_tenant() -> None:
    """A route of all may look at the tenant, too."""
    mesh = Mesh(config=users({"name": "t", "match": {"tenant": "a"}, "subset": {"version": "v2"}}))
    assert begin(mesh.tenant("a")).lane.destination.name == "v2"
    assert begin(mesh.tenant("b")).lane.destination is None


def test_block_makes_its_calls_a_tenants() -> None:
    """Whatever client is used inside; blocks nest, and options of a call come first."""
    mesh = Mesh(config=users())
    a, b = mesh.tenant("a"), mesh.tenant("b")

    def tenant() -> Any:
        return begin(mesh).lane.tenant

    assert tenant() is None
    with a:
        assert tenant() == "a"
        with b:
            assert tenant() == "b"
            assert begin(a, mesh=CallOptions(tenant="c")).lane.tenant == "c"
        assert tenant() == "a"
        assert begin(b).lane.tenant == "b"
    assert tenant() is None


async def test_blocks_of_tasks_are_their_own() -> None:
    """Tasks that run at once have a tenant each."""
    mesh = Mesh(config=users())
    seen: dict[str, str | None] = {}
    tenants = [mesh.tenant(name) for name in "abc"]
    async with AsyncMeshClient(mesh=mesh, transport=Versions().transport) as client:

        async def call(one: Any) -> None:
            with one:
                await anyio.lowlevel.checkpoint()
                response = await client.get("http://users/a")
                seen[one.tenant] = response.extensions["mesh"].tenant

        async with anyio.create_task_group() as group:
            for one in tenants:
                group.start_soon(call, one)
    assert {"a": "a", "b": "b", "c": "c"} == seen


def test_permits_and_budgets_survive_a_new_document() -> None:
    """Calls in flight keep counting, and the limit changes."""
    mesh = Mesh(config=users(bulkhead={"max_concurrency": 1, "max_queue": 0}))
    a = mesh.tenant("a")
    call = begin(a)
    assert call.admit()
    before = call.lane
    mesh.apply(users(bulkhead={"max_concurrency": 2, "max_queue": 0}, timeout="3s"))
    after = begin(a)
    assert after.lane.policies.timeout == 3.0
    assert after.lane.budget is before.budget
    assert after.admit()
    assert not begin(a).admit()
    call.close()
    assert begin(a).admit()


def test_tenants_of_outside_origins() -> None:
    """An outside API has limits for each tenant, too."""
    mesh = Mesh(config={"defaults": {"bulkhead": {"max_concurrency": 1, "max_queue": 0}}})
    request = httpx.Request("GET", "https://api.example/")
    one, two = (mesh.tenant(name).begin(request) for name in "ab")
    assert one.admit()
    assert two.admit()
    assert not mesh.tenant("a").begin(request).admit()


def test_idle_tenants_are_forgotten_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names come from outside, so their number is bounded; who is busy or named stays."""
    monkeypatch.setattr("meshlib.runtime._routing._MAX_TENANTS", 3)
    document = users()
    document["tenants"] = {"known": {}}
    mesh = Mesh(config=document)
    begin(mesh.tenant("known"))
    busy = begin(mesh.tenant("busy"))
    busy.admit()
    for n in range(20):
        begin(mesh.tenant(f"t{n}"))
    names = {front.tenant for front in mesh.routing.fronts("users")}
    assert {"known", "busy", "t19"} <= names
    assert len(names) == 3


def test_renewed_tenant_has_no_call_in_flight() -> None:
    """A forked child starts anew."""
    mesh = Mesh(config=users(bulkhead={"max_concurrency": 1, "max_queue": 0}))
    assert begin(mesh.tenant("a")).admit()
    mesh.renew()
    assert begin(mesh.tenant("a")).admit()


def test_tenant_stands_for_its_mesh() -> None:
    """A client of a tenant has the mesh, and makes the calls of the tenant."""
    mesh = Mesh("shop", config=users())
    tenant = mesh.tenant("a")
    heard: list[Any] = []
    with MeshClient(
        mesh=tenant, transport=Versions().transport, listeners=[heard.append]
    ) as client:
        assert client.mesh is mesh
        client.get("http://users/a")
        assert client.explain("http://users/a").tenant == "a"
    assert "shop" == tenant.name
    assert tenant.service("users") is mesh.service("users")
    assert "'a'" in repr(tenant)
    assert heard[-1].tenant == "a"
