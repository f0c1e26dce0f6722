"""The ledger over its database, alone and with other processes at the same file."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from meshlib import ConfigurationError
from meshlib.discovery.registry import _store
from meshlib.discovery.registry._ledger import FullError, Ledger
from meshlib.discovery.registry._record import Record, parse_record
from support import FakeClock

Open = Callable[..., Ledger]


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where the database is."""
    return str(tmp_path / "registry.db")


@pytest.fixture
def ledger(path: str, clock: FakeClock) -> Iterator[Ledger]:
    """A ledger of this process."""
    with closing(Ledger(path, clock=clock)) as made:
        yield made


@pytest.fixture
def other(path: str, clock: FakeClock) -> Iterator[Ledger]:
    """Another one at the same file, as another process has it."""
    with closing(Ledger(path, clock=clock)) as made:
        yield made


def record(name: str, port: int = 80, ttl: float = 15.0) -> Record:
    """What the instance *name* registers."""
    return parse_record(name, {"url": f"http://{name}:{port}", "ttl": ttl})


def urls(ledger: Ledger, service: str = "users") -> list[str]:
    """What *ledger* shows of *service*."""
    body = json.loads(ledger.snapshot(service).body)
    return [instance["url"] for instance in body["instances"]]


def test_registers_and_forgets(ledger: Ledger) -> None:
    """Each tells whether it made a difference to what was known."""
    assert ledger.put("users", record("a"))
    assert not ledger.put("users", record("a", 81))
    assert ["http://a:81"] == urls(ledger)
    assert [("users", 2, 1)] == ledger.services()
    assert ledger.remove("users", "a")
    assert not ledger.remove("users", "a")
    assert [] == urls(ledger)
    assert [] == ledger.services()


def test_the_same_again_is_no_change(ledger: Ledger) -> None:
    """It counts as a heartbeat, and wakes no watcher."""
    ledger.put("users", record("a"))
    before = ledger.snapshot("users")
    ledger.put("users", record("a"))
    ledger.beat({("users", "a")})
    assert before is ledger.snapshot("users")
    assert 1 == ledger.revision


def test_a_list_is_encoded_once(ledger: Ledger) -> None:
    """However many ask, and whatever changes elsewhere."""
    ledger.put("users", record("a"))
    before = ledger.snapshot("users")
    ledger.put("orders", record("b"))
    assert before is ledger.snapshot("users")


def test_revisions_never_go_back(ledger: Ledger, path: str) -> None:
    """Not when the last instance goes, nor across a restart."""
    seen = [ledger.list_revision("users")]
    for step in (
        lambda: ledger.put("users", record("a")),
        lambda: ledger.put("users", record("b")),
        lambda: ledger.remove("users", "b"),
        lambda: ledger.remove("users", "a"),
        lambda: ledger.put("orders", record("c")),
        lambda: ledger.put("users", record("a")),
    ):
        step()
        seen.append(ledger.list_revision("users"))
        ledger.close()
        with closing(Ledger(path)) as again:
            again.open()
            assert seen[-1] == again.list_revision("users")
            assert urls(ledger) == urls(again)
    assert [0, 1, 2, 3, 4, 4, 6] == seen


def test_expires_without_a_heartbeat(ledger: Ledger, clock: FakeClock) -> None:
    """After its time, and not before; heartbeats put it off."""
    ledger.put("users", record("a"))
    ledger.put("users", record("b"))
    for _ in range(3):
        clock.advance(5.0)
        assert set() == ledger.beat({("users", "a")})
    ledger.refresh()
    assert ["http://a:80"] == urls(ledger)
    clock.advance(14.9)
    ledger.refresh()
    assert ["http://a:80"] == urls(ledger)
    clock.advance(0.1)
    ledger.refresh()
    assert [] == urls(ledger)
    assert {("users", "a")} == ledger.beat({("users", "a")})


def test_a_restart_loses_nothing_and_keeps_nobody_for_ever(
    ledger: Ledger, path: str, clock: FakeClock
) -> None:
    """Each has all of its time again, and no more."""
    ledger.put("users", record("a"))
    clock.advance(14.0)
    ledger.close()
    clock.advance(1000.0)
    with closing(Ledger(path, clock=clock)) as again:
        again.refresh()
        assert ["http://a:80"] == urls(again)
        assert ledger.snapshot("users").cursor == again.snapshot("users").cursor
        clock.advance(14.9)
        again.refresh()
        assert ["http://a:80"] == urls(again)
        clock.advance(0.1)
        again.refresh()
        assert [] == urls(again)


def test_other_processes_are_seen(ledger: Ledger, other: Ledger) -> None:
    """What one writes the other shows, with the same cursor."""
    ledger.put("users", record("b"))
    other.put("users", record("a"))
    ledger.refresh()
    assert ["http://a:80", "http://b:80"] == urls(ledger)
    assert ledger.snapshot("users") == other.snapshot("users")
    ledger.remove("users", "a")
    ledger.remove("users", "b")
    other.refresh()
    assert [] == urls(other)
    assert ledger.snapshot("users") == other.snapshot("users")


def test_heartbeats_at_other_processes_count(
    ledger: Ledger, other: Ledger, clock: FakeClock
) -> None:
    """An instance may speak to any of them."""
    ledger.put("users", record("a"))
    for _ in range(10):
        clock.advance(5.0)
        assert set() == other.beat({("users", "a")})
        ledger.refresh()
    assert ["http://a:80"] == urls(ledger)


def test_a_heartbeat_elsewhere_saves_at_the_last_moment(
    ledger: Ledger, other: Ledger, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two processes the one that heard nothing does not remove whom the other has heard."""
    ledger.put("users", record("a"))
    other.refresh()
    clock.advance(15.0)
    remove = ledger._store.remove

    def late(keys: Any) -> int:
        other.beat({("users", "a")})
        return remove(keys)

    monkeypatch.setattr(ledger._store, "remove", late)
    ledger.refresh()
    assert ["http://a:80"] == urls(ledger)
    monkeypatch.undo()
    clock.advance(14.9)
    ledger.refresh()
    assert ["http://a:80"] == urls(ledger)
    clock.advance(0.1)
    ledger.refresh()
    assert [] == urls(ledger)


def test_a_process_that_is_far_behind_reads_everything(
    ledger: Ledger, other: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes are kept for a while only, and their lack is noticed."""
    monkeypatch.setattr(_store, "_KEPT_CHANGES", 3)
    ledger.put("users", record("a"))
    other.refresh()
    for name in "bcdef":
        ledger.put("users", record(name))
    ledger.remove("users", "a")
    other.refresh()
    assert [f"http://{name}:80" for name in "bcdef"] == urls(other)
    assert ledger.snapshot("users") == other.snapshot("users")


def test_limits_the_number_of_instances(path: str, clock: FakeClock) -> None:
    """What is known may be replaced, and who has expired makes room."""
    with closing(Ledger(path, max_instances=2, clock=clock)) as ledger:
        ledger.put("users", record("a"))
        ledger.put("users", record("b"))
        with pytest.raises(FullError, match="2 instances"):
            ledger.put("users", record("c"))
        assert not ledger.put("users", record("b", 81))
        clock.advance(15.0)
        assert ledger.put("users", record("c"))


def test_a_process_that_was_stopped_expires_nobody(ledger: Ledger, clock: FakeClock) -> None:
    """While it was, nobody could be heard; one that looks now and then cannot know that."""
    ledger.put("users", record("a"))
    ledger.attend()
    clock.advance(1000.0)
    ledger.refresh()
    assert ["http://a:80"] == urls(ledger)
    for _ in range(14):
        clock.advance(1.0)
        ledger.refresh()
    assert ["http://a:80"] == urls(ledger)
    clock.advance(1.0)
    ledger.refresh()
    assert [] == urls(ledger)
    ledger.leave()
    ledger.put("users", record("a"))
    clock.advance(1000.0)
    ledger.refresh()
    assert [] == urls(ledger)


def test_a_database_that_cannot_be_written_expires_nobody(
    ledger: Ledger, path: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heartbeats were lost meanwhile; afterwards the rest of each time counts."""
    monkeypatch.setattr("meshlib.discovery.registry._schema._BUSY", 0.0)
    ledger.put("users", record("a"))
    clock.advance(5.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        for work in (
            lambda: ledger.beat({("users", "a")}),
            lambda: ledger.put("users", record("b")),
            lambda: ledger.remove("users", "a"),
            ledger.refresh,
        ):
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                work()
            clock.advance(100.0)
        lock.execute("ROLLBACK")
    ledger.refresh()
    assert ["http://a:80"] == urls(ledger)
    clock.advance(9.9)
    ledger.refresh()
    assert ["http://a:80"] == urls(ledger)
    clock.advance(0.1)
    ledger.refresh()
    assert [] == urls(ledger)


def test_who_cannot_be_removed_is_removed_later(
    ledger: Ledger, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error while removing the dead does not make them immortal."""
    ledger.put("users", record("a"))
    clock.advance(15.0)

    def fail(*args: object) -> int:
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr(ledger._store, "remove", fail)
    with pytest.raises(sqlite3.OperationalError):
        ledger.refresh()
    monkeypatch.undo()
    ledger.refresh()
    assert [] == urls(ledger)


def test_a_lost_database_has_another_epoch(path: str, clock: FakeClock) -> None:
    """And a kept one has the same."""
    epochs = []
    for _ in range(2):
        with closing(Ledger(path, clock=clock)) as ledger:
            ledger.open()
            epochs.append(ledger.epoch)
    Path(path).unlink()
    with closing(Ledger(path, clock=clock)) as ledger:
        ledger.open()
        assert {epochs[0]} == set(epochs)
        assert epochs[0] != ledger.epoch


def test_a_restored_database_does_not_repeat_a_cursor(path: str, clock: FakeClock) -> None:
    """Though it counts the same revisions again: watchers would miss the difference."""
    with closing(Ledger(path, clock=clock)) as ledger:
        ledger.put("users", record("a"))
        ledger.close()
        copy = Path(path).read_bytes()
        ledger.put("users", record("b"))
        before = ledger.snapshot("users")
    Path(path).write_bytes(copy)
    with closing(Ledger(path, clock=clock)) as ledger:
        ledger.put("users", record("c"))
        after = ledger.snapshot("users")
    assert before.revision == after.revision
    assert before.cursor != after.cursor


def test_a_database_that_is_put_in_place_of_another_is_read(path: str, clock: FakeClock) -> None:
    """A ledger that opens its file anew believes the file, not its memory."""
    with closing(Ledger(path, clock=clock)) as ledger:
        ledger.put("users", record("a"))
        ledger.close()
        Path(path).unlink()
        ledger.refresh()
        assert [] == urls(ledger)
        assert 0 == ledger.revision
        ledger.put("users", record("a"))
        ledger.close()
        Path(path).unlink()
        with closing(Ledger(path, clock=clock)) as other:
            for name in "bcd":
                other.put("users", record(name))
        ledger.refresh()
        assert [f"http://{name}:80" for name in "bcd"] == urls(ledger)


def test_databases_of_others_are_left_alone(path: str) -> None:
    """Neither another program's nor a later version's is touched, nor a file that is none."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    with pytest.raises(ConfigurationError, match="another program"):
        Ledger(path).open()
    Path(path).unlink()
    with closing(Ledger(path)) as ledger:
        ledger.open()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigurationError, match="version 99"):
        Ledger(path).open()
    Path(path).write_text("this is no database, and long enough to be taken for none" * 20)
    with pytest.raises(sqlite3.DatabaseError):
        Ledger(path).open()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_opens_the_database_itself(ledger: Ledger, path: str) -> None:
    """SQLite forbids to share a connection; the child sees, and writes, the same."""
    ledger.put("users", record("a"))
    child = os.fork()
    if child == 0:
        try:
            ledger.put("users", record("b"))
            os._exit(0 if ["http://a:80", "http://b:80"] == urls(ledger) else 1)
        finally:
            os._exit(2)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    ledger.refresh()
    assert ["http://a:80", "http://b:80"] == urls(ledger)


class TwoProcesses(RuleBasedStateMachine):
    """Two ledgers at one database, beside a plain table of who should be there."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.path = f"file:meshlib-{id(self)}?mode=memory&cache=shared"
        connect = sqlite3.connect

        def shared(path: str, **options: Any) -> sqlite3.Connection:
            return connect(path, uri=True, **options)

        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("meshlib.discovery.registry._schema.sqlite3.connect", shared)
        self.ledgers = [Ledger(self.path, clock=self.clock) for _ in range(2)]
        for ledger in self.ledgers:
            ledger.open()
        self.expected: dict[tuple[str, str], tuple[str, float]] = {}

    def teardown(self) -> None:
        """Close both."""
        for ledger in self.ledgers:
            ledger.close()
        self.patch.undo()

    which = st.integers(0, 1)
    names = st.sampled_from("abc")
    services = st.sampled_from(["users", "orders"])

    @rule(which=which, service=services, name=names, port=st.integers(1, 2))
    def put(self, which: int, service: str, name: str, port: int) -> None:
        """Register at one of them."""
        self.refresh()
        created = self.ledgers[which].put(service, record(name, port))
        assert created == ((service, name) not in self.expected)
        self.expected[service, name] = (f"http://{name}:{port}", self.clock() + 15.0)

    @rule(which=which, service=services, name=names)
    def beat(self, which: int, service: str, name: str) -> None:
        """Send a heartbeat to one of them."""
        self.refresh()
        unknown = self.ledgers[which].beat({(service, name)})
        key = (service, name)
        assert ({key} if key not in self.expected else set()) == unknown
        if key in self.expected:
            self.expected[key] = (self.expected[key][0], self.clock() + 15.0)

    @rule(which=which, service=services, name=names)
    def remove(self, which: int, service: str, name: str) -> None:
        """Deregister at one of them."""
        self.refresh()
        removed = self.ledgers[which].remove(service, name)
        assert removed == (self.expected.pop((service, name), None) is not None)

    @rule(seconds=st.sampled_from([1.0, 5.0, 15.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass; both have looked just before, as they do all the time."""
        self.refresh()
        self.clock.advance(seconds)

    @rule(which=which)
    def close(self, which: int) -> None:
        """Close the database of one; it is opened again."""
        self.ledgers[which].close()

    def refresh(self) -> None:
        """Both look, and the table loses who has expired."""
        for ledger in self.ledgers:
            ledger.refresh()
        now = self.clock()
        self.expected = {k: held for k, held in self.expected.items() if held[1] > now}

    @invariant()
    def both_show_what_should_be_there(self) -> None:
        """With equal cursors, and the revisions of each service in step."""
        self.refresh()
        for service in ("users", "orders"):
            expected = [u for (s, _), (u, _) in sorted(self.expected.items()) if s == service]
            for ledger in self.ledgers:
                assert expected == urls(ledger, service)
        one, other = ([le.snapshot(s) for s in ("users", "orders")] for le in self.ledgers)
        assert one == other


TestTwoProcesses = TwoProcesses.TestCase
TestTwoProcesses.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
