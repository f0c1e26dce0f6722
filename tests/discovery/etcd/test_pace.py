"""How soon what has ended is begun again."""

from __future__ import annotations

import random

import pytest

from meshlib import DiscoveryError
from meshlib.discovery._timing import Timing
from meshlib.discovery.etcd._pace import Pace
from support import FakeClock


class Time:
    """A pace, and the pauses that it made."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.pauses: list[float] = []
        self.pace = Pace(Timing(clock=clock, sleep=self.sleep, rng=random.Random(1)))

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.pauses.append(seconds)
        self.clock.advance(seconds)


@pytest.fixture
def time(clock: FakeClock) -> Time:
    """A pace of its own for each test."""
    return Time(clock)


async def test_what_lasted_begins_at_once(time: Time) -> None:
    """Only what ends early has to wait."""
    for _ in range(20):
        await time.pace.begin()
        time.clock.advance(5.0)
    assert [] == time.pauses


async def test_what_ends_at_once_waits_longer_and_longer(time: Time) -> None:
    """From a tenth of a second, doubled each time; after six pauses it is a failure."""
    for _ in range(7):
        await time.pace.begin()
    with pytest.raises(DiscoveryError, match="6 watches in a row"):
        await time.pace.begin()
    assert 6 == len(time.pauses)
    for number, pause in enumerate(time.pauses):
        assert 0.1 * 2**number <= pause <= 0.15 * 2**number


async def test_one_that_lasted_forgives_the_others(time: Time) -> None:
    """Whether it took long or said so."""
    for forgive in (lambda: time.clock.advance(5.0), time.pace.lasted):
        time.pauses.clear()
        for _ in range(6):
            await time.pace.begin()
        forgive()
        await time.pace.begin()
        await time.pace.begin()
        assert 6 == len(time.pauses)
        assert time.pauses[-1] < 0.2
        time.clock.advance(5.0)
