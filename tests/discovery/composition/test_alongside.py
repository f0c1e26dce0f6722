"""Tasks beside a generator."""

from __future__ import annotations

import asyncio
import logging

import anyio
import pytest

from meshlib.discovery.composition._alongside import Alongside, News
from support.steered import Time, settle


async def test_it_runs_until_it_is_closed() -> None:
    """Closing cancels it, and waits for its end."""
    said: list[str] = []

    async def work() -> None:
        said.append("begun")
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            said.append("ended")

    beside = Alongside(work)
    beside.start()
    await settle()
    assert ["begun"] == said
    await beside.aclose()
    assert ["begun", "ended"] == said
    await beside.aclose()


async def test_closing_what_never_started_returns_at_once() -> None:
    """There is nothing to wait for."""
    await Alongside(anyio.sleep_forever).aclose()


async def test_closing_at_once_is_safe() -> None:
    """Even before its first step."""
    beside = Alongside(anyio.sleep_forever)
    beside.start()
    with anyio.fail_after(5):
        await beside.aclose()


async def test_what_it_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody else would hear of it, and on trio it would end the program."""

    async def work() -> None:
        raise ValueError("wrong")

    with caplog.at_level(logging.ERROR, "meshlib"):
        beside = Alongside(work)
        beside.start()
        await beside.aclose()
    assert ["a task beside a source failed"] == [one.getMessage() for one in caplog.records]


async def test_closing_under_cancellation_still_waits() -> None:
    """As in the `finally` of a generator that is cancelled."""
    ended: list[bool] = []

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    beside = Alongside(work)
    beside.start()
    await settle()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await beside.aclose()
    assert [True] == ended


def test_end_of_the_loop_ends_it() -> None:
    """A loop that cancels all tasks at its end does not hang on one that never began."""

    async def main() -> None:
        async def generator() -> None:
            beside = Alongside(anyio.sleep_forever)
            beside.start()
            try:
                await anyio.sleep_forever()
            finally:
                await beside.aclose()

        task = asyncio.get_running_loop().create_task(generator())
        await asyncio.sleep(0)
        for other in asyncio.all_tasks() - {asyncio.current_task()}:
            other.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.cancelled()

    asyncio.run(main())


async def test_news_are_heard_once() -> None:
    """Also those that came before anybody listened."""
    time = Time()
    news = News(time.timing)
    news.tell()
    news.tell()
    assert await news.wait()
    async with anyio.create_task_group() as group:

        async def later() -> None:
            assert not await news.wait(2.0)

        group.start_soon(later)
        await time.advance(2.0)
    news.tell()
    assert await news.wait(5.0)
