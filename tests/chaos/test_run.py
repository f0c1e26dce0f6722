"""Scenarios that are run: what they show of a mesh, and that they leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import httpx
import pytest

from meshlib import AsyncMeshClient, Mesh
from meshlib.chaos import ChaosReport, Verdict, run, run_async, scenario_names
from meshlib.testing import VirtualTime

ONE = "10.0.0.1:443"
FIRST = {"endpoint": ONE}
ABSORBED: dict[str, dict[str, Any]] = {
    "brownout": {},
    "certificate-expiry": FIRST,
    "cold-start": FIRST,
    "database-overload": {"median": "20ms", "errors": 10},
    "dns-flap": {"percentage": 10},
    "gray-failure": FIRST,
    "lost-response": {},
    "network-partition": FIRST,
    "rate-limited": {"requests": 45},
    "retry-storm": {"percentage": 30},
    "slow-body": {},
}
"""Parameters with which a mesh with its defaults absorbs each scenario."""
RATES = {"brownout": 4, "database-overload": 8, "gray-failure": 8, "slow-body": 8}
"""Calls a second that one thread can make where each takes its time."""
LOST: dict[str, dict[str, Any]] = {
    "brownout": {"errors": 100},
    "certificate-expiry": {},
    "cold-start": {"percentage": 100},
    "database-overload": {"errors": 100},
    "dns-flap": {"percentage": 100},
    "gray-failure": {},
    "lost-response": {"percentage": 100},
    "network-partition": {},
    "rate-limited": {"requests": 1},
    "slow-body": {"percentage": 100, "bandwidth": 1},
}
"""Parameters with which nothing can be absorbed."""


def tried(shop: Any, scenario: Any, parameters: Any = None, **options: Any) -> ChaosReport:
    """Run *scenario* on *shop*, at once."""
    return run(
        shop.client,
        scenario,
        load=options.pop("load", shop.call),
        parameters=parameters,
        rate=options.pop("rate", 50),
        concurrency=1,
        seed=1,
        sleep=shop.time.sleep,
        **options,
    )


def test_every_scenario_is_tried() -> None:
    """None is left out below."""
    assert set(scenario_names()) == set(ABSORBED)
    assert set(scenario_names()) == set(LOST) | {"retry-storm"}


@pytest.mark.parametrize("name", sorted(ABSORBED))
def test_passes_when_absorbed(name: str, shop: Callable[..., Any]) -> None:
    """A mesh with its defaults absorbs a moderate trouble, and the report says that it fired."""
    one = shop(attempt_timeout=1)
    report = tried(one, name, ABSORBED[name], rate=RATES.get(name, 50))
    assert (Verdict.PASS, ()) == (report.verdict, report.reasons), str(report)
    assert report.injected
    assert sum(report.injected.values()) > 0
    assert report.before is not None
    assert report.after is not None
    assert report.recovery_time is not None
    assert () == one.mesh.faults.rules


@pytest.mark.parametrize("name", sorted(LOST))
def test_fails_when_nothing_can_absorb_it(name: str, shop: Callable[..., Any]) -> None:
    """Where every attempt is hit, the run fails and says what was not good enough."""
    one = shop(timeout=10)
    report = tried(one, name, LOST[name])
    assert Verdict.FAIL is report.verdict, str(report)
    assert any(reason.startswith("during the method: ") for reason in report.reasons)
    assert () == one.mesh.faults.rules


def test_a_retry_storm_fails_without_a_budget(shop: Callable[..., Any]) -> None:
    """Attempts for each call are counted: a generous budget is a storm, unless guarded."""
    never = {"consecutive_failures": 10**6, "minimum_throughput": 10**6}
    budget = {"ratio": 1, "min_per_second": 1000}
    quick = {"initial": "1ms", "max": "1ms"}
    retry = {"max_attempts": 5, "budget": budget, "backoff": quick, "guard": False}
    wild = shop(breaker=never, retry=retry)
    report = tried(wild, "retry-storm")
    assert Verdict.FAIL is report.verdict, str(report)
    assert "attempts for each call, not 2" in report.reasons[0]
    guarded = shop(breaker=never, retry={**retry, "guard": True})
    assert Verdict.PASS is tried(guarded, "retry-storm").verdict


def test_what_absorbed_it_is_told(shop: Callable[..., Any]) -> None:
    """Injections are counted by what kept them from the caller."""
    report = tried(shop(), "certificate-expiry", FIRST)
    assert {"expired": report.absorbed["retry"]} == report.injected
    assert report.answers["retries"] == report.absorbed["retry"]


def test_inconclusive_when_no_fault_fired(shop: Callable[..., Any]) -> None:
    """A scenario for another service shows nothing, however good the calls were."""
    report = tried(shop(), "brownout", {"service": "other"})
    assert Verdict.INCONCLUSIVE is report.verdict
    assert ("no fault fired",) == report.reasons
    assert {"slow": 0, "failing": 0} == report.injected


def test_inconclusive_when_nothing_was_steady(shop: Callable[..., Any]) -> None:
    """Nothing is injected into what fails already."""
    one = shop()
    one.status = 500
    report = tried(one, "brownout")
    assert Verdict.INCONCLUSIVE is report.verdict
    assert "before the method: 0.0% of the calls were good, not 99.0%" == report.reasons[0]
    assert (None, None) == (report.during, report.after)
    assert {"slow": 0, "failing": 0} == report.injected


def test_inconclusive_with_too_few_calls(shop: Callable[..., Any]) -> None:
    """A handful of calls is no sample."""
    report = tried(shop(), "brownout", rate=1)
    assert ("before the method: 5 calls are too few; 20 are needed",) == report.reasons


@pytest.mark.parametrize("stopper", [KeyboardInterrupt, SystemExit])
def test_rolled_back_when_interrupted(
    shop: Callable[..., Any], stopper: type[BaseException]
) -> None:
    """What ends the run in the middle of the method leaves no fault behind."""
    one = shop()

    def load() -> httpx.Response:
        if one.mesh.faults.rules:
            raise stopper
        response: httpx.Response = one.call()
        return response

    with pytest.raises(stopper):
        tried(one, "brownout", load=load)
    assert () == one.mesh.faults.rules


def test_refused_where_faults_are_forbidden(shop: Callable[..., Any]) -> None:
    """Where a mesh forbids faults no call is made, and the verdict says why."""
    one = shop()
    one.mesh.faults.forbid("this is production")
    report = tried(one, "brownout")
    assert ("faults are forbidden here: this is production",) == report.reasons
    assert [] == one.sent


def test_refused_where_faults_are_switched_off(shop: Callable[..., Any]) -> None:
    """The kill switch holds for scenarios, too."""
    one = shop()
    one.mesh.faults.enabled = False
    assert ("faults are switched off here",) == tried(one, "brownout").reasons


def test_the_calls_of_the_application_count(shop: Callable[..., Any]) -> None:
    """Without a load the calls that are made anyway are the samples."""
    one = shop()

    def sleep(seconds: float) -> None:
        for _ in range(40):
            one.call()
        one.time.sleep(seconds)

    report = run(one.mesh, "brownout", parameters={"errors": 1}, seed=1, sleep=sleep)
    assert Verdict.PASS is report.verdict, str(report)
    assert report.before is not None
    assert report.before.calls >= 40


def test_the_seed_repeats_a_run(shop: Callable[..., Any]) -> None:
    """Two runs with one seed inject the same."""
    runs = [tried(shop(), "brownout") for _ in range(2)]
    assert runs[0].injected == runs[1].injected
    assert runs[0].run == runs[1].run


def test_a_result_of_ones_own_is_judged(shop: Callable[..., Any]) -> None:
    """What the load returns need be no response."""
    report = tried(shop(), "brownout", load=lambda: False)
    assert "before the method: 0.0% of the calls were good, not 99.0%" == report.reasons[0]
    report = tried(shop(), "brownout", load=lambda: 7, good=lambda one: one == 7)
    assert ("no fault fired",) == report.reasons


def test_errors_are_counted(shop: Callable[..., Any]) -> None:
    """A report names the errors that calls raised."""
    one = shop()
    report = tried(one, "certificate-expiry")
    assert {"ConnectError", "CircuitOpenError"} == set(report.errors)
    assert "raised: CircuitOpenError" in str(report)


async def test_tasks_call_too() -> None:
    """The same on an event loop, with asynchronous calls by several tasks."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200)

    with VirtualTime() as time:
        mesh = Mesh(services={"pay": ["http://10.0.0.1", "http://10.0.0.2"]}, clock=time)
        async with AsyncMeshClient(mesh=mesh, transport=httpx.MockTransport(answer)) as client:
            report = await run_async(
                client, "brownout", load=lambda: client.get("http://pay/"), concurrency=20, seed=1
            )
        mesh.close()
    assert Verdict.PASS is report.verdict, str(report)
    assert report.answers["retries"]
    assert () == mesh.faults.rules


async def test_cancelled_run_is_rolled_back() -> None:
    """A run whose task is cancelled takes its faults out."""
    with VirtualTime() as time:
        mesh = Mesh(services={"pay": ["http://10.0.0.1"]}, clock=time)
        injected = anyio.Event()

        async def load() -> bool:
            if mesh.faults.rules:
                injected.set()
            return True

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(run_async, mesh, "brownout", load=load))
            await injected.wait()
            tasks.cancel_scope.cancel()
        mesh.close()
    assert () == mesh.faults.rules
