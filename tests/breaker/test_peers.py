"""Defects that other Python breakers have, each reproduced there and absent here."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from meshlib._models import Verdict
from meshlib.breaker import Breaker, BreakerOptions, BreakerState, TimeWindow

S, F, N = Verdict.SUCCESS, Verdict.FAILURE, Verdict.NEUTRAL
ONE = BreakerOptions(consecutive_failures=1)


def opened(options: BreakerOptions = ONE) -> Breaker:
    """Return a breaker that opened at 0 s, for 5 s."""
    breaker = Breaker(options)
    breaker.record(breaker.epoch, F, 0.0, 0.0, 503)
    assert breaker.state is BreakerState.OPEN
    return breaker


def race(breaker: Breaker, threads: int = 50) -> int:
    """Ask from *threads* threads at once; return how many were admitted."""
    barrier = threading.Barrier(threads)

    def ask() -> int | None:
        barrier.wait()
        return breaker.try_acquire(5.0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(threads) as pool:
            epochs = [future.result() for future in [pool.submit(ask) for _ in range(threads)]]
    finally:
        sys.setswitchinterval(interval)
    return sum(epoch is not None for epoch in epochs)


@pytest.mark.parametrize("probes", [1, 3])
def test_half_open_flood_of_threads(probes: int) -> None:
    """circuitbreaker, aiobreaker, purgatory, hyx and pyresilience admit 50 of 50."""
    breaker = opened(BreakerOptions(consecutive_failures=1, probes=probes))
    assert probes == race(breaker)


def test_half_open_flood_of_tasks() -> None:
    """The same flood from 50 tasks of one loop."""

    async def ask() -> int | None:
        await asyncio.sleep(0)
        return breaker.try_acquire(5.0)

    async def main() -> list[int | None]:
        return await asyncio.gather(*(ask() for _ in range(50)))

    breaker = opened()
    assert 1 == sum(epoch is not None for epoch in asyncio.run(main()))


def test_half_open_flood_with_a_listener() -> None:
    """aioresilience admits all once a listener is attached: check and count are apart."""
    seen: list[BreakerState] = []
    breaker = Breaker(ONE, on_change=lambda _old, new, _cause: seen.append(new))
    breaker.record(breaker.epoch, F, 0.0)
    assert 1 == race(breaker)
    assert [BreakerState.OPEN, BreakerState.HALF_OPEN] == seen


def test_cancellation_is_no_success() -> None:
    """In circuitbreaker and hyx a cancelled call resets the count, so it never opens."""
    breaker = Breaker(BreakerOptions(consecutive_failures=3))
    for verdict in (F, N, F, N, F):
        breaker.record(breaker.epoch, verdict, 0.0)
        breaker.cancel(breaker.epoch, 0.0)
    assert breaker.state is BreakerState.OPEN


def test_cancellation_does_not_close() -> None:
    """Polly closes a half-open circuit on an outcome that it does not handle."""
    breaker = opened()
    epoch = breaker.try_acquire(5.0)
    assert epoch is not None
    breaker.record(epoch, N, 5.0)
    assert breaker.state is BreakerState.HALF_OPEN


def test_cancellation_is_no_failure() -> None:
    """purgatory opens after five calls that their callers gave up."""
    breaker = Breaker()
    for _ in range(100):
        breaker.record(breaker.epoch, N, 0.0)
        breaker.cancel(breaker.epoch, 0.0)
    assert (BreakerState.CLOSED, 0) == (breaker.state, breaker.snapshot(0.0).total)


@pytest.mark.parametrize("verdict", [S, F])
def test_stale_outcome_does_not_decide_half_open(verdict: Verdict) -> None:
    """
    A call admitted before the trip decides the half-open state of six libraries.

    circuitbreaker, purgatory, hyx, aioresilience, pyresilience, clientwright; grelmicro
    closes, aiobreaker reopens.
    """
    breaker = Breaker(ONE)
    stale = breaker.epoch
    breaker.record(stale, F, 0.0)
    breaker.try_acquire(5.0)
    breaker.record(stale, verdict, 5.0)
    assert breaker.state is BreakerState.HALF_OPEN


def test_stale_outcome_frees_no_place() -> None:
    """clientwright frees a place that the call never took, and then drops the good probe."""
    breaker = Breaker(ONE)
    stale = breaker.epoch
    breaker.record(stale, F, 0.0)
    good = breaker.try_acquire(5.0)
    assert good is not None
    breaker.record(stale, S, 5.0)
    breaker.record(stale, N, 5.0)
    breaker.cancel(stale, 5.0)
    assert breaker.try_acquire(5.0) is None
    breaker.record(good, S, 5.0)
    assert breaker.state is BreakerState.CLOSED


def test_probe_of_an_earlier_era_does_not_drive_the_count_negative() -> None:
    """nopanic counts -1 probes in flight, and then admits two."""
    breaker = opened(BreakerOptions(consecutive_failures=1, probes=2))
    first, second = breaker.try_acquire(5.0), breaker.try_acquire(5.0)
    assert first is not None
    assert second is not None
    breaker.record(first, F, 5.0)
    assert breaker.try_acquire(15.0) is not None
    breaker.record(second, S, 15.0)
    assert 1 == breaker.snapshot(15.0).probes
    assert breaker.try_acquire(15.0) is not None
    assert breaker.try_acquire(15.0) is None


def test_one_failing_probe_reopens() -> None:
    """grelmicro sends `error_threshold` calls to the dead service before it opens again."""
    breaker = Breaker(BreakerOptions(consecutive_failures=5))
    for _ in range(5):
        breaker.record(breaker.epoch, F, 0.0)
    epoch = breaker.try_acquire(5.0)
    assert epoch is not None
    breaker.record(epoch, F, 5.0)
    assert breaker.try_acquire(5.0) is None
    assert breaker.state is BreakerState.OPEN


def test_no_lock_is_held_while_user_code_runs() -> None:
    """pybreaker holds its lock around the call, so ten threads run one after another."""
    answers: list[bool] = []

    def listen(*_change: object) -> None:
        other = threading.Thread(target=lambda: answers.append(breaker.is_available(0.0)))
        other.start()
        other.join(timeout=10.0)

    breaker = Breaker(ONE, on_change=listen, on_available=listen)
    breaker.record(breaker.epoch, F, 0.0)
    assert [False] == answers
    epoch = breaker.try_acquire(5.0)
    assert epoch is not None
    breaker.cancel(epoch, 5.0)
    breaker.isolate()
    breaker.reset(5.0)
    assert [False, False, True, False, True] == answers


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_no_wall_clock_is_read(step: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Six libraries stay open when the wall clock steps back, and open early when forward.

    pybreaker, aiobreaker, purgatory, hyx, aioresilience and fluxgate.
    """
    breaker = opened()
    monkeypatch.setattr("time.time", lambda: step)
    assert breaker.try_acquire(4.9) is None
    assert breaker.try_acquire(5.0) is not None


def test_rejected_results_reach_the_breaker() -> None:
    """pyresilience stays closed after twenty responses with status 503."""
    breaker = Breaker()
    for _ in range(20):
        breaker.record(breaker.epoch, F, 0.0, 0.01, 503)
    assert (BreakerState.OPEN, 503) == (breaker.state, breaker.cause)


def test_window_does_not_grow() -> None:
    """pyresilience keeps every outcome and sums them up at each one: 34 µs at a thousand."""
    window = TimeWindow(10.0)
    sizes = set()
    for number in range(1000):
        window.add(number / 200, True, False)
        sizes.add((len(window._totals), len(window._failures), len(window._slow)))
    assert {(10, 10, 0)} == sizes  # nothing slow came in
    assert 1000 == window.total


@pytest.mark.parametrize("sampling_count", [None, 4])
def test_outage_is_not_forgettable(sampling_count: int | None) -> None:
    """nopanic evicts an open breaker from its cache, and with it the outage."""
    breaker = Breaker(
        BreakerOptions(
            consecutive_failures=2, sampling_count=sampling_count, slow_call_duration=1.0
        )
    )
    assert breaker.forgettable(0.0)
    breaker.record(breaker.epoch, S, 0.0, 2.0)
    assert not breaker.forgettable(0.0)
    breaker.reset(0.0)
    breaker.record(breaker.epoch, F, 0.0)
    assert not breaker.forgettable(0.0)
    breaker.record(breaker.epoch, F, 0.0)
    assert not breaker.forgettable(1e6)
    epoch = breaker.try_acquire(5.0)
    assert epoch is not None
    assert not breaker.forgettable(1e6)
    breaker.record(epoch, S, 5.0)
    assert not breaker.forgettable(5.0)
    for _ in range(5):
        breaker.record(breaker.epoch, S, 15.0)
    assert breaker.forgettable(15.0)
    breaker.isolate()
    assert not breaker.forgettable(1e6)


def test_failure_is_forgettable_when_it_has_aged() -> None:
    """Only a row of failures outlasts the window."""
    breaker = Breaker()
    breaker.record(breaker.epoch, F, 0.0)
    breaker.record(breaker.epoch, S, 0.0)
    assert not breaker.forgettable(9.0)
    assert breaker.forgettable(10.0)
    breaker.record(breaker.epoch, F, 20.0)
    assert not breaker.forgettable(1e6)
