"""Several processes that share one store, in time by hand."""

from __future__ import annotations

import random

from meshlib.config.store import StoreKey
from meshlib.routing.canary import CanaryState, rollback
from support import FakeClock
from support.rollouts import Process, store


class Together:
    """Three processes, one store, one clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.shared: StoreKey = store()
        self.processes = [Process(name, self.shared, self.clock) for name in "abc"]

    async def look(self, seconds: float = 0.0) -> None:
        """Everyone looks, twice: so that all know what each has written."""
        self.clock.advance(seconds)
        for process in self.processes * 2:
            await process.look()

    def call(self, canary: int, stable: int, *, failed: int = 0) -> None:
        """Each process makes so many calls."""
        for process in self.processes:
            process.call(canary, stable, failed=failed)

    @property
    def weights(self) -> list[float]:
        """The share of the canary in each."""
        return [process.weight for process in self.processes]

    @property
    def leaders(self) -> list[str]:
        """Who holds the lease, as each knows it."""
        return [process.record.holder for process in self.processes]


async def test_one_advances_and_all_follow() -> None:
    """What each alone has too few calls for is enough together."""
    together = Together()
    await together.look()
    assert [0.1] * 3 == together.weights
    assert ["a"] * 3 == together.leaders
    seen = []
    for _ in range(4):
        together.call(4, 4)
        await together.look(8)  # before the check, so that whoever leads knows of all
        await together.look(2)
        seen.append(together.weights)
    assert [[0.3] * 3, [0.5] * 3, [1.0] * 3, [1.0] * 3] == seen


async def test_evidence_of_one_that_does_not_lead_rolls_back_everywhere() -> None:
    """At the next looks, and not at the next check."""
    together = Together()
    await together.look()
    together.processes[2].call(300, 300, failed=150)
    await together.look(3)
    await together.look(0.1)
    assert [0.0] * 3 == together.weights


async def test_reports_are_not_written_at_every_look() -> None:
    """One that does not lead writes at most four times in an interval."""
    together = Together()
    await together.look()
    before = together.processes[0].record.generation
    follower = together.processes[1]
    for _ in range(40):
        follower.call(300, 300)
        await follower.look(0.1)
    assert 2 >= follower.record.generation - before


async def test_another_takes_over_when_the_lease_runs_out() -> None:
    """Without the one that led, the next check comes all the same."""
    together = Together()
    await together.look()
    gone = together.processes.pop(0)
    together.call(20, 20)
    await together.look(4)
    assert ["a", "a"] == together.leaders
    await together.look(1.1)  # a lease of 4 s, and clocks that differ by 1 s
    assert ["b", "b"] == together.leaders
    await together.look(5)
    assert [0.3, 0.3] == together.weights
    await gone.look()  # and comes back
    assert ("b", 0.3) == (gone.record.holder, gone.weight)


async def test_open_breakers_anywhere_are_open_breakers_everywhere() -> None:
    """Each process sees its own endpoints; one that finds them all open speaks for all."""
    together = Together()
    await together.look()
    together.processes[1].rollout.breakers_opened()
    await together.look()
    assert [0.0] * 3 == together.weights


async def test_a_command_anywhere_is_for_everyone() -> None:
    """Whoever leads is not asked."""
    together = Together()
    await together.look()
    await together.processes[2].rollout.command(lambda progress: rollback(progress, 1.0))
    await together.look()
    assert [0.0] * 3 == together.weights
    assert CanaryState.ROLLED_BACK is together.processes[0].record.progress.state


async def test_walks_agree_at_every_generation() -> None:
    """In random order: a generation has one share, and nobody goes back to an older one."""
    for seed in range(20):
        rng = random.Random(seed)
        together = Together()
        shares: dict[int, float] = {}
        walks: dict[str, list[int]] = {each.rollout.me: [] for each in together.processes}
        for _ in range(150):
            process = rng.choice(together.processes)
            process.call(rng.randrange(40), rng.randrange(40), failed=rng.randrange(2))
            if rng.random() < 0.02:
                process.rollout.breakers_opened()
            await process.look(rng.random())
            record = process.record
            share = record.share_of(process.rollout.revision)
            assert share == process.weight
            assert share == shares.setdefault(record.generation, share)
            walks[process.rollout.me].append(record.generation)
        assert all(walk == sorted(walk) for walk in walks.values())
        assert len(set(shares.values())) > 1
