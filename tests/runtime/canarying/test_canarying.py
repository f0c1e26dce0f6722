"""The canaries of a mesh: which there are, and when they run."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from meshlib import ConfigurationError, MeshError
from meshlib._clock import wall
from meshlib._exceptions import StoreError
from meshlib.config.store import StoreKey
from meshlib.events import CanaryChanged, Event
from meshlib.routing.canary import CanaryState
from meshlib.runtime._background import Background
from meshlib.runtime.canarying._canarying import Canarying
from support.real import wait_until
from support.rollouts import SPLIT, Broken, route, store, table_of


class Mesh:
    """What a mesh has for its canaries: a background and listeners."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.background = Background("canaries")
        self.canarying = Canarying(
            self.background, self.tell, name="checkout", wall=wall, rng=random.Random(1)
        )
        self.listener: Any = self.events.append

    def tell(self, event: Event) -> None:
        """Send an event to the listener."""
        self.listener(event)


@pytest.fixture
def mesh() -> Iterator[Mesh]:
    """A mesh that is closed in the end."""
    made = Mesh()
    yield made
    made.canarying.close()
    made.background.stop()


def test_nothing_runs_before_it_is_started(mesh: Mesh) -> None:
    """A service that nobody calls has no canary either."""
    table = table_of(route())
    rollouts = mesh.canarying.assign("users", table)
    assert ["canary"] == list(rollouts)
    assert not mesh.background.running
    mesh.canarying.start("users")
    mesh.canarying.start("users")
    wait_until("the canary has its share", lambda: table.splits["canary"].weights[0] == 0.1)
    assert 1 == len(mesh.canarying._running)


def test_routes_without_a_canary_are_left_alone(mesh: Mesh) -> None:
    """Their weights are those of the document."""
    plain = route().model_copy(update={"canary": None, "name": "plain"})
    answer = type(plain).model_validate({"name": "no", "deny": {"reason": "closed"}})
    assert {} == mesh.canarying.assign("users", table_of(plain, answer))


def test_alternatives_of_a_route_share_its_canary(mesh: Mesh) -> None:
    """They share its split, too."""
    both = type(route()).model_validate(
        {**route().model_dump(), "match": [{"method": "GET"}, {"method": "POST"}]}
    )
    table = table_of(both)
    assert 2 == len(table.routes)
    assert ["canary"] == list(mesh.canarying.assign("users", table))


def test_a_table_made_anew_keeps_its_rollouts(mesh: Mesh) -> None:
    """And has their weights before it is in force."""
    first = mesh.canarying.assign("users", table_of(route()))
    mesh.canarying.start("users")
    wait_until("the canary began", lambda: first["canary"].record is not None)
    table = table_of(route(interval=20))
    assert first == mesh.canarying.assign("users", table)
    assert 0.1 == table.splits["canary"].weights[0]


def test_another_store_is_another_rollout(mesh: Mesh) -> None:
    """What stood in the former one is of no use; the new one runs as the old one did."""
    first = mesh.canarying.assign("users", table_of(route()))
    mesh.canarying.start("users")
    table = table_of(route(store=store()))
    second = mesh.canarying.assign("users", table)
    assert first["canary"] is not second["canary"]
    wait_until("the canary has its share", lambda: table.splits["canary"].weights[0] == 0.1)


def test_a_canary_that_left_the_document_stops(mesh: Mesh) -> None:
    """Nobody moves the weights any more."""
    mesh.canarying.assign("users", table_of(route()))
    mesh.canarying.start("users")
    mesh.canarying.assign("users", table_of())
    assert {} == mesh.canarying.of("users")
    assert {} == mesh.canarying._running
    mesh.canarying.assign("users", table_of(route()))
    mesh.canarying.stop("users")
    assert [] == mesh.canarying.everything()


def test_tenants_share_what_they_say_alike(mesh: Mesh) -> None:
    """And have a rollout of their own when their route is another."""
    ours = mesh.canarying.assign("users", table_of(route()))
    gold = table_of(route())
    assert ours == mesh.canarying.assign("users", gold, "gold")
    mesh.canarying.start("users")
    wait_until("gold has its share", lambda: gold.splits["canary"].weights[0] == 0.1)
    other = table_of(route(initial_weight=0.2))
    theirs = mesh.canarying.assign("users", other, "gold")
    assert ours["canary"] is not theirs["canary"]
    assert not ours["canary"].is_canary(gold.splits["canary"].destinations[0])
    wait_until("gold goes its way", lambda: other.splits["canary"].weights[0] == 0.2)
    assert 0.2 == mesh.canarying.canary("users", tenant="gold").status().weight
    assert 0.1 == mesh.canarying.canary("users", tenant="silver").status().weight
    mesh.canarying.assign("users", table_of(route()), "gold")
    assert 1 == len(mesh.canarying.everything())


def test_a_closed_mesh_starts_nothing(mesh: Mesh) -> None:
    """Its background would not end."""
    mesh.canarying.assign("users", table_of(route()))
    mesh.canarying.close()
    mesh.canarying.start("users")
    assert not mesh.background.running


def test_a_forked_child_has_another_name(mesh: Mesh) -> None:
    """And starts anew what it asks for."""
    mesh.canarying.assign("users", table_of(route(store=store())))
    mesh.canarying.start("users")
    rollout = mesh.canarying.of("users")["canary"]
    name = rollout.me
    assert name.startswith("checkout@")
    mesh.canarying.renew()
    assert name != rollout.me
    assert {} == mesh.canarying._running


def test_what_cannot_be_opened_is_named(mesh: Mesh) -> None:
    """The place in the document, and what to write there."""
    routes = [route().model_copy(update={"canary": None}), route(store={"etcdd": None})]
    with pytest.raises(ConfigurationError, match="did you mean 'etcd'") as caught:
        mesh.canarying.check({"users": routes})
    assert caught.value.path.startswith("services.users.routes[1].canary.store")


def test_two_canaries_cannot_share_a_key(mesh: Mesh, tmp_path: Any) -> None:
    """They would take turns in beginning anew."""
    same = route(store={"file": str(tmp_path / "canary.json")})
    with pytest.raises(ConfigurationError, match=r"write \{name\}") as caught:
        mesh.canarying.check({"users": [same], "orders": [same]})
    assert "services.orders.routes[0].canary.store" == caught.value.path
    apart = route(store={"file": str(tmp_path / "{name}.json")})
    mesh.canarying.check({"users": [apart], "orders": [apart]})
    mesh.canarying.check({"users": [route()], "orders": [route()]})


def test_breakers_are_told_of_from_any_thread(mesh: Mesh) -> None:
    """The share is 0 before it returns."""
    table = table_of(route(store=store()))
    mesh.canarying.assign("users", table)
    mesh.canarying.start("users")
    split = table.splits["canary"]
    wait_until("the canary has its share", lambda: split.weights[0] == 0.1)
    mesh.canarying.of("users")["canary"].breakers_opened()
    assert 0.0 == split.weights[0]
    wait_until("it is told of", lambda: len(mesh.events) == 2)


def test_commands_by_hand(mesh: Mesh) -> None:
    """Each is in force when it returns, and its status says so."""
    table = table_of(route())
    mesh.canarying.assign("users", table)
    canary = mesh.canarying.canary("users")
    weight = table.splits["canary"]
    assert CanaryState.PAUSED is canary.pause("lunch").state
    assert "lunch" == canary.status().reason
    assert CanaryState.PROGRESSING is canary.resume().state
    assert (CanaryState.PROMOTED, 1.0) == (canary.promote().state, weight.weights[0])
    assert (CanaryState.ROLLED_BACK, 0.0) == (canary.rollback().state, weight.weights[0])
    assert CanaryState.ROLLED_BACK is canary.pause().state


def test_the_status_tells_how_it_stands(mesh: Mesh) -> None:
    """Also before anything is known."""
    mesh.canarying.assign("users", table_of(route()))
    rollout = mesh.canarying.of("users")["canary"]
    canary = mesh.canarying.canary("users", "canary")
    wait_until("the canary began", lambda: rollout.record is not None)
    status = canary.status()
    assert ("users", "canary", "version=v2", "version=v2", "process") == (
        status.service,
        status.route,
        status.revision,
        status.rolling,
        status.store,
    )
    assert (CanaryState.PROGRESSING, 0.1, "a new revision") == (
        status.state,
        status.weight,
        status.reason,
    )
    assert status.leads
    assert status.leader == rollout.me
    assert status.reachable
    assert status.analysis is not None
    assert "0 calls of the canary, 10 are needed" == status.analysis.reason
    assert (
        "users/canary: version=v2 is progressing at 10.0% of the calls: a new revision"
        " (led by this process, kept in process)"
    ) == str(status)


def test_the_status_of_what_was_never_read(mesh: Mesh) -> None:
    """A store that is away from the start leaves everything unknown but that."""
    broken = Broken()
    broken.fails = "get"
    mesh.canarying.assign("users", table_of(route(store=broken)))
    canary = mesh.canarying.canary("users")
    with pytest.raises(StoreError, match="the store is away"):
        canary.promote()
    status = canary.status()
    assert (CanaryState.WAITING, 0.0, "its record was not read yet") == (
        status.state,
        status.weight,
        status.reason,
    )
    assert not status.reachable
    assert status.error == "OSError: the store is away"
    assert "(led by nobody, kept in <StoreKey process:canary>, which cannot be" in str(status)


def test_what_a_store_holds_that_is_no_record(mesh: Mesh) -> None:
    """The error of the document that somebody wrote there goes through."""
    shared = store()
    assert anyio.run(shared.compare_and_set, b"precious", None)
    mesh.canarying.assign("users", table_of(route(store=shared)))
    with pytest.raises(ConfigurationError, match="no JSON"):
        mesh.canarying.canary("users").promote()


def test_which_canary_is_meant(mesh: Mesh) -> None:
    """The only one, or one by name; the error names those that there are."""
    with pytest.raises(ConfigurationError, match="no route has a canary"):
        mesh.canarying.canary("users")
    two = [route(), route().model_copy(update={"name": "other"})]
    mesh.canarying.assign("users", table_of(*two))
    with pytest.raises(ConfigurationError, match="name one of them: canary, other"):
        mesh.canarying.canary("users")
    with pytest.raises(ConfigurationError, match="'third' has no canary"):
        mesh.canarying.canary("users", "third")
    assert "other" == mesh.canarying.canary("users", "other").status().route


def test_a_listener_cannot_wait_for_the_canary(mesh: Mesh) -> None:
    """Its thread is the one that would do the work; it is told so at once."""
    mesh.canarying.assign("users", table_of(route()))
    found: list[BaseException] = []
    done = threading.Event()

    def listener(event: Event) -> None:
        try:
            mesh.canarying.canary("users").promote()
        except MeshError as exc:
            found.append(exc)
        done.set()

    mesh.listener = listener
    mesh.canarying.start("users")
    assert done.wait(10)
    assert "a listener cannot wait" in str(found[0])


class Hanging(StoreKey):
    """A store that never answers."""

    asked = 0

    async def get(self) -> Any:
        """Wait for ever."""
        Hanging.asked += 1
        await anyio.sleep_forever()


def test_a_command_ends_with_its_mesh(mesh: Mesh) -> None:
    """Who waits for the store is told when the background is stopped."""
    hanging = Hanging(store().store, "x")
    mesh.canarying.assign("users", table_of(route(store=hanging, lease=600)))
    canary = mesh.canarying.canary("users")
    found: list[BaseException] = []

    def wait() -> None:
        try:
            canary.promote()
        except StoreError as exc:
            found.append(exc)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until("the look and the command wait", lambda: Hanging.asked == 2)
    mesh.background.stop()
    thread.join(60)
    assert "it was stopped" in str(found[0])


def test_listeners_hear_of_it(mesh: Mesh) -> None:
    """From the background, by the service and route."""
    mesh.canarying.assign("users", table_of(route(split=SPLIT)))
    mesh.canarying.start("users")
    wait_until("an event", lambda: bool(mesh.events))
    event = mesh.events[0]
    assert isinstance(event, CanaryChanged)
    assert ("users", "canary", "process") == (event.service, event.route, event.store)
