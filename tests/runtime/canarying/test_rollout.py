"""What one process does with its canary, look by look."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from meshlib.events import CanaryChanged
from meshlib.routing.canary import CanaryState, Stored, pause, promote, rollback
from support.rollouts import SPLIT, Broken, Process, route, split_of, store


async def test_the_first_look_begins() -> None:
    """Until then the canary has no call, and from then on its first share."""
    process = Process()
    assert 0.0 == process.weight
    await process.look()
    assert 0.1 == process.weight
    assert [("waiting", "progressing", 0.1)] == process.changes


async def test_a_look_that_finds_nothing_new_tells_nothing() -> None:
    """However often it looks."""
    process = Process()
    for _ in range(5):
        await process.look(1)
    assert 1 == len(process.events)


async def test_passed_checks_lead_to_promotion() -> None:
    """Share by share, as calls are counted."""
    process = Process()
    await process.look()
    for _ in range(4):
        process.call(40, 40)
        await process.look(10)
    assert 1.0 == process.weight
    assert [0.1, 0.3, 0.5, 1.0] == [weight for _, _, weight in process.changes]
    assert ("progressing", "promoted", 1.0) == process.changes[-1]
    assert not process.rollout.counting


async def test_a_canary_without_calls_waits() -> None:
    """Nothing is no success."""
    process = Process()
    await process.look()
    for _ in range(9):
        await process.look(10)
    assert 0.1 == process.weight


async def test_evidence_rolls_back() -> None:
    """As soon as a block ends that proves it."""
    process = Process()
    await process.look()
    process.call(300, 300, failed=150)
    await process.look(1)
    assert (0.0, "rolled_back") == (process.weight, process.changes[-1][1])


async def test_a_small_block_is_told_when_the_check_comes() -> None:
    """So that a check looks at every call there was."""
    process = Process()
    await process.look()
    process.call(20, 20)
    await process.look(9)
    assert 0 == process.record.check.canary.calls
    await process.look(1)
    assert 0.3 == process.weight


async def test_the_event_tells_everything() -> None:
    """Also where it is kept."""
    process = Process()
    await process.look()
    event = process.events[0]
    assert (
        CanaryChanged(
            service="users",
            route="canary",
            revision="version=v2",
            old="waiting",
            new="progressing",
            weight=0.1,
            reason="a new revision",
            store="process",
        )
        == event
    )


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ("process", "process"),
        ({"etcd": {"password": "secret"}}, "etcd"),
        ({}, ""),
        ("consul://127.0.0.1:8500/key", "consul"),
        (store(), "<StoreKey process:canary>"),
    ],
)
async def test_the_store_is_named_by_its_kind(settings: Any, name: str) -> None:
    """Not by its settings, which may have secrets."""
    assert name == Process(options=route(store=settings)).rollout.store_name


async def test_open_breakers_take_every_call_at_once() -> None:
    """Before any look, here; the look then tells the others."""
    process = Process()
    await process.look()
    process.rollout.breakers_opened()
    assert 0.0 == process.weight
    process.rollout.breakers_opened()
    assert 1 == len(process.later.started)
    await process.look()
    assert process.record.progress.suspended
    assert ("progressing", "progressing", 0.0) == process.changes[-1]
    await process.look(10)
    assert (0.1, 1) == (process.weight, process.record.progress.failed)
    process.rollout.breakers_opened()
    assert 0.0 == process.weight


async def test_open_breakers_of_no_rollout_change_nothing() -> None:
    """Not before the first look, and not when it was promoted."""
    process = Process()
    process.rollout.breakers_opened()
    await process.look()
    assert 0.1 == process.weight
    await process.rollout.command(partial(promote, options=process.rollout.options, now=0.0))
    process.rollout.breakers_opened()
    assert 1.0 == process.weight
    assert not process.later.started


async def test_open_breakers_are_told_of_without_a_store() -> None:
    """The share is 0 here, and the others cannot be told."""
    broken = Broken()
    process = Process(shared=broken)
    await process.look()
    broken.fails = "get"
    process.rollout.breakers_opened()
    await process.look()
    assert ("progressing", "progressing", 0.0) == process.changes[-1]
    assert "every breaker" in process.reason
    broken.fails = ""
    await process.look()
    assert 0.0 == process.weight
    assert 2 == len(process.changes)


@pytest.mark.parametrize("fails", ["get", "set"])
async def test_without_its_store_it_keeps_its_share(fails: str) -> None:
    """And says so once, whatever the store raises; and once more when it is back."""
    broken = Broken()
    process = Process(shared=broken)
    await process.look()
    broken.fails = fails
    for _ in range(5):
        process.call(40, 40)
        await process.look(10)
    assert 0.1 == process.weight
    assert [False] == process.touches
    assert isinstance(process.rollout.error, OSError)
    broken.fails = ""
    await process.look()
    assert [False, True] == process.touches
    assert process.rollout.error is None


async def test_without_a_store_from_the_start_nothing_is_shared_out() -> None:
    """The canary has no call, or what the document's weights say."""
    broken = Broken()
    broken.fails = "get"
    process = Process(shared=broken)
    await process.look()
    assert 0.0 == process.weight
    weighed = [{**SPLIT[0], "weight": 3}, {**SPLIT[1], "weight": 1}]
    process = Process(shared=broken, options=route(weighed))
    await process.look()
    assert (3.0, 1.0) == process.split.weights


async def test_what_may_have_been_written_is_not_told_twice() -> None:
    """An answer that was lost loses a report: evidence that counted twice would be false."""
    broken = Broken()
    process = Process(shared=broken)
    await process.look()
    process.call(300, 300)
    broken.fails = "lie"
    await process.look(1)
    broken.fails = ""
    await process.look(1)
    assert 300 == process.record.rollout.canary.calls


async def test_what_was_not_read_is_kept() -> None:
    """A store that is away for a moment costs no evidence."""
    broken = Broken()
    process = Process(shared=broken)
    await process.look()
    process.call(300, 300)
    broken.fails = "get"
    await process.look(1)
    broken.fails = ""
    await process.look(1)
    assert 300 == process.record.rollout.canary.calls


async def test_what_is_no_record_is_an_error_of_the_store() -> None:
    """The share stays, and what somebody else keeps there does, too."""
    shared = store()
    await shared.compare_and_set(b"precious", None)
    process = Process(shared=shared)
    await process.look()
    assert (0.0, [False]) == (process.weight, process.touches)


async def test_a_key_that_was_deleted_begins_anew() -> None:
    """An older generation that was read later is the newer record."""
    shared = store()
    process = Process(shared=shared)
    await process.look()
    process.call(40, 40)
    await process.look(10)
    assert 0.3 == process.weight
    await shared.delete()
    await process.look(1)
    assert 0.1 == process.weight
    assert 1 == process.record.generation


async def test_a_new_revision_begins_anew() -> None:
    """The document names another version, and the rollout of the former one is over."""
    process = Process()
    await process.look()
    process.call(40, 40)
    await process.look(10)
    process.call(10, 10)
    options = route([{"subset": {"version": "v3"}}, SPLIT[1]])
    split = split_of(options)
    process.rollout.attach(options, split)
    assert (0.0, 1.0) == split.weights
    await process.look()
    assert 0.1 == split.weights[0]
    assert ("version=v3", 0) == (
        process.record.progress.revision,
        process.record.rollout.canary.calls,
    )


async def test_a_document_that_changes_nothing_keeps_weights_and_calls() -> None:
    """The new split has the share at once, and no call is lost for the next check."""
    process = Process()
    await process.look()
    process.call(40, 40)
    split = split_of(process.options)
    process.rollout.attach(process.options, split)
    assert (0.1, 0.9) == split.weights
    await process.look(10)
    assert 0.3 == split.weights[0]
    assert 0.1 == process.weight  # the former split is nobody's


async def test_tenants_have_the_same_weights() -> None:
    """In splits of their own, until they go their own way."""
    process = Process()
    other = split_of(process.options)
    process.rollout.attach(process.options, other, "gold")
    await process.look()
    assert process.split.weights == other.weights == (0.1, 0.9)
    assert process.rollout.is_canary(other.destinations[0])
    assert process.rollout.is_canary(process.split.destinations[0])
    assert not process.rollout.is_canary(other.destinations[1])
    process.rollout.detach("gold")
    assert not process.rollout.is_canary(other.destinations[0])


async def test_the_canary_may_stand_last() -> None:
    """The destination that is named gets the share."""
    process = Process(options=route([SPLIT[1], SPLIT[0]], destination="v2"))
    assert (1.0, 0.0) == process.split.weights
    await process.look()
    assert (0.9, 0.1) == process.split.weights
    assert process.rollout.is_canary(process.split.destinations[1])


async def test_commands_are_written_and_taken_over() -> None:
    """By the very process that is asked, before it returns."""
    process = Process()
    await process.rollout.command(pause)  # begins, too
    assert ("progressing", "paused", 0.1) == process.changes[-1]
    await process.rollout.command(pause)
    assert 2 == len(process.changes)
    await process.rollout.command(partial(rollback, now=1.0))
    assert 0.0 == process.weight


async def test_commands_are_for_the_revision_of_the_document() -> None:
    """One that was aimed at v2 does not promote v3."""
    shared = store()
    old = Process("a", shared)
    new = Process("b", shared, options=route([{"subset": {"version": "v3"}}, SPLIT[1]]))
    await old.look()
    await new.look(100)
    assert 0.1 == new.weight
    await old.rollout.command(partial(promote, options=old.rollout.options, now=1.0))
    await new.look()
    assert 0.1 == new.weight
    assert 0.0 == old.weight
    assert "another revision, version=v2" in old.reason


async def test_commands_raise_what_the_store_raises() -> None:
    """The person who asked is told, and so are listeners."""
    broken = Broken()
    process = Process(shared=broken)
    await process.look()
    broken.fails = "set"
    with pytest.raises(OSError, match="read-only"):
        await process.rollout.command(pause)
    assert [False] == process.touches


async def test_commands_give_up_where_others_go_on_writing() -> None:
    """Nothing was changed then, and the error says what to do."""
    shared = Refusing()
    process = Process(shared=shared)
    await process.look()
    shared.refuses = True
    with pytest.raises(TimeoutError, match="try again"):
        await process.rollout.command(pause)


class Refusing(Broken):
    """A store in which somebody else is always the first."""

    refuses = False

    async def compare_and_set(self, content: bytes, version: Any) -> bool:
        """Write, unless somebody else did."""
        return not self.refuses and await super().compare_and_set(content, version)


async def test_it_runs_until_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change by another process is taken over without a look, a nudge brings a look."""
    shared = store()
    process, other = Process("a", shared), Process("b", shared)
    await other.look()
    looks = []
    look = process.rollout.look

    async def counted() -> None:
        looks.append(process.rollout.thread)
        await look()

    monkeypatch.setattr(process.rollout, "look", counted)
    await process.rollout._rouse()  # before it runs there is nobody to rouse
    async with anyio.create_task_group() as group:
        group.start_soon(process.rollout.run)
        await anyio.wait_all_tasks_blocked()
        assert 0.1 == process.weight
        assert [threading.get_ident()] == looks
        await other.rollout.command(pause)
        await anyio.wait_all_tasks_blocked()
        assert CanaryState.PAUSED is process.record.progress.state
        assert 1 == len(looks)
        process.rollout.nudge()
        await process.later.run()
        await anyio.wait_all_tasks_blocked()
        assert 2 == len(looks)
        group.cancel_scope.cancel()


async def test_a_watch_that_fails_is_made_up_for_by_looks() -> None:
    """It begins again, and the looks go on."""

    class Deaf(Broken):
        """Cannot be watched."""

        watched = 0

        async def watch(self) -> AsyncIterator[Stored]:
            """Fail."""
            Deaf.watched += 1
            if Deaf.watched:
                raise OSError("no watch")
            yield Stored(b"", 0)

    process = Process(shared=Deaf(), options=route(interval=0.01, lease=1))
    async with anyio.create_task_group() as group:
        group.start_soon(process.rollout.run)
        with anyio.fail_after(10):
            while Deaf.watched < 3:
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert 0.1 == process.weight


async def test_older_news_changes_nothing() -> None:
    """A watch may tell late what a look has overtaken."""
    shared = store()
    process = Process(shared=shared)
    await process.look()
    before = await shared.get()
    assert before is not None
    late = before
    await process.rollout.command(pause)

    class Late(Broken):
        """Tells old news."""

        async def watch(self) -> AsyncIterator[Stored]:
            """Tell what was."""
            yield late
            await anyio.sleep_forever()

    process.rollout._store = Late()
    async with anyio.create_task_group() as group:
        group.start_soon(process.rollout._watch)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert CanaryState.PAUSED is process.record.progress.state


async def test_a_forked_child_is_another_process() -> None:
    """With the share it had, no calls, and its own name; in a store of its own, the lease."""
    shared = Process(options=route(store={"file": "x"}))
    await shared.look()
    shared.call(600, 600)
    with shared.rollout._lock:
        shared.rollout.follow("child")
    assert ("child", 0.1) == (shared.rollout.me, shared.weight)
    await shared.look(1)
    assert shared.record.rollout.canary.calls == 0
    own = Process()
    await own.look()
    own.rollout.follow("child")
    own.call(40, 40)
    await own.look(10)
    assert 0.3 == own.weight
