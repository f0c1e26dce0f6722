"""Which endpoint is checked when, for any number of them."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshlib import Endpoint
from meshlib.health import HealthCheckOptions
from meshlib.health._schedule import Entry, Schedule


def schedule(**options: Any) -> Schedule:
    """A schedule without endpoints; without jitter unless told."""
    chosen = HealthCheckOptions.model_validate({"tcp": True, "jitter": 0.0, **options})
    return Schedule(chosen, random.Random(7))


def endpoints(*numbers: int) -> list[Endpoint]:
    """Endpoints by their ports."""
    return [Endpoint(f"http://10.0.0.1:{number}") for number in numbers]


def taken(plan: Schedule, now: float) -> list[Entry]:
    """Every entry whose check begins at *now*."""
    found = []
    while (entry := plan.take(now)) is not None:
        found.append(entry)
    return found


def addresses(entries: list[Entry]) -> list[str]:
    """Their ports, sorted."""
    return sorted(entry.address.rpartition(":")[2] for entry in entries)


def test_a_new_endpoint_is_checked_at_once() -> None:
    """And then at the interval after the end of its check."""
    plan = schedule(interval=5.0)
    came, left = plan.update(endpoints(1), 0.0)
    assert (["1"], []) == (addresses(came), left)
    assert 0.0 == plan.next_due
    entry = plan.take(0.0)
    assert entry is not None
    assert plan.take(0.0) is None
    assert float("inf") == plan.next_due
    assert plan.finish(entry, None, 0.4)
    assert 5.4 == plan.next_due
    assert plan.take(5.3) is None
    assert plan.take(5.4) is entry


def test_the_first_check_may_be_delayed() -> None:
    """By `initial_delay`, for each endpoint from when it is known."""
    plan = schedule(initial_delay=3.0)
    plan.update(endpoints(1), 0.0)
    plan.update(endpoints(1, 2), 1.0)
    assert ["1"] == addresses(taken(plan, 3.0))
    assert ["2"] == addresses(taken(plan, 4.0))


def test_tells_the_status() -> None:
    """What is known is a value that is replaced whole."""
    plan = schedule(interval=5.0)
    ((entry,), _) = plan.update(endpoints(1), 0.0)
    status = entry.status
    assert (None, None, None) == (status.healthy, status.last_checked, status.age(9.0))
    plan.take(0.0)
    plan.finish(entry, "refused", 1.0)
    status = entry.status
    assert (False, 1.0, 1, "refused", 6.0) == (
        status.healthy,
        status.last_checked,
        status.consecutive,
        status.reason,
        status.next_check,
    )
    assert (2.0, 0.0) == (status.age(3.0), status.age(0.5))
    plan.take(6.0)
    plan.finish(entry, None, 6.0)
    assert (True, "") == (entry.status.healthy, entry.status.reason)


def test_reconciles_by_address() -> None:
    """What stays keeps state and turn, whatever else of it changes; a double counts once."""
    plan = schedule()
    ((entry,), _) = plan.update(endpoints(1), 0.0)
    plan.take(0.0)
    plan.finish(entry, "refused", 0.0)
    heavier = Endpoint("http://10.0.0.1:1/", weight=3)
    came, left = plan.update([heavier, *endpoints(1, 2, 2)], 1.0)
    assert (["2"], []) == (addresses(came), left)
    assert plan.entries["http://10.0.0.1:1"] is entry
    assert 1.0 == entry.endpoint.weight  # of two with one address the last one counts
    assert entry.state.healthy is False
    assert ["2"] == addresses(taken(plan, 1.0))
    assert 5.0 == plan.next_due


def test_what_leaves_is_checked_no_more() -> None:
    """Not when it was waiting, and not when its check was under way."""
    plan = schedule()
    plan.update(endpoints(1, 2), 0.0)
    running = plan.take(0.0)
    assert running is not None
    _, left = plan.update([], 1.0)
    assert ["1", "2"] == addresses(left)
    assert plan.take(9.0) is None
    assert not plan.finish(running, "refused", 9.0)
    assert running.state.healthy is None
    assert float("inf") == plan.next_due


def test_what_comes_back_begins_anew() -> None:
    """With a state of its own, which a late result of its former life does not touch."""
    plan = schedule()
    ((old,), _) = plan.update(endpoints(1), 0.0)
    plan.take(0.0)
    plan.update([], 1.0)
    ((new,), _) = plan.update(endpoints(1), 2.0)
    plan.finish(old, "refused", 3.0)
    assert new.state.healthy is None
    assert plan.take(3.0) is new


def test_a_restart_checks_again_what_was_under_way() -> None:
    """As in a forked child, which has none of its parent's tasks."""
    plan = schedule()
    ((one, two), _) = plan.update(endpoints(1, 2), 0.0)
    assert {one, two} == set(taken(plan, 0.0))
    plan.finish(one, None, 0.0)
    plan.restart(1.0)
    assert plan.take(1.0) is two
    assert plan.take(1.0) is None


@given(st.lists(st.tuples(st.sets(st.integers(1, 6)), st.booleans()), max_size=30))
def test_each_endpoint_is_in_the_queue_once(steps: list[tuple[set[int], bool]]) -> None:
    """Whatever comes, leaves, begins and ends: nobody is forgotten, nobody checked twice."""
    plan, now, under_way = schedule(), 0.0, []
    for ports, ends in steps:
        plan.update(endpoints(*ports), now)
        under_way += taken(plan, now)
        known = set(plan.entries.values())
        assert known == {entry for entry in under_way if not entry.gone} | {
            entry for entry in known if not entry.running
        }
        assert len(under_way) == len(set(under_way))
        if ends:
            for entry in under_way:
                plan.finish(entry, None, now)
            under_way = []
        now += 5.0
    for entry in under_way:
        plan.finish(entry, None, now)
    assert addresses(list(plan.entries.values())) == addresses(taken(plan, now + 5.0))


def test_ten_thousand_endpoints_are_spread_over_an_interval() -> None:
    """No more than there may be in flight begin at once, in the first round and later."""
    plan = schedule(interval=10.0, max_concurrency=100, jitter=0.1)
    plan.update([Endpoint(f"http://10.0.{n // 250}.{n % 250}:80") for n in range(10_000)], 0.0)
    checks: Counter[str] = Counter()
    busiest = 0
    for tick in range(2_400):  # 24 seconds in hundredths
        now = tick / 100
        begun = taken(plan, now)
        busiest = max(busiest, len(begun))
        for entry in begun:
            checks[entry.address] += 1
            plan.finish(entry, None, now)
    assert 10_000 == len(checks)
    assert {2, 3} == set(checks.values())
    assert busiest <= 40  # ten begin in a hundredth on average


def test_few_endpoints_are_not_spread() -> None:
    """What may be in flight together begins together: a service is judged at once."""
    plan = schedule(max_concurrency=100)
    plan.update(endpoints(*range(1, 101)), 0.0)
    assert 100 == len(taken(plan, 0.0))
