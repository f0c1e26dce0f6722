"""Whether this process is alive, ready and started."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from meshlib import ConfigurationError
from meshlib.health import ProcessHealth
from support import FakeClock


@pytest.fixture
def health(clock: FakeClock) -> ProcessHealth:
    """Without checks, on a clock that stands still."""
    return ProcessHealth(clock=clock, wall_clock=lambda: 1_700_000_000.25)


class Check:
    """A check that counts its calls, and fails while `error` is set."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.calls = 0
        self.error = error

    def __call__(self) -> None:
        """Count it, and raise what is to be raised."""
        self.calls += 1
        if self.error is not None:
            raise self.error


async def test_without_checks_all_is_well(health: ProcessHealth) -> None:
    """A process that answers is alive, and has nothing to wait for."""
    for probe in ("live", "ready", "startup"):
        report = await health.check(probe)
        assert (probe, "pass", True, 200) == (
            report.probe,
            report.status,
            report.ok,
            report.http_status,
        )
    assert health.started


@pytest.mark.parametrize(
    ("critical", "status", "code"), [(True, "fail", 503), (False, "warn", 200)]
)
async def test_a_failed_check_fails_or_degrades(
    health: ProcessHealth, critical: bool, status: str, code: int
) -> None:
    """Fails when it is critical; else the process is degraded, and ready."""
    health.add("good", Check())
    health.add("bad", Check(ValueError("no disk")), critical=critical)
    report = await health.check()
    assert ("ready", status, code, code == 200) == (
        report.probe,
        report.status,
        report.http_status,
        report.ok,
    )
    assert ["good", "bad"] == list(report.checks)
    bad = report.checks["bad"]
    assert ("bad", "fail", critical, "ValueError: no disk") == (
        bad.name,
        bad.status,
        bad.critical,
        bad.output,
    )
    assert "pass" == report.checks["good"].status


async def test_a_report_is_health_json(health: ProcessHealth) -> None:
    """The form of the IETF's draft, ready for JSON."""
    health.add("disk", Check(ValueError("full")))
    health.add("queue", Check())
    expected = {
        "status": "fail",
        "checks": {
            "disk": [
                {
                    "status": "fail",
                    "time": "2023-11-14T22:13:20.250+00:00",
                    "observedValue": 0.0,
                    "observedUnit": "s",
                    "critical": True,
                    "output": "ValueError: full",
                }
            ],
            "queue": [
                {
                    "status": "pass",
                    "time": "2023-11-14T22:13:20.250+00:00",
                    "observedValue": 0.0,
                    "observedUnit": "s",
                    "critical": True,
                }
            ],
        },
    }
    assert expected == json.loads(json.dumps((await health.check()).as_dict()))
    health.drain()
    assert {"status": "fail", "notes": ["draining"]} == (await health.check()).as_dict()


async def test_a_report_is_frozen(health: ProcessHealth) -> None:
    """Whoever gets it may pass it on."""
    health.add("disk", Check())
    report = await health.check()
    with pytest.raises(TypeError):
        report.checks["disk"] = None  # type: ignore[index] # what is forbidden
    with pytest.raises(AttributeError):
        report.status = "pass"  # type: ignore[misc] # too


async def test_errors_are_told_without_credentials(health: ProcessHealth) -> None:
    """As far as they can be told from other words."""
    health.add("database", Check(OSError("cannot reach postgres://me:hunter2@db/shop")))
    output = (await health.check()).checks["database"].output
    assert "OSError: cannot reach postgres://REDACTED:REDACTED@db/shop" == output


async def test_each_probe_has_its_checks(health: ProcessHealth) -> None:
    """A check may be for several probes."""
    alive, ready, both = Check(), Check(), Check()
    health.add("alive", alive, probes=["live"])
    health.add("ready", ready)
    health.add("both", both, probes=("ready", "live"), cache=0)
    assert {"alive", "both"} == set((await health.check("live")).checks)
    assert {"ready", "both"} == set((await health.check("ready")).checks)
    assert {} == (await health.check("startup")).checks
    assert (1, 1, 2) == (alive.calls, ready.calls, both.calls)


async def test_checks_are_added_by_decorator(health: ProcessHealth) -> None:
    """The function stays what it is; async ones are awaited."""

    @health.add("database", critical=False)
    async def database() -> bool:
        await anyio.lowlevel.checkpoint()
        return False

    assert await database() is False
    report = await health.check()
    assert ("warn", "it returned False") == (report.status, report.checks["database"].output)
    health.remove("database")
    health.remove("database")
    assert "pass" == (await health.check()).status


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (("disk", 3), {}, "health.disk: 3 cannot be called"),
        (
            ("disk", Check()),
            {"probes": ("redy",)},
            r"health.disk.probes: \('redy',\) are no probes",
        ),
        (("disk", Check()), {"probes": "ready"}, "'ready' are no probes"),
        (("disk", Check()), {"probes": ()}, "are no probes"),
        (("disk", Check()), {"timeout": 0}, "timeout must be above 0"),
        (("disk", Check()), {"cache": -1}, "cache not below"),
        (("taken", Check()), {}, "health.taken: there is a check of this name"),
    ],
)
def test_what_cannot_be_added(
    health: ProcessHealth, arguments: tuple[Any, ...], options: dict[str, Any], error: str
) -> None:
    """The error names the check."""
    health.add("taken", Check())
    with pytest.raises(ConfigurationError, match=error):
        health.add(*arguments, **options)


async def test_there_are_three_probes(health: ProcessHealth) -> None:
    """Another one is a mistake."""
    with pytest.raises(ConfigurationError, match="'readiness' is no probe"):
        await health.check("readiness")  # type: ignore[arg-type] # the mistake


# Remembering


async def test_a_result_is_remembered(health: ProcessHealth, clock: FakeClock) -> None:
    """For so many seconds, a failure too; a clock that is set back ends that."""
    check = Check(ValueError("no disk"))
    health.add("disk", check, cache=5.0)
    await health.check()
    clock.advance(4.9)
    check.error = None
    assert "fail" == (await health.check()).status
    clock.advance(0.1)
    assert "pass" == (await health.check()).status
    assert 2 == check.calls
    clock.advance(-100.0)
    await health.check()
    assert 3 == check.calls


async def test_probes_at_once_make_a_check_once(clock: FakeClock) -> None:
    """The others get the same result, even if nothing is remembered."""
    health = ProcessHealth(clock=clock)
    begun, go_on, calls = anyio.Event(), anyio.Event(), []

    async def check() -> None:
        calls.append(1)
        begun.set()
        await go_on.wait()

    health.add("slow", check, cache=0, timeout=20)
    reports = []

    async def probe() -> None:
        reports.append(await health.check())

    async with anyio.create_task_group() as group:
        group.start_soon(probe)
        await begun.wait()
        for _ in range(5):
            group.start_soon(probe)
        (named,) = health._checks.values()
        while named._flight is None or len(named._flight.bells) < 5:
            await anyio.lowlevel.checkpoint()
        go_on.set()
    assert (6, 1) == (len(reports), len(calls))
    assert 1 == len({id(report.checks["slow"]) for report in reports})


async def test_one_who_gives_up_leaves_the_check_to_another(clock: FakeClock) -> None:
    """A probe whose connection is cut may have been the one that made the check."""
    health = ProcessHealth(clock=clock)
    begun, calls = [anyio.Event(), anyio.Event()], []

    async def check() -> None:
        calls.append(1)
        begun[len(calls) - 1].set()
        if len(calls) == 1:
            await anyio.sleep_forever()

    health.add("slow", check, timeout=20)
    reports = []

    async def probe() -> None:
        reports.append(await health.check())

    first = anyio.CancelScope()

    async def leading() -> None:
        with first:
            await health.check()

    async with anyio.create_task_group() as group:
        group.start_soon(leading)
        await begun[0].wait()
        group.start_soon(probe)
        (named,) = health._checks.values()
        while named._flight is None or not named._flight.bells:
            await anyio.lowlevel.checkpoint()
        first.cancel()
    assert (["pass"], 2) == ([report.status for report in reports], len(calls))


async def test_nobody_waits_for_a_loop_that_is_blocked(clock: FakeClock) -> None:
    """Who waits for another's check gives up after its timeout, too."""
    health = ProcessHealth(clock=clock)
    health.add("slow", Check(), timeout=0.05)
    (named,) = health._checks.values()
    from meshlib.health._named import _Flight

    named._flight = _Flight()
    report = await health.check()
    assert "another probe still waits for this check" == report.checks["slow"].output
    assert "fail" == report.status


async def test_a_hung_check_does_not_hang_the_probe() -> None:
    """Whether it is async or blocks a thread; the others are made beside it."""
    health = ProcessHealth()
    go_on, threads = threading.Event(), []

    @health.add("async", timeout=0.05, cache=0)
    async def hangs() -> None:
        await anyio.sleep_forever()

    @health.add("blocking", timeout=0.05, cache=0, critical=False)
    def blocks() -> None:
        threads.append(threading.current_thread())
        go_on.wait()

    good = health.add("good", Check())
    outputs = [
        {name: check.output for name, check in (await health.check()).checks.items()}
        for _ in range(2)
    ]
    late = "no result after 0.05 s"
    assert [
        {"async": late, "blocking": late, "good": ""},
        {"async": late, "blocking": "the call before has not ended yet", "good": ""},
    ] == outputs
    assert 1 == good.calls
    assert [True] == [thread.daemon for thread in threads]
    go_on.set()
    threads[0].join()


# Startup


async def test_readiness_waits_for_the_startup_checks(
    health: ProcessHealth, clock: FakeClock
) -> None:
    """Once they have passed they are never made again, whatever becomes of them."""
    caches, ready = Check(ValueError("cold")), Check()
    health.add("caches", caches, probes=("startup",), cache=0)
    health.add("ready", ready)
    report = await health.check("ready")
    assert ("fail", ("starting",), ["caches"]) == (
        report.status,
        report.notes,
        list(report.checks),
    )
    assert (False, 0) == (health.started, ready.calls)
    assert "fail" == (await health.check("startup")).status
    assert "pass" == (await health.check("live")).status
    caches.error = None
    report = await health.check("ready")
    assert ("pass", (), ["ready"]) == (report.status, report.notes, list(report.checks))
    assert health.started
    caches.error = ValueError("cold again")
    assert ("pass", {}) == (
        (await health.check("startup")).status,
        (await health.check("startup")).checks,
    )
    assert "pass" == (await health.check("ready")).status
    assert 3 == caches.calls


async def test_the_startup_probe_tells_what_passed(health: ProcessHealth) -> None:
    """One that is not critical does not hold the start up."""
    health.add("caches", Check(), probes=("startup",))
    health.add("warm", Check(ValueError("cold")), probes=("startup",), critical=False)
    report = await health.check("startup")
    assert ("warn", ["caches", "warm"], ()) == (
        report.status,
        list(report.checks),
        report.notes,
    )
    assert health.started


# Draining


async def test_draining_ends_readiness_alone(health: ProcessHealth) -> None:
    """At once, without making a check, until it is resumed; liveness is not touched."""
    check = health.add("disk", Check())
    health.drain()
    report = await health.check()
    assert ("fail", ("draining",), True, 0) == (
        report.status,
        report.notes,
        health.draining,
        check.calls,
    )
    assert "pass" == (await health.check("live")).status
    assert "pass" == (await health.check("startup")).status
    health.resume()
    assert ("pass", False) == ((await health.check()).status, health.draining)


async def test_draining_wins_over_a_probe_under_way(health: ProcessHealth) -> None:
    """What was asked before, and is answered after, is not ready."""
    health.add("drains", health.drain)
    report = await health.check()
    assert ("fail", ("draining",)) == (report.status, report.notes)


# Threads


def test_a_plain_thread_may_ask(health: ProcessHealth) -> None:
    """Async checks get an event loop for the moment."""

    @health.add("async", cache=0)
    async def check() -> bool:
        await anyio.lowlevel.checkpoint()
        return False

    assert "fail" == health.check_now().status
    assert "pass" == health.check_now("live").status


async def test_an_event_loop_is_not_blocked(health: ProcessHealth, anyio_backend: str) -> None:
    """There the answer is to be awaited."""
    with pytest.raises(RuntimeError, match=f"{anyio_backend} runs in this thread; await check()"):
        health.check_now()


def test_threads_and_loops_at_once(clock: FakeClock) -> None:
    """Plain threads, asyncio and trio share one call of a check."""
    health = ProcessHealth(clock=clock)
    go_on, begun, calls, statuses = threading.Event(), threading.Event(), [], []

    @health.add("slow", timeout=20, cache=0)
    def slow() -> None:
        calls.append(1)
        begun.set()
        go_on.wait()

    def probe(run: Callable[[], Any]) -> threading.Thread:
        thread = threading.Thread(target=lambda: statuses.append(run().status))
        thread.start()
        return thread

    ways: list[Callable[[], Any]] = [
        health.check_now,
        lambda: anyio.run(health.check, backend="asyncio"),
        lambda: anyio.run(health.check, backend="trio"),
        health.check_now,
    ]
    threads = [probe(ways[0])]
    begun.wait()
    threads += map(probe, ways[1:])
    (named,) = health._checks.values()
    never = threading.Event()
    while named._flight is None or len(named._flight.bells) < 3:
        never.wait(0.001)
    go_on.set()
    for thread in threads:
        thread.join()
    assert (["pass"] * 4, 1) == (statuses, len(calls))


async def test_a_fork_amid_a_check(health: ProcessHealth) -> None:
    """What the check finds is not taken for the end of one that began afterwards."""
    (named,) = [health.add("forks", health.renew)] and health._checks.values()
    assert "pass" == (await health.check()).status
    assert named._flight is None


async def test_a_forked_child_makes_its_own_checks(health: ProcessHealth) -> None:
    """Who made them in its parent, and what locks were held, is gone."""
    from meshlib.health._named import _Flight

    check = health.add("disk", Check())
    (named,) = health._checks.values()
    named._flight = _Flight()
    named._lock.acquire()
    health._lock.acquire()
    health.renew()
    assert "pass" == (await health.check()).status
    health.add("more", Check())
    assert 1 == check.calls
