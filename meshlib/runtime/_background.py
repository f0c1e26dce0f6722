"""
One thread with an event loop, for everything that goes on beside the calls.

Discovery, health checks and the watch of a configuration are written once, asynchronously,
and run here: so synchronous clients, asynchronous ones of any loop, and trio share them,
and an application that blocks its loop does not stop them.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import logging
import math
import os
import threading
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

_LOGGER = logging.getLogger("meshlib")
_AT_EXIT = 2.0
"""Seconds that the end of the interpreter waits for tasks to clean up."""

_ALL: weakref.WeakSet[Background] = weakref.WeakSet()
_ABANDONED: list[object] = []
"""
Loops of a forked child's parent, kept for ever.

Collecting one could close it, and with that take its descriptors out of the epoll
instance that the parent goes on using.
"""


class BackgroundTask:
    """A task of a `Background`; cancelling it is thread-safe and idempotent."""

    __slots__ = ("_background", "_loop", "_scope", "args", "cancelled", "function")

    def __init__(
        self, background: Background, function: Callable[..., Awaitable[object]], args: Any
    ) -> None:
        self._background = background
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scope: anyio.CancelScope | None = None
        self.function = function
        self.args = args
        self.cancelled = False

    def cancel(self) -> None:
        """Have the task cancelled soon; does not wait for it."""
        self.cancelled = True
        self._background._forget(self)
        loop, scope = self._loop, self._scope
        if loop is not None and scope is not None:
            _call(loop, scope.cancel)

    async def run(self) -> None:
        """Run the function once. What it raises is logged."""
        try:
            with anyio.CancelScope() as scope:
                # Before looking at `cancelled`: `cancel` does it the other way round.
                self._scope, self._loop = scope, asyncio.get_running_loop()
                if not self.cancelled:
                    await self.function(*self.args)
        except BaseException:
            if anyio.current_effective_deadline() == -math.inf:
                raise  # everything is being stopped
            # SystemExit, too: a task has no business to end the loop of all others.
            _LOGGER.exception("a background task failed: %r", self.function)
        finally:
            self._scope = self._loop = None
            self._background._forget(self)


class Background:
    """
    A daemon thread, named `meshlib-<name>`, whose event loop runs tasks.

    It starts with the first task and ends with `stop`. Thread-safe, from its own thread
    too, and nothing but `stop` waits for it. Tasks see none of the context variables of
    the code that started them.

    A forked child has no such thread: `renew` must be called in it before anything else.
    """

    def __init__(self, name: str = "mesh") -> None:
        self._name = f"meshlib-{name}"
        self._lock = threading.RLock()  # a signal handler may close the mesh meanwhile
        self._tasks: dict[BackgroundTask, None] = {}
        self._loop: _LoopThread | None = None
        _ALL.add(self)

    def start_soon(self, function: Callable[..., Awaitable[object]], *args: Any) -> BackgroundTask:
        """
        Run `function(*args)` on the loop and return at once.

        What it raises is logged; it is not started again. After a fork this starts no
        other task than its own.
        """
        task = BackgroundTask(self, function, args)
        with self._lock:
            self._tasks[task] = None
            if self._loop is None or not self._loop.submit((task,)):
                self._loop = _LoopThread(self._name, (task,))
        return task

    def ensure_running(self) -> None:
        """Start again the tasks that a fork interrupted, if there are any."""
        with self._lock:
            if self._tasks and (self._loop is None or not self._loop.alive):
                self._loop = _LoopThread(self._name, tuple(self._tasks))

    @property
    def running(self) -> bool:
        """Whether there is a thread now."""
        loop = self._loop
        return loop is not None and loop.alive

    def stop(self, timeout: float = 5.0) -> None:
        """
        Cancel every task and wait for the thread to end, at most *timeout* seconds.

        Idempotent. A task that is started later starts the thread again. Called from a
        task, it does not wait.
        """
        with self._lock:
            loop, self._loop = self._loop, None
            tasks, self._tasks = self._tasks, {}
        for task in tasks:
            task.cancelled = True
        if loop is not None:
            loop.stop(timeout)

    def renew(self) -> None:
        """A forked child has none of its parent's threads; its tasks wait to be run again."""
        self._lock = threading.RLock()
        if self._loop is not None:
            _ABANDONED.append(self._loop)
            self._loop = None
        for task in self._tasks:
            _ABANDONED.append(task._scope)
            task._scope = task._loop = None

    def _forget(self, task: BackgroundTask) -> None:
        with self._lock:
            self._tasks.pop(task, None)


class _LoopThread:
    """One life of the thread, from its first task until it is stopped."""

    def __init__(self, name: str, tasks: tuple[BackgroundTask, ...]) -> None:
        self._lock = threading.RLock()
        self._pending = deque(tasks)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._stopping = False
        self._pid = os.getpid()
        # An empty context of its own: some builds of Python let a thread inherit one.
        self._thread = threading.Thread(
            target=contextvars.Context().run, args=(self._run,), name=name, daemon=True
        )
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it can still take tasks."""
        return self._pid == os.getpid() and self._thread.is_alive() and not self._stopping

    def submit(self, tasks: tuple[BackgroundTask, ...]) -> bool:
        """Have *tasks* run; False when it is too late for that."""
        with self._lock:
            if not self.alive:
                return False
            self._pending.extend(tasks)
            self._notify()
        return True

    def stop(self, timeout: float) -> None:
        """Cancel everything and wait for the end."""
        if self._pid != os.getpid():
            return  # a forked child, which was not renewed
        with self._lock:
            self._stopping = True
            self._notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _notify(self) -> None:
        # Caller must hold the lock. Before there is a loop, it will look by itself.
        if self._loop is not None and self._wake is not None:
            _call(self._loop, self._wake.set)

    def _run(self) -> None:
        try:
            anyio.run(self._main, backend="asyncio")
        except BaseException:
            _LOGGER.exception("the background thread of meshlib ended")
        finally:
            with self._lock:
                self._stopping = True

    async def _main(self) -> None:
        wake = asyncio.Event()
        with self._lock:
            self._loop, self._wake = asyncio.get_running_loop(), wake
        async with anyio.create_task_group() as group:
            while True:
                wake.clear()
                with self._lock:
                    stopping = self._stopping
                    tasks, self._pending = self._pending, deque()
                if stopping:
                    group.cancel_scope.cancel()
                    return
                for task in tasks:
                    group.start_soon(task.run)
                await wake.wait()


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    try:
        # An empty context: by default the caller's would go along.
        loop.call_soon_threadsafe(function, context=contextvars.Context())
    except RuntimeError:
        pass  # the loop is closed, and nothing is left to be told


def _stop_all() -> None:
    for background in list(_ALL):
        background.stop(_AT_EXIT)


atexit.register(_stop_all)
