"""Checks that end while this process stands still."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest

from meshlib import Endpoint
from meshlib.health import HealthCheckOptions
from meshlib.health._crew import Crew
from meshlib.health._schedule import Entry
from meshlib.testing import VirtualTime

TIMEOUT = 1.0


class Hanging:
    """A checker of which the first *failing* checks never end."""

    stage = "waiting"

    def __init__(self, failing: int) -> None:
        self.failing = failing
        self.checks = 0

    async def check(self, endpoint: Endpoint) -> None:
        """Pass, or hang."""
        self.checks += 1
        if self.checks <= self.failing:
            await anyio.sleep_forever()

    async def aclose(self) -> None:
        """There is nothing to close."""


@pytest.fixture
def virtual() -> Iterator[VirtualTime]:
    """Virtual time, in which a loop stands still while its thread sleeps."""
    with VirtualTime() as time:
        yield time


async def checked(virtual: VirtualTime, checker: Hanging, *, blocked: float) -> str | None:
    """What comes of a check while the loop is blocked just before each of its time-outs."""
    virtual.keep()
    crew = Crew(lambda: checker, TIMEOUT)
    options = HealthCheckOptions.model_validate({"http": {"path": "/"}})
    entry = Entry(Endpoint("http://a:80"), options)
    found: list[str | None] = []

    async def block() -> None:
        while True:
            await virtual.asleep(TIMEOUT - 0.01)
            virtual.sleep(blocked)

    async with anyio.create_task_group() as group:
        if blocked:
            group.start_soon(block)
        found.append(await crew.check(entry))
        group.cancel_scope.cancel()
    return found[0]


async def test_a_check_that_a_stall_cut_off_is_made_again(virtual: VirtualTime) -> None:
    """Its endpoint may have answered while nobody looked."""
    checker = Hanging(1)
    assert await checked(virtual, checker, blocked=0.2) is None
    assert checker.checks == 2


@pytest.mark.parametrize("blocked", [0.0, 0.03])
async def test_a_check_whose_time_is_over_fails(virtual: VirtualTime, blocked: float) -> None:
    """Where the loop was there when it was over, or nearly."""
    checker = Hanging(1)
    reason = await checked(virtual, checker, blocked=blocked)
    assert reason == "no result after 1 s, while waiting"
    assert checker.checks == 1


async def test_a_dead_endpoint_is_found_by_a_process_that_often_stalls(
    virtual: VirtualTime,
) -> None:
    """One of three checks counts in any case."""
    checker = Hanging(10)
    assert await checked(virtual, checker, blocked=0.99) == "no result after 1 s, while waiting"
    assert checker.checks == 3
