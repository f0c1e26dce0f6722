"""When an agent is asked again, and for what, whatever it answers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, cast

import httpx
import pytest

from meshlib.discovery import Timing
from meshlib.discovery.consul._errors import UnreachableError
from meshlib.discovery.consul._freshness import Freshness
from meshlib.discovery.consul._reader import Pace, Reader
from support import FakeClock

BROKEN = UnreachableError("broken")


class Agent:
    """
    Answers in order, each after some seconds: `(index, seconds)`, or an error in its place.

    Further headers may follow. `asked` are the parameters of each query.
    """

    def __init__(self, clock: FakeClock, *answers: Any) -> None:
        self._clock = clock
        self._answers = list(answers)
        self.asked: list[dict[str, str]] = []
        self.patience: list[float] = []

    async def ask(
        self, client: Any, path: str, params: Mapping[str, str], *, patience: float
    ) -> httpx.Response:
        """The next answer."""
        self.asked.append(dict(params))
        self.patience.append(patience)
        index, lasted, *more = self._answers.pop(0)
        self._clock.advance(lasted)
        if isinstance(index, Exception):
            raise index
        headers = {} if index is None else {"x-consul-index": str(index)}
        return httpx.Response(200, headers={**headers, **(more[0] if more else {})})

    @property
    def indexes(self) -> list[str | None]:
        """The index of each query."""
        return [params.get("index") for params in self.asked]


class Bench:
    """A reader of *answers*, which waits 60 seconds for each."""

    def __init__(
        self, *answers: Any, blocking: bool = True, max_stale: float | None = None
    ) -> None:
        self.clock = FakeClock()
        self.agent = Agent(self.clock, *answers)
        consistency = "default" if max_stale is None else "stale"
        self.reader = Reader(
            cast("Any", self.agent),
            cast("Any", None),
            "/v1/health/service/web",
            {"passing": ""},
            blocking=blocking,
            pace=Pace(wait=60.0, interval=0.5, poll=5.0),
            freshness=Freshness(consistency, max_stale, cached=False),
            timing=Timing(self.clock, self.clock.asleep, random.Random(0)),
        )

    async def read(self, times: int) -> None:
        """So many answers."""
        for _ in range(times):
            await self.reader.read()


async def test_waits_for_each_change() -> None:
    """After the first answer each query waits, and is given the time for it."""
    bench = Bench((7, 0), (9, 30), (9, 61), (10, 5))
    await bench.read(4)
    waiting = {"passing": "", "wait": "60000ms"}
    assert [
        {"passing": ""},
        {**waiting, "index": "7"},
        {**waiting, "index": "9"},
        {**waiting, "index": "9"},
    ] == bench.agent.asked
    assert [0.0, 63.75, 63.75, 63.75] == bench.agent.patience
    assert [] == bench.clock.slept


async def test_begins_again_when_the_index_falls() -> None:
    """The next answer comes at once, and is followed from there."""
    bench = Bench((900, 0), (3, 10), (3, 0), (4, 10))
    await bench.read(4)
    assert [None, "900", None, "3"] == bench.agent.indexes


async def test_begins_again_when_an_answer_came_too_soon() -> None:
    """It was given up by a server that had its data replaced."""
    bench = Bench((900, 0), (900, 10), (3, 0), (4, 10))
    await bench.read(4)
    assert [None, "900", None, "3"] == bench.agent.indexes


async def test_an_index_that_spins_is_slowed_down() -> None:
    """Some changes are seen at once; when they do not end, one query each half second."""
    bench = Bench(*((n, 0.01) for n in range(1, 26)))
    await bench.read(25)
    assert 20 == len(bench.clock.slept)
    assert 20 * 0.5 == pytest.approx(bench.clock() - 1000.0, abs=0.3)


async def test_an_index_of_zero_is_slowed_down() -> None:
    """So is an agent that never waits."""
    bench = Bench(*((0, 0.01) for _ in range(25)))
    await bench.read(25)
    assert 20 * 0.5 == pytest.approx(bench.clock() - 1000.0, abs=0.3)


async def test_without_an_index_it_is_read_now_and_then() -> None:
    """What cannot be waited on is polled, until there is an index again."""
    bench = Bench((None, 0), ("nonsense", 0), (7, 0), (8, 0))
    await bench.read(4)
    assert [None, None, None, "7"] == bench.agent.indexes
    assert [pytest.approx(5.25, abs=0.25)] * 2 == bench.clock.slept


async def test_a_prepared_query_is_read_now_and_then() -> None:
    """Its index says nothing."""
    bench = Bench((1, 0), (1, 0), (1, 0), blocking=False)
    await bench.read(3)
    assert [None] * 3 == bench.agent.indexes
    assert [pytest.approx(5.25, abs=0.25)] * 2 == bench.clock.slept


async def test_a_query_that_breaks_off_is_no_failure() -> None:
    """All is read again at once; whether the agent is away shows then."""
    bench = Bench((7, 0), (BROKEN, 40), (8, 0), (BROKEN, 1), (9, 0), (BROKEN, 40), (BROKEN, 5))
    await bench.read(3)
    assert [None, "7", None, "8", None] == bench.agent.indexes
    with pytest.raises(UnreachableError):
        await bench.reader.read()
    assert [None, "7", None, "8", None, "9", None] == bench.agent.indexes


async def test_the_first_query_must_not_break_off() -> None:
    """Nothing is known yet, so nobody is there."""
    bench = Bench((BROKEN, 0))
    with pytest.raises(UnreachableError):
        await bench.reader.read()


async def test_what_always_breaks_off_is_a_failure() -> None:
    """Even if reading without waiting works: something between does not bear waiting."""
    bench = Bench((7, 0), (BROKEN, 1), (7, 0), (BROKEN, 1), (7, 0), (BROKEN, 1), (7, 0))
    bench.reader._broken = 1
    await bench.read(2)
    assert [None, "7", None] == bench.agent.indexes
    bench.reader._broken = 2
    with pytest.raises(UnreachableError):
        await bench.reader.read()


async def test_what_is_too_old_is_read_from_the_leader() -> None:
    """At once and for a minute; then others may answer again, from the beginning."""
    old = {"x-consul-lastcontact": "5000"}
    fresh = {"x-consul-lastcontact": "10"}
    answers = [(7, 0, old), (9, 0, old), (10, 61, old), (8, 0, fresh), (9, 1, fresh)]
    bench = Bench(*answers, max_stale=2.0)
    await bench.read(4)
    waiting = {"passing": "", "wait": "60000ms"}
    assert [
        {"passing": "", "stale": ""},
        {"passing": "", "leader": ""},
        {**waiting, "leader": "", "index": "9"},
        {"passing": "", "stale": ""},
        {**waiting, "stale": "", "index": "8"},
    ] == bench.agent.asked
