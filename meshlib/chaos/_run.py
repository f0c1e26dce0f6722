"""
Runs a scenario in this process, while calls are made by threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..config import DocumentStore
from ._course import Phase
from ._observer import is_good
from ._pace import Pace
from ._report import ChaosReport
from ._running import Running
from ._waiting import Sleep, sleep_of
from ._workers import LOOK, call, working


def run(
    mesh: Any,
    scenario: Any,
    *,
    load: Callable[[], Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    rate: float = 20.0,
    concurrency: int = 4,
    before: Any = None,
    recovery: Any = None,
    seed: int | None = None,
    good: Callable[[Any], bool] = is_good,
    document: DocumentStore | None = None,
    trust: bool = False,
    sleep: Sleep | None = None,
) -> ChaosReport:
    """
    Run *scenario* on *mesh*, a `Mesh` or a client, and say what it has shown. Blocks.

    *scenario* is what `load_scenario` takes, *parameters* what it lets a run choose.
    *load* makes one call, and is called *rate* times a second by *concurrency* threads; 1 is
    this one. Calls that were due more than a second ago, with every thread held up, count as
    not good, so let there be at least as many threads as calls may be under way at once.
    What *load* returns is *good* or not; what it raises is not. Without it the calls count that the
    application makes meanwhile. *before* and *recovery*, durations, come before what the
    scenario says. A *seed* makes what is injected repeatable.

    With a *document* the faults are put into it, so that every process that follows it
    injects them, and *mesh* is what the load goes through. Whether they fired is then
    known only if *mesh* follows it, too; with *trust* that they did is taken for granted.

    Whatever happens, the faults are taken out before this returns or raises.
    Raises ConfigurationError for a wrong scenario or parameter, and StoreError.
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
    if document is not None:
        running.put_into(document, trust=trust)
    sleep = sleep or sleep_of(running.clock)
    with running:
        if running.refused:
            pass  # and nothing is begun
        elif load is None:
            while running.advance() is not Phase.OVER:
                sleep(running.wait())
        elif concurrency == 1:
            _alone(running, load, rate, sleep)
        else:
            _together(running, load, rate, concurrency, sleep)
    return running.report()


def _alone(running: Running, load: Callable[[], Any], rate: float, sleep: Sleep) -> None:
    """Call *load* in this thread."""
    pace = Pace(rate, running.clock())
    while running.advance() is not Phase.OVER:
        due = pace.claim(running.clock())
        if due > 0.0:
            sleep(min(due, running.wait()))
        else:
            call(load, running, pace)


def _together(
    running: Running,
    load: Callable[[], Any],
    rate: float,
    concurrency: int,
    sleep: Sleep,
) -> None:
    """Call *load* in threads; this one leads the run."""
    with working(
        load, running, rate=rate, concurrency=concurrency, clock=running.clock, sleep=sleep
    ) as check:
        while running.advance() is not Phase.OVER:
            check()
            sleep(min(running.wait(), LOOK))
