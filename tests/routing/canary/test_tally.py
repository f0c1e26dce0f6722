"""When a process ends its blocks and tells of them."""

from __future__ import annotations

import random

from meshlib.routing.canary import CanaryOptions, Tally

OPTIONS = CanaryOptions(interval=100)


def tally() -> Tally:
    """One without calls."""
    return Tally(OPTIONS, random.Random(1))


def called(made: Tally, calls: int) -> Tally:
    """With so many calls of the canary more."""
    for _ in range(calls):
        made.samples.add(canary=True, failed=False, elapsed=0.1)
    return made


def pending(made: Tally) -> int:
    """How many calls wait to be told."""
    return 0 if made.pending is None else made.pending.canary.calls


def test_a_block_is_collected_when_it_is_large_enough() -> None:
    """Blocks add up until they were told."""
    made = called(tally(), 499)
    made.collect(0.0, 1.0, leads=True)
    assert 0 == pending(made)
    called(made, 1).collect(0.0, 1.0, leads=True)
    assert 500 == pending(made)
    called(made, 500).collect(0.0, 2.0, leads=True)
    assert 1000 == pending(made)
    made.told(2.0)
    assert 0 == pending(made)


def test_who_leads_ends_a_block_when_the_check_is_due() -> None:
    """Once for each check, so that blocks stay as large as they can be."""
    made = called(tally(), 7)
    made.collect(0.0, 99.9, leads=True)
    assert 0 == pending(made)
    made.collect(0.0, 100.0, leads=True)
    assert 7 == pending(made)
    called(made, 7).collect(0.0, 110.0, leads=True)
    assert 7 == pending(made)
    made.collect(100.0, 200.0, leads=True)
    assert 14 == pending(made)


def test_who_follows_ends_it_earlier_and_tells_at_once() -> None:
    """So that whoever leads has it in time."""
    made = called(tally(), 7)
    made.told(50.0)
    made.collect(1.0, 75.9, leads=False)
    assert not made.is_due(75.9)
    made.collect(1.0, 76.0, leads=False)
    assert made.is_due(74.9)
    made.told(76.0)
    assert not made.is_due(999.0)


def test_large_blocks_are_told_four_times_an_interval() -> None:
    """Many processes that all wrote each block would be in each other's way."""
    made = called(tally(), 500)
    made.told(10.0)
    made.collect(1.0, 11.0, leads=False)
    called(made, 500).collect(1.0, 11.0, leads=False)
    assert not made.is_due(34.9)
    assert made.is_due(35.0)
    assert made.is_due(9.0)  # a clock that was set back


def test_an_end_without_calls_is_not_urgent() -> None:
    """There is nothing to tell."""
    made = tally()
    made.collect(1.0, 200.0, leads=False)
    assert not made.is_due(200.0)


def test_what_may_be_known_already_is_dropped() -> None:
    """And the calls after it are not."""
    made = called(tally(), 500)
    made.collect(1.0, 2.0, leads=True)
    called(made, 3).drop()
    made.cut()
    assert 3 == pending(made)


def test_without_a_rollout_calls_are_forgotten() -> None:
    """Those of its end are not those of the next one's beginning."""
    made = called(tally(), 3)
    made.forget()
    made.cut()
    assert 0 == pending(made)


def test_a_forked_child_has_no_calls() -> None:
    """Its parent tells of them."""
    made = called(tally(), 500)
    made.cut()
    called(made, 5).renew()
    made.cut()
    assert 0 == pending(made)
