"""Patches of the configuration in force."""

from __future__ import annotations

import threading
from collections import UserDict
from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError, Event, Mesh
from meshlib.discovery import StaticDiscovery
from meshlib.events import ConfigurationApplied, ConfigurationRejected

A, B = "http://10.0.0.1:80", "http://10.0.0.2:80"


@pytest.fixture
def events() -> list[Event]:
    """What listeners heard."""
    return []


@pytest.fixture
def mesh(events: list[Event]) -> Mesh:
    """A mesh of two services."""
    return Mesh(
        "shop", config={"services": {"users": [A, B], "orders": [A]}}, listeners=[events.append]
    )


def of(events: list[Event], kind: type[Event]) -> list[Any]:
    """The events of one kind."""
    return [event for event in events if type(event) is kind]


def test_a_patch_takes_effect_and_keeps_state(mesh: Mesh, events: list[Event]) -> None:
    """What the patch does not concern is left alone, breakers included."""
    users = mesh.service("users")
    users.targets[0].breaker.isolate()
    assert ("users",) == mesh.patch({"timeout": 2}, service="users")
    assert 2 == users.policies.timeout
    assert "isolated" == users.targets[0].breaker.state.value
    assert ("new", "orders") == mesh.patch({"services": {"orders": None, "new": [B]}})
    assert {"users", "new"} == set(mesh.config.services)
    assert [("users",), ("new", "orders")] == [e.changed for e in of(events, ConfigurationApplied)]


def test_a_wrong_patch_changes_nothing(mesh: Mesh, events: list[Event]) -> None:
    """Not even what is right of it; listeners hear of it once."""
    config = mesh.config
    with pytest.raises(ConfigurationError) as caught:
        mesh.patch({"services": {"orders": {"timeout": 1}, "users": {"timeout": -1}}})
    assert "services.users.timeout" == caught.value.path
    assert mesh.config is config
    assert [caught.value] == [event.error for event in of(events, ConfigurationRejected)]
    assert [] == of(events, ConfigurationApplied)


def test_no_patch_is_lost_to_another_one(mesh: Mesh) -> None:
    """Each of many threads finds its own change in the end, and each change counts once."""
    start = threading.Barrier(8)

    def run(thread: int) -> None:
        start.wait()
        for n in range(10):
            mesh.patch({"services": {f"s-{thread}-{n}": {"endpoints": [A], "timeout": n + 1}}})

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {name: one.timeout for name, one in mesh.config.services.items() if name[:2] == "s-"}
    assert {f"s-{thread}-{n}": n + 1 for thread in range(8) for n in range(10)} == found
    assert 82 == len(mesh.directory.services)


def test_a_patch_is_made_again_when_another_change_came_first(mesh: Mesh) -> None:
    """It is merged into the configuration that is then in force."""

    class Late(UserDict[str, Any]):
        """Changes during whose reading the mesh takes another document."""

        def keys(self) -> Any:
            if "late" not in mesh.config.services:
                mesh.apply({"services": {"late": [B], "users": [A]}})
            return super().keys()

    mesh.patch(Late({"services": {"users": {"timeout": 1}}}))
    assert {"late", "users"} == set(mesh.config.services)
    assert 1 == mesh.config.services["users"].timeout


def test_the_next_document_replaces_what_was_patched(tmp_path: Path) -> None:
    """A document says everything; a patch is for the time until then."""
    path = tmp_path / "mesh.yaml"
    path.write_text("services: {users: {endpoints: [http://a], timeout: 3}}")
    mesh = Mesh("shop", config=path)
    mesh.patch({"timeout": 1}, service="users")
    path.write_text("services: {users: {endpoints: [http://a, http://b]}}")
    mesh.apply()
    assert 15 == mesh.service("users").policies.timeout
    mesh.patch({"timeout": 1}, service="users")
    assert 2 == len(mesh.service("users").targets)


def test_hosts_pass_from_one_service_to_another_at_once(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks while they are nobody's waits until they are somebody's."""
    mesh.patch({"services": {"users": {"aliases": ["people"]}}})
    seen: list[str] = []
    asking = threading.Thread(target=lambda: seen.append(mesh.explain("http://people/").service))
    add = mesh.directory.add

    def pausing(*arguments: Any) -> None:
        if asking.ident is None:
            assert "people" not in mesh.directory.by_host
            asking.start()
            asking.join(0.2)  # which is over at once if it does not wait
        add(*arguments)

    monkeypatch.setattr(mesh.directory, "add", pausing)
    mesh.patch({"services": {"users": {"aliases": None}, "orders": {"aliases": ["people"]}}})
    asking.join()
    assert ["orders"] == seen


def test_a_service_that_leaves_lets_go_of_its_endpoints(mesh: Mesh) -> None:
    """Whoever holds connections to them hears of each, as when an endpoint leaves."""

    class Holder:
        """Holds connections."""

        def __init__(self) -> None:
            self.gone: list[str] = []

        def retire(self, target: Any) -> None:
            """Let go of those to *target*."""
            assert target.removed
            self.gone.append(target.address)

    holder = Holder()
    mesh.on_retire(holder.retire)
    mesh.patch({"services": {"users": None}})
    assert [A, B] == sorted(holder.gone)


def test_a_discovered_service_gives_way_to_a_configured_one() -> None:
    """Its discovery ends, its endpoints are let go of, and calls find the new one."""
    with Mesh("shop", discovery=StaticDiscovery({"users": [A]})) as mesh:
        before = mesh.service("users")
        assert "users" in mesh.discovering.supervisors
        mesh.patch({"services": {"users": [B]}})
        after = mesh.service("users")
        assert after is not before
        assert [B] == [target.address for target in after.targets]
        assert "users" not in mesh.discovering.supervisors
        assert after is mesh.directory.by_host["users.mesh"]
