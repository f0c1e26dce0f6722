"""Those who wait for a change, on one event loop."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from meshlib.discovery._timing import Timing
from meshlib.discovery.registry._feed import Feed
from meshlib.discovery.registry._ledger import Ledger
from meshlib.discovery.registry._record import parse_record
from support import FakeClock

A = parse_record("a", {"url": "http://a:80"})
B = parse_record("b", {"url": "http://b:80"})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with one instance."""
    made = Ledger(str(tmp_path / "registry.db"))
    made.put("users", A)
    yield made
    made.close()


@pytest.fixture
def other(tmp_path: Path, ledger: Ledger) -> Iterator[Ledger]:
    """Another process at the same database."""
    made = Ledger(str(tmp_path / "registry.db"))
    yield made
    made.close()


class Waiter:
    """Waits for what comes after the present list of a service; may leave."""

    def __init__(self, feed: Feed, group: Any, service: str = "users") -> None:
        self.scope = anyio.CancelScope()
        self.found: list[str] = []
        self.woken = anyio.Event()
        group.start_soon(self._wait, feed, service)

    async def _wait(self, feed: Feed, service: str) -> None:
        with self.scope:
            snapshot = await feed.next(service, feed.now(service).cursor)
            instances = json.loads(snapshot.body)["instances"]
            self.found = [instance["url"] for instance in instances]
            self.woken.set()


async def test_all_who_wait_are_told(ledger: Ledger) -> None:
    """At once by what this loop does, and only of their own service."""
    feed = Feed(ledger, Timing())
    async with anyio.create_task_group() as group:
        waiters = [Waiter(feed, group) for _ in range(5)]
        idle = Waiter(feed, group, "orders")
        await anyio.wait_all_tasks_blocked()
        await feed.do(ledger.put, "users", B)
        for waiter in waiters:
            await waiter.woken.wait()
            assert ["http://a:80", "http://b:80"] == waiter.found
        assert not idle.woken.is_set()
        group.cancel_scope.cancel()


async def test_one_looks_for_all_and_another_when_he_leaves(ledger: Ledger, other: Ledger) -> None:
    """What another process wrote is found, whoever of those who wait has gone."""
    feed = Feed(ledger, Timing())
    async with anyio.create_task_group() as group:
        waiters = []
        for _ in range(5):
            waiters.append(Waiter(feed, group))
            await anyio.wait_all_tasks_blocked()
        for waiter in waiters[:-1]:
            waiter.scope.cancel()
            await anyio.wait_all_tasks_blocked()
        other.put("users", B)
        await waiters[-1].woken.wait()
        assert ["http://a:80", "http://b:80"] == waiters[-1].found


async def test_what_runs_takes_over_from_who_waits(ledger: Ledger, other: Ledger) -> None:
    """And wakes those who wait by its looks."""
    feed = Feed(ledger, Timing())
    async with anyio.create_task_group() as group:
        first, second = Waiter(feed, group), Waiter(feed, group)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(feed.run)
        await anyio.wait_all_tasks_blocked()
        first.scope.cancel()
        other.put("users", B)
        await second.woken.wait()
        ledger.close()
        other.remove("users", "b")
        third = Waiter(feed, group)
        await third.woken.wait()
        assert ["http://a:80"] == third.found
        group.cancel_scope.cancel()


async def test_who_waits_takes_over_from_what_ran(ledger: Ledger, other: Ledger) -> None:
    """When the lifespan ends before the watches do."""
    feed = Feed(ledger, Timing())
    runner = anyio.CancelScope()

    async def run() -> None:
        with runner:
            await feed.run()

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await anyio.wait_all_tasks_blocked()
        waiters = [Waiter(feed, group) for _ in range(2)]
        await anyio.wait_all_tasks_blocked()
        runner.cancel()
        await anyio.wait_all_tasks_blocked()
        other.put("users", B)
        for waiter in waiters:
            await waiter.woken.wait()
            assert ["http://a:80", "http://b:80"] == waiter.found


async def test_the_dead_are_told_of(tmp_path: Path, clock: FakeClock) -> None:
    """An instance without heartbeats goes, with nothing but one who waits."""
    ledger = Ledger(str(tmp_path / "other.db"), clock=clock)
    ledger.put("users", A)
    feed = Feed(ledger, Timing(clock=clock, sleep=clock.asleep))
    start = clock()
    snapshot = await feed.next("users", feed.now("users").cursor)
    assert [] == json.loads(snapshot.body)["instances"]
    assert 15.0 <= clock() - start < 15.5
    ledger.close()


async def test_closing_lets_everybody_go(ledger: Ledger) -> None:
    """Those who wait, and those who come later."""
    feed = Feed(ledger, Timing())
    async with anyio.create_task_group() as group:
        waiters = [Waiter(feed, group) for _ in range(3)]
        await anyio.wait_all_tasks_blocked()
        feed.close()
    assert all(waiter.woken.is_set() for waiter in waiters)
    assert feed.now("users") == await feed.next("users", feed.now("users").cursor)


async def test_a_database_that_fails_ends_no_watch(
    ledger: Ledger,
    other: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged once, and looked at again until it works."""
    failures = 0
    refresh = ledger.refresh

    def fail() -> None:
        nonlocal failures
        failures += 1
        if failures > 3:
            monkeypatch.undo()
            other.put("users", B)
            refresh()
            return
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(ledger, "refresh", fail)
    feed = Feed(ledger, Timing())
    snapshot = await feed.next("users", feed.now("users").cursor)
    assert 2 == len(json.loads(snapshot.body)["instances"])
    assert 1 == caplog.text.count("disk I/O error")


async def test_a_heartbeat_outlives_the_one_that_was_to_write_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who share a write with a cancelled request are answered all the same."""
    feed = Feed(ledger, Timing())
    begun = anyio.Event()

    async def stuck(*args: Any) -> Any:
        monkeypatch.undo()
        begun.set()
        await anyio.sleep_forever()

    monkeypatch.setattr(feed, "do", stuck)
    answers: list[bool] = []
    writer = anyio.CancelScope()

    async def beat(name: str) -> None:
        answers.append(await feed.beat(("users", name)))

    async def write() -> None:
        with writer:
            await beat("a")

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        await begun.wait()
        for name in "aab":
            group.start_soon(beat, name)
        await anyio.wait_all_tasks_blocked()
        writer.cancel()
    assert [False, True, True] == sorted(answers)


async def test_who_joined_the_batch_of_a_cancelled_writer_is_written(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who came before the write began are not lost with it."""
    feed = Feed(ledger, Timing())
    holder, writer = anyio.CancelScope(), anyio.CancelScope()
    real, stalls = feed._write, [anyio.Event(), anyio.Event()]

    async def write(batch: Any) -> None:
        if stalls:
            stalls.pop(0).set()
            await anyio.sleep_forever()
        await real(batch)

    monkeypatch.setattr(feed, "_write", write)
    answers: list[bool] = []

    async def beat(scope: anyio.CancelScope) -> None:
        with scope:
            answers.append(await feed.beat(("users", "a")))

    first, second = stalls
    async with anyio.create_task_group() as group:
        group.start_soon(beat, holder)
        await first.wait()
        group.start_soon(beat, writer)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(beat, anyio.CancelScope())  # in the same batch as the writer
        await anyio.wait_all_tasks_blocked()
        holder.cancel()
        await second.wait()
        writer.cancel()
    assert [True] == answers


async def test_a_failed_write_fails_all_who_share_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is told once, and nobody waits for the database anew."""
    calls: list[object] = []

    def fail(keys: object) -> None:
        calls.append(keys)
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr(ledger, "beat", fail)
    feed = Feed(ledger, Timing())
    errors: list[str] = []

    async def beat(name: str) -> None:
        try:
            await feed.beat(("users", name))
        except sqlite3.OperationalError as exc:
            errors.append(str(exc))

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(beat, str(number))
    assert ["disk full"] * 20 == errors
    assert len(calls) < 10
