"""
Runs a scenario in this process, while calls are made by tasks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio

from ._course import Phase
from ._observer import is_good
from ._pace import Pace
from ._report import ChaosReport
from ._running import Running
from ._waiting import AsyncSleep, asleep_of
from ._workers import LOOK


async def run_async(
    mesh: Any,
    scenario: Any,
    *,
    load: Callable[[], Awaitable[Any]] | None = None,
    parameters: Mapping[str, Any] | None = None,
    rate: float = 20.0,
    concurrency: int = 4,
    before: Any = None,
    recovery: Any = None,
    seed: int | None = None,
    good: Callable[[Any], bool] = is_good,
    sleep: AsyncSleep | None = None,
) -> ChaosReport:
    """
    Run *scenario* on *mesh*, as `run` does, on the event loop of the caller.

    *load* is called by *concurrency* tasks, which are cancelled when the run is over. So is
    the run when its own task is, and the faults are taken out before this returns.
    """
    running = Running(
        mesh,
        scenario,
        parameters=parameters,
        overrides={"before": before, "recovery": recovery},
        seed=seed,
        good=good,
        measured=load is None,
    )
    sleep = sleep or asleep_of(running.clock)
    with running:
        if not running.refused:
            async with anyio.create_task_group() as tasks:
                pace = Pace(rate, running.clock())
                if load is not None:
                    for _ in range(concurrency):
                        tasks.start_soon(_work, running, load, pace, sleep)
                while running.advance() is not Phase.OVER:
                    await sleep(min(running.wait(), LOOK))
                tasks.cancel_scope.cancel()
    return running.report()


async def _work(
    running: Running,
    load: Callable[[], Awaitable[Any]],
    pace: Pace,
    sleep: AsyncSleep,
) -> None:
    while True:
        due = pace.claim(running.clock())
        if due > 0.0:
            await sleep(due)
        else:
            running.missed(pace.missed())
            await _call(running, load)


async def _call(running: Running, load: Callable[[], Awaitable[Any]]) -> None:
    sample = running.began()
    try:
        outcome = await load()
    except Exception as exc:
        running.ended(sample, error=exc)
    else:
        running.ended(sample, outcome)
