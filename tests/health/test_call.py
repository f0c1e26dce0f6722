"""Checks by a function of the application."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import anyio
import pytest

from meshlib import Endpoint
from meshlib.health._calling import Callee
from support.checks import Checks, checked

URL = "http://users:secret@127.0.0.1:8080"


async def call(function: Callable[..., Any], timeout: float = 20.0) -> str | None:
    """The result of one check."""
    return await checked("http://127.0.0.1:8080", timeout=timeout, call=function)


async def asynchronous(result: Any) -> Any:
    """An async function that gives *result*, or raises it."""
    await anyio.lowlevel.checkpoint()
    if isinstance(result, BaseException):
        raise result
    return result


def blocking(result: Any) -> Any:
    """A function that gives *result*, or raises it."""
    if isinstance(result, BaseException):
        raise result
    return result


@pytest.mark.parametrize("kind", [asynchronous, blocking], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (True, None),
        (None, None),
        ("fit", None),
        (False, "it returned False"),
        (0, "it returned 0"),
        ("", "it returned ''"),
        (ValueError("no disk"), "ValueError: no disk"),
        (ValueError("http://me:hunter2@db"), "ValueError: http://REDACTED:REDACTED@db"),
        (SystemExit(2), "it asked the process to exit: 2"),
    ],
)
async def test_a_function_passes_or_fails(kind: Any, result: Any, reason: str | None) -> None:
    """It fails when it raises, or returns something false other than None."""
    assert reason == await call(lambda _: kind(result))

    if kind is asynchronous:

        async def function(_: Endpoint) -> Any:
            return await kind(result)

        assert reason == await call(function)
        assert reason == await call(functools.partial(function))


async def test_gets_the_endpoint() -> None:
    """As it is at the moment."""
    seen: list[Endpoint] = []
    async with Checks("http://127.0.0.1:8080", call=seen.append) as checks:
        await checks()
        checks.entry.endpoint = Endpoint("http://127.0.0.1:8080", weight=3)
        await checks()
    assert [1.0, 3.0] == [endpoint.weight for endpoint in seen]


async def test_an_object_may_be_called() -> None:
    """Its `__call__` may be async."""
    threads = []

    class Fit:
        async def __call__(self, endpoint: Endpoint) -> bool:
            threads.append(threading.current_thread())
            return False

    assert "it returned False" == await call(Fit())
    assert [threading.current_thread()] == threads


async def test_a_blocking_function_runs_in_a_thread() -> None:
    """A daemon, with the context of the loop."""
    variable: ContextVar[str] = ContextVar("variable", default="")
    variable.set("here")
    seen = []

    def function(_: Endpoint) -> None:
        seen.append((threading.current_thread().daemon, variable.get()))

    assert await call(function) is None
    assert [(True, "here")] == seen


async def test_a_hung_function_is_left_to_itself() -> None:
    """The check ends in time; the function is not called again until it has ended."""
    go_on, calls = threading.Event(), []

    def hangs(_: Endpoint) -> None:
        calls.append(threading.current_thread())
        go_on.wait()

    async with Checks("http://127.0.0.1:8080", call=hangs, timeout=0.05) as checks:
        assert "no result after 0.05 s, while calling the function" == await checks()
        assert "the call before has not ended yet" == await checks()
        go_on.set()
        calls[0].join()
        assert await checks() is None
    assert 2 == len(calls)


async def test_a_hung_coroutine_is_cancelled() -> None:
    """And may clean up."""
    cleaned = []

    async def hangs(_: Endpoint) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cleaned.append(True)

    late = await call(hangs, timeout=0.05)
    assert "no result after 0.05 s, while calling the function" == late
    assert [True] == cleaned


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cancellation_from_inside_is_a_failure() -> None:
    """On asyncio a function may raise it by itself, or await a task that somebody cancelled."""

    async def cancelled(_: Endpoint) -> None:
        raise asyncio.CancelledError

    assert "it was cancelled from inside" == await call(cancelled)


async def test_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be possible the next time."""

    def fails(thread: Any) -> None:
        raise RuntimeError("can't start new thread")

    async with Checks("http://127.0.0.1:8080", call=lambda _: True) as checks:
        with monkeypatch.context() as patch:
            patch.setattr("threading.Thread.start", fails)
            assert "RuntimeError: can't start new thread" == await checks()
        assert await checks() is None


async def test_a_forked_child_may_call_again() -> None:
    """The thread that was busy is its parent's."""
    callee = Callee(lambda: True)
    callee._busy = True
    callee.renew()
    await callee.call()
