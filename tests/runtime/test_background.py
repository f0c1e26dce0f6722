"""One thread for everything that goes on beside the calls."""

from __future__ import annotations

import asyncio
import contextvars
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from meshlib.runtime._background import Background, BackgroundTask

PATIENCE = 30.0
"""Seconds after which something that did not happen fails a test."""

said: contextvars.ContextVar[str] = contextvars.ContextVar("said", default="nothing")


class Task:
    """A task that waits for ever, and tells when it began and ended."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.ended = threading.Event()
        self.thread = ""
        self.heard = ""

    async def __call__(self, *args: object) -> None:
        """Wait until cancelled."""
        self.thread = threading.current_thread().name
        self.heard = said.get()
        self.began.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.ended.set()


@pytest.fixture
def background() -> Iterator[Background]:
    """A background that is stopped with the test."""
    thing = Background("test")
    yield thing
    thing.stop(PATIENCE)
    assert not thing.running


def start(background: Background) -> tuple[Task, BackgroundTask]:
    """A task that has begun, and its handle."""
    task = Task()
    handle = background.start_soon(task)
    assert task.began.wait(PATIENCE)
    return task, handle


def test_thread_starts_with_the_first_task(background: Background) -> None:
    """Nobody pays for a thread that has nothing to do."""
    before = threading.active_count()
    assert not background.running
    background.ensure_running()
    assert before == threading.active_count()

    first, _ = start(background)
    second, _ = start(background)
    assert background.running
    assert before + 1 == threading.active_count()
    assert {"meshlib-test"} == {first.thread, second.thread}


def test_thread_does_not_keep_the_interpreter_alive(background: Background) -> None:
    """The thread is a daemon."""
    start(background)
    (thread,) = (t for t in threading.enumerate() if t.name == "meshlib-test")

    assert thread.daemon


def test_context_of_the_starter_does_not_leak(background: Background) -> None:
    """A deadline around the first call must not end discovery."""
    token = said.set("something")
    try:
        first, _ = start(background)
        second, _ = start(background)
    finally:
        said.reset(token)

    assert ("nothing", "nothing") == (first.heard, second.heard)


def test_arguments_are_passed(background: Background) -> None:
    """A function is called with what follows it."""
    heard: list[object] = []
    done = threading.Event()

    async def take(*args: object) -> None:
        heard.extend(args)
        done.set()

    background.start_soon(take, 1, "a")
    assert done.wait(PATIENCE)
    assert [1, "a"] == heard


def test_one_task_is_cancelled_alone(background: Background) -> None:
    """Cancelling a task ends it and no other, and may be done twice."""
    one, handle = start(background)
    other, _ = start(background)
    handle.cancel()
    handle.cancel()

    assert one.ended.wait(PATIENCE)
    assert not other.ended.is_set()


def test_task_cancelled_before_it_began_never_begins(background: Background) -> None:
    """A task that waits for its turn can be called off."""
    task, busy, go = Task(), threading.Event(), threading.Event()

    async def block() -> None:
        busy.set()
        go.wait(PATIENCE)

    background.start_soon(block)
    assert busy.wait(PATIENCE)
    background.start_soon(task).cancel()
    go.set()
    start(background)

    assert not task.began.is_set()


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()]
)
def test_failing_task_is_logged_and_ends_alone(
    background: Background, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a task raises, the loop goes on for the others."""
    other, _ = start(background)

    async def fail() -> None:
        raise error

    background.start_soon(fail)
    start(background)

    assert "a background task failed" in caplog.text
    assert {"meshlib"} == {record.name for record in caplog.records}
    assert not other.ended.is_set()


def test_finished_task_is_forgotten(background: Background) -> None:
    """A task that ended is not started again, and cancelling it does nothing."""
    count: list[int] = []

    async def once() -> None:
        count.append(1)

    handle = background.start_soon(once)
    start(background)
    assert [1] == count
    handle.cancel()
    assert handle not in background._tasks


def test_stop_cancels_everything_and_waits(background: Background) -> None:
    """After stopping no thread is left; stopping again is fine."""
    before = threading.active_count()
    tasks = [start(background)[0] for _ in range(3)]
    background.stop(PATIENCE)

    assert all(task.ended.is_set() for task in tasks)
    assert before == threading.active_count()
    background.stop()


def test_stopped_background_starts_again(background: Background) -> None:
    """The next task begins another life, without the tasks of the last one."""
    first, handle = start(background)
    background.stop(PATIENCE)
    handle.cancel()
    first.began.clear()
    start(background)
    background.ensure_running()

    assert background.running
    assert not first.began.is_set()


def test_stop_does_not_wait_for_ever(background: Background) -> None:
    """A task that will not end is left behind after the time given."""
    go, busy = threading.Event(), threading.Event()

    async def stubborn() -> None:
        busy.set()
        go.wait(PATIENCE)

    background.start_soon(stubborn)
    assert busy.wait(PATIENCE)
    background.stop(0.0)
    (thread,) = (t for t in threading.enumerate() if t.name == "meshlib-test")
    go.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_task_may_start_and_stop(background: Background) -> None:
    """A listener that is called on the thread may use what it is called from."""
    inner, started, stopped = Task(), threading.Event(), threading.Event()

    async def outer() -> None:
        background.start_soon(inner)
        started.set()

    async def last() -> None:
        background.stop()
        stopped.set()

    background.start_soon(outer)
    assert started.wait(PATIENCE)
    assert inner.began.wait(PATIENCE)
    (thread,) = (t for t in threading.enumerate() if t.name == "meshlib-test")
    background.start_soon(last)
    assert stopped.wait(PATIENCE)
    thread.join(PATIENCE)
    assert inner.ended.is_set()


def test_many_threads_start_tasks_at_once(background: Background) -> None:
    """Starting is thread-safe: one thread results, and every task runs."""
    before = threading.active_count()
    tasks = [Task() for _ in range(32)]
    threads = [threading.Thread(target=background.start_soon, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(task.began.wait(PATIENCE) for task in tasks)
    assert before + 1 == threading.active_count()


def test_task_may_be_started_before_there_is_a_loop(
    background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that comes while the thread is still starting is not forgotten."""
    from meshlib.runtime import _background as module

    go, run_loop = threading.Event(), anyio.run

    def late(*args: Any, **options: Any) -> object:
        go.wait(PATIENCE)
        return run_loop(*args, **options)

    first, second = Task(), Task()
    monkeypatch.setattr(module.anyio, "run", late)
    background.start_soon(first)
    background.start_soon(second)
    go.set()

    assert first.began.wait(PATIENCE)
    assert second.began.wait(PATIENCE)


def test_loop_that_ends_by_itself_is_told_and_replaced(
    background: Background, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the thread dies, the next task gets another, and the interrupted ones can go on."""
    from meshlib.runtime import _background as module

    def refuse(*args: object, **options: object) -> None:
        raise OSError("too many open files")

    lost = Task()
    with monkeypatch.context() as patch:
        patch.setattr(module.anyio, "run", refuse)
        background.start_soon(lost)
        for thread in threading.enumerate():
            if thread.name == "meshlib-test":
                thread.join(PATIENCE)
    assert "the background thread of meshlib ended" in caplog.text
    assert not background.running

    background.ensure_running()
    assert lost.began.wait(PATIENCE)


def test_renewed_background_begins_anew(background: Background) -> None:
    """After a fork nothing runs, and what was running waits to be asked for."""
    task, handle = start(background)
    parents = background._loop
    assert parents is not None
    background.renew()
    assert not background.running
    task.began.clear()
    background.ensure_running()
    assert task.began.wait(PATIENCE)
    handle.cancel()
    parents.stop(PATIENCE)
    background.stop(PATIENCE)
    background.renew()  # with nothing to forget


def test_thread_of_another_process_is_left_alone(
    background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that was not renewed neither uses nor stops its parent's thread."""
    task, _ = start(background)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        parents = background._loop
        assert parents is not None
        assert not background.running
        assert not parents.submit(())
        parents.stop(PATIENCE)
    assert background.running
    assert not task.ended.is_set()


def test_late_cancellation_finds_nobody(background: Background) -> None:
    """A handle may be cancelled when its loop is closed already."""
    loop = asyncio.new_event_loop()
    loop.close()
    _, handle = start(background)
    scope = handle._scope
    background.stop(PATIENCE)
    assert handle._scope is None
    handle._loop, handle._scope = loop, scope
    handle.cancel()


def test_everything_is_stopped_at_exit(
    background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the interpreter calls at its end stops every background."""
    from meshlib.runtime import _background as module

    task, _ = start(background)
    monkeypatch.setattr(module, "_ALL", {background})
    module._stop_all()

    assert task.ended.is_set()
    assert not background.running


def run(program: str) -> str:
    """What *program* writes, run by another interpreter in which warnings are errors."""
    finished = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-W",
            "ignore::DeprecationWarning",
            "-c",
            textwrap.dedent(program),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
    )
    assert (0, "") == (finished.returncode, finished.stderr)
    return finished.stdout


PROLOGUE = """
import os, sys, threading, anyio
from meshlib.runtime._background import Background

def say(text):
    os.write(1, (text + "\\n").encode())

background = Background("test")
began = threading.Event()

async def task(name):
    began.set()
    try:
        await anyio.sleep_forever()
    finally:
        say(f"{name} ended")

def start(name):
    began.clear()
    handle = background.start_soon(task, name)
    assert began.wait(30)
    return handle
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_forked_child_starts_its_tasks_again() -> None:
    """A renewed child has no thread until asked; then what its parent ran runs in it, too."""
    output = run(
        PROLOGUE
        + """
start("kept"); start("dropped").cancel()
child = os.fork()
if child == 0:
    os.write(1, b"-- child\\n")
    began.clear()
    background.renew()
    say(f"threads {threading.active_count()} {background.running}")
    background.ensure_running()
    assert began.wait(30)
    say(f"threads {threading.active_count()} {background.running}")
    start("new")
    background.stop()
    import gc; gc.collect()
    say("-- child done")
    sys.exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
start("parent's")
background.stop()
say("done")
"""
    )
    _, _, rest = output.partition("-- child\n")
    child, _, parent = rest.partition("-- child done\n")

    lines = child.splitlines()
    assert ["threads 1 False", "threads 2 True"] == [x for x in lines if x.startswith("threads")]
    assert {"kept ended", "new ended"} == {x for x in lines if x.endswith("ended")} - {
        "dropped ended"
    }
    assert ["done", "kept ended", "parent's ended"] == sorted(
        x for x in parent.splitlines() if x != "dropped ended"
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_forked_child_may_start_anew_only() -> None:
    """Starting a task in a child does not bring its parent's tasks back."""
    output = run(
        PROLOGUE
        + """
start("old")
child = os.fork()
if child == 0:
    background.renew()
    start("new")
    background.stop()
    os._exit(0)
os.waitpid(child, 0)
say("parent")
background.stop()
"""
    )

    assert ["new ended", "parent", "old ended"] == output.splitlines()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_child_that_was_not_renewed_leaves_its_parent_alone() -> None:
    """Stopping in such a child does not reach into the parent's loop."""
    output = run(
        PROLOGUE
        + """
start("old")
child = os.fork()
if child == 0:
    background.stop()
    say(f"child {background.running}")
    os._exit(0)
os.waitpid(child, 0)
say(f"parent {background.running}")
background.stop()
"""
    )

    assert ["child False", "parent True", "old ended"] == output.splitlines()


def test_end_of_the_interpreter_ends_tasks() -> None:
    """A program that forgets to close still lets its tasks clean up, and ends."""
    assert ["last line", "forgotten ended"] == (
        run(PROLOGUE + 'start("forgotten"); say("last line")').splitlines()
    )
