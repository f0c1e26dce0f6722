"""Virtual time passes when everybody waits for it, and not before."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest

from meshlib import AsyncMeshClient, ConfigurationError, Mesh, MeshClient, deadline
from meshlib._surroundings import Surroundings, surrounded
from meshlib.testing import HANG, FakeCluster, FakeEndpoint, Slow, VirtualTime
from meshlib.testing._loops import AsyncioLoop


@pytest.fixture
def virtual() -> Iterator[VirtualTime]:
    """Virtual time that ends with the test."""
    with VirtualTime() as virtual:
        yield virtual


def test_a_sleep_passes_at_once(virtual: VirtualTime) -> None:
    """A day is over before the test is."""
    virtual.sleep(86_400.0)
    virtual.sleep(-1.0)
    assert (86_400.0, 87_400.0) == (virtual.elapsed, virtual())
    assert 1_767_225_600.0 + 86_400.0 == virtual.wall()
    assert "86400 s" in repr(virtual)


def test_threads_take_turns_by_their_deadlines(virtual: VirtualTime) -> None:
    """What threads do between waits happens in the order of time, in every run alike."""
    seen: list[tuple[float, str]] = []

    def worker(name: str, *waits: float) -> Any:
        def work() -> str:
            for seconds in waits:
                virtual.sleep(seconds)
                seen.append((virtual.elapsed, name))
            return name

        return work

    assert ["a", "b", "c"] == virtual.run(
        worker("a", 1, 1, 1), worker("b", 1.5, 1.5), worker("c", 3)
    )
    assert sorted(seen, key=lambda each: each[0]) == seen
    assert {(1, "a"), (1.5, "b"), (2, "a"), (3, "a"), (3, "b"), (3, "c")} == set(seen)


def test_a_thread_that_fails_fails_the_run(virtual: VirtualTime) -> None:
    """What a function of `run` raises is raised."""

    def fail() -> None:
        raise LookupError("it")

    with pytest.raises(LookupError, match="it"):
        virtual.run(fail, lambda: virtual.sleep(1.0))
    assert 1.0 == virtual.elapsed


def test_threads_of_others_are_waited_for(virtual: VirtualTime) -> None:
    """A pool's threads all sleep before time passes, so they sleep side by side."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(virtual.sleep, [10.0] * 8))
    assert 10.0 == virtual.elapsed


def test_an_event_ends_a_wait_before_time_does(virtual: VirtualTime) -> None:
    """Who is woken goes on at once; nobody wakes the other one but time."""
    first, second = threading.Event(), threading.Event()

    def wakes() -> None:
        virtual.sleep(2.0)
        first.set()

    def waits() -> float:
        virtual.wait(first, 60.0)
        return virtual.elapsed

    assert [2.0, None] == virtual.run(waits, wakes)
    virtual.wait(first, 60.0)
    virtual.wait(second, 5.0)
    assert second.is_set()
    assert 7.0 == virtual.elapsed


async def test_a_loop_goes_by_it(virtual: VirtualTime) -> None:
    """Sleeps and time-outs of a loop pass at once, those of its threads as well."""
    virtual.keep()
    with anyio.move_on_after(30.0) as scope:
        await anyio.sleep(1000.0)
    assert scope.cancelled_caught
    assert 30.0 == pytest.approx(virtual.elapsed)
    async with anyio.create_task_group() as group:
        for seconds in (5.0, 10.0):
            group.start_soon(anyio.to_thread.run_sync, virtual.sleep, seconds)
            group.start_soon(virtual.asleep, seconds)
    assert 40.0 == pytest.approx(virtual.elapsed)


async def test_a_loop_goes_on_in_real_time(real_sleep: None) -> None:
    """When virtual time is over the clock of the loop does not jump, and nobody hangs."""
    with VirtualTime() as virtual:
        virtual.keep()
        await anyio.sleep(3600.0)
        before = anyio.current_time()
    assert before <= anyio.current_time() < before + 60.0
    await anyio.sleep(0.001)
    with anyio.fail_after(30.0):
        await anyio.sleep(0.001)


def test_a_thread_is_let_go_at_the_end() -> None:
    """Who sleeps when time is closed is woken; who comes later waits in real time."""
    virtual = VirtualTime()
    asleep = threading.Event()

    def work() -> None:
        asleep.set()
        virtual.wait(threading.Event(), float("inf"))

    thread = threading.Thread(target=work)
    thread.start()
    asleep.wait(10.0)
    virtual.close()
    thread.join(10.0)
    assert not thread.is_alive()
    virtual.sleep(0.001)
    assert 0.0 == virtual.elapsed


def test_a_loop_without_a_selector_is_refused() -> None:
    """What cannot be made virtual says so, and what to do."""
    loop: Any = asyncio.AbstractEventLoop()
    with VirtualTime() as virtual, pytest.raises(ConfigurationError, match="cannot be virtual"):
        AsyncioLoop(loop, virtual._keeper)


def test_backoff_breaker_and_deadline_pass_at_once(virtual: VirtualTime) -> None:
    """Retries wait, a breaker opens and closes again, and a deadline ends a call."""
    cluster = FakeCluster({"users": [503] * 5 + [200]}, clock=virtual)
    services = {
        "users": {
            "endpoints": cluster["users"].urls,
            "retry": False,
            "breaker": {"consecutive_failures": 5, "break_duration": 60},
        }
    }
    mesh = Mesh("test", services=services, clock=virtual)
    with mesh, MeshClient(mesh=mesh, transport=cluster) as client:
        for _ in range(5):
            client.get("http://users/")
        with pytest.raises(httpx.TransportError, match=r"circuit|breaker"):
            client.get("http://users/")
        virtual.sleep(61.0)
        assert 200 == client.get("http://users/").status_code
        cluster["users"].answer(HANG)
        before = virtual()
        with (
            surrounded(Surroundings(clock=virtual)),
            deadline(7.0),
            pytest.raises(httpx.TimeoutException),
        ):
            client.get("http://users/", timeout=None)
        assert 7.0 == pytest.approx(virtual() - before)


def test_a_bulkhead_is_waited_for_in_threads(virtual: VirtualTime) -> None:
    """The second call waits for the permit of the first; the third gives up before that."""
    cluster = FakeCluster({"users": Slow(5.0)}, clock=virtual)
    services = {
        "users": {
            "endpoints": cluster["users"].urls,
            "bulkhead": {"max_concurrency": 1, "max_queue": 5, "max_wait": 8},
        }
    }
    mesh = Mesh("test", services=services, clock=virtual)
    with mesh, MeshClient(mesh=mesh, transport=cluster, timeout=60) as client:

        def call() -> tuple[Any, float]:
            try:
                return client.get("http://users/").status_code, virtual.elapsed
            except httpx.TransportError as exc:
                return type(exc).__name__, virtual.elapsed

        assert [(200, 5.0), (200, 10.0), ("BulkheadFullError", 8.0)] == virtual.run(*[call] * 3)


async def test_a_bulkhead_is_waited_for_in_tasks(virtual: VirtualTime) -> None:
    """The same on an event loop."""
    cluster = FakeCluster({"users": Slow(5.0)}, clock=virtual)
    services = {
        "users": {
            "endpoints": cluster["users"].urls,
            "bulkhead": {"max_concurrency": 1, "max_queue": 5, "max_wait": 8},
        }
    }
    ended: list[Any] = []
    with Mesh("test", services=services, clock=virtual) as mesh:
        async with AsyncMeshClient(mesh=mesh, transport=cluster, timeout=60) as client:

            async def call() -> None:
                try:
                    await client.get("http://users/")
                    ended.append(round(virtual.elapsed, 6))
                except httpx.TransportError as exc:
                    ended.append((type(exc).__name__, round(virtual.elapsed, 6)))

            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(call)
    assert [5.0, ("BulkheadFullError", 8.0), 10.0] == ended


@pytest.mark.parametrize("blocking", [True, False])
def test_a_hedge_begins_in_virtual_time(virtual: VirtualTime, blocking: bool) -> None:
    """A slow endpoint is overtaken after the hedging delay, in threads as in tasks."""
    endpoints = [FakeEndpoint(Slow(30.0)), FakeEndpoint(Slow(1.0))]
    cluster = FakeCluster({"users": endpoints}, clock=virtual)
    services = {
        "users": {
            "endpoints": cluster["users"].urls,
            "hedge": {"delay": 2},
            "balancer": "round_robin",
            "timeout": 100,
        }
    }
    with Mesh("test", services=services, clock=virtual) as mesh:
        if blocking:
            with MeshClient(mesh=mesh, transport=cluster, timeout=60) as client:
                for _ in range(2):
                    client.get("http://users/")
        else:

            async def main() -> None:
                async with AsyncMeshClient(mesh=mesh, transport=cluster, timeout=60) as client:
                    for _ in range(2):
                        await client.get("http://users/")

            anyio.run(main)
    assert virtual.elapsed < 10.0


def test_canary_checks_pass_at_once(virtual: VirtualTime) -> None:
    """A canary is looked at in its interval, and promoted when its steps have passed."""
    cluster = FakeCluster({"users": {"http://v1.fake": 200, "http://v2.fake": 200}}, clock=virtual)
    services = {
        "users": {
            "endpoints": [
                {"url": "http://v1.fake", "metadata": {"version": "v1"}},
                {"url": "http://v2.fake", "metadata": {"version": "v2"}},
            ],
            "routes": [
                {
                    "name": "canary",
                    "split": [{"subset": {"version": "v2"}}, {"subset": {"version": "v1"}}],
                    "canary": {
                        "initial_weight": 0.5,
                        "step": 0.5,
                        "interval": 600,
                        "analysis": {"min_samples": 10},
                    },
                }
            ],
        }
    }
    with Mesh("test", services=services, clock=virtual, wall_clock=virtual.wall) as mesh:
        with MeshClient(mesh=mesh, transport=cluster) as client:
            for _ in range(8):
                for _ in range(60):
                    client.get("http://users/")
                virtual.sleep(600.0)
        assert 1.0 == mesh.canary("users").status().weight
