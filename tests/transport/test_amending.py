"""A snapshot of many endpoints in which one has changed says what a new one would."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib import Endpoint
from meshlib._models import Verdict
from meshlib.breaker import BreakerState
from meshlib.events import BreakerChanged, PanicChanged
from meshlib.transport import Service, Target
from support import FakeClock
from support.meshes import begun, service_of

COUNT = 300
ONE = {"consecutive_failures": 1, "break_duration": 5.0}


def many(clock: FakeClock, count: int = COUNT, **options: Any) -> Service:
    """A service of *count* endpoints, each of which opens at its first failure."""
    service = service_of(clock, ready=False, **{"breaker": ONE, **options})
    service.update([Endpoint(f"http://10.0.{n >> 8}.{n & 255}:80") for n in range(count)])
    return service


def fail(service: Service, target: Target) -> None:
    """Open its breaker."""
    target.breaker.record(target.breaker.epoch, Verdict.FAILURE, service.clock(), 0.0, 503)


def heal(service: Service, target: Target) -> None:
    """Close its breaker, as a good probe does."""
    target.breaker.reset(service.clock())


def said(service: Service) -> tuple[Any, ...]:
    """What a snapshot says, in any order; of the probes, those that are still some."""
    pickable, now = service.pickable, service.clock()
    return (
        set(pickable.candidates),
        set(pickable.open),
        {target for target in pickable.probes if target.breaker.is_available(now)},
        {target.address: reason for target, reason in pickable.skipped},
        pickable.panic,
        pickable.total,
        pickable.unfit,
    )


def is_as_if_new(service: Service) -> bool:
    """Whether it says what a whole build would."""
    amended = said(service)
    service.rebuild()
    return amended == said(service)


def picked(service: Service, count: int) -> list[Target]:
    """The endpoints that so many calls go to; all succeed."""
    seen = []
    for _ in range(count):
        call, attempt = begun(service)
        seen.append(attempt.target)
        call.finish_attempt(attempt, httpx.Response(200))
        call.close()
    return seen


def test_a_breaker_that_opens_leaves_the_picker_as_it_is(clock: FakeClock) -> None:
    """Preparing one takes long, and is done inside of the call that opened the breaker."""
    service = many(clock)
    before = service.pickable.pick
    fail(service, service.targets[7])
    assert before is service.pickable.pick
    assert (service.targets[7],) == service.pickable.lag == service.pickable.open
    assert service.targets[7] not in service.pickable.candidates
    assert is_as_if_new(service)


@pytest.mark.parametrize(
    "balancer",
    ["round_robin", "random", "weighted", "least_connections", "least_response_time"],
)
def test_what_is_open_is_never_picked(clock: FakeClock, balancer: str) -> None:
    """The picker still knows it, so picks that meet it draw again; the others share its part."""
    service = many(clock, balancer=balancer)
    bad = {service.targets[n] for n in (3, 4, 5, 200)}
    for target in bad:
        fail(service, target)
    assert bad == set(service.pickable.lag)
    seen = picked(service, 3 * COUNT)
    assert not bad & set(seen)
    assert len(set(seen)) > COUNT / 2


def test_what_closes_is_picked_at_once(clock: FakeClock) -> None:
    """The picker knew it all the time."""
    service = many(clock, balancer="round_robin")
    fail(service, service.targets[7])
    heal(service, service.targets[7])
    assert () == service.pickable.lag == service.pickable.open
    assert service.targets[7] in picked(service, COUNT)
    assert is_as_if_new(service)


def test_of_more_than_a_few_the_picker_is_told(clock: FakeClock) -> None:
    """Draws are repeated for one pick in sixty at most; and again it is amended from there."""
    service = many(clock)
    before = service.pickable.pick
    for target in service.targets[:5]:  # one of 64 are four
        fail(service, target)
    assert before is not service.pickable.pick
    assert () == service.pickable.lag
    told = service.pickable.pick
    fail(service, service.targets[9])
    assert told is service.pickable.pick
    assert is_as_if_new(service)


def test_a_picker_that_does_not_know_it_is_made_anew_within_a_second(clock: FakeClock) -> None:
    """While many were open it was prepared without them."""
    service = many(clock, balancer="round_robin")
    for target in service.targets[:5]:
        fail(service, target)
    picked(service, 1)
    heal(service, service.targets[0])
    assert (service.targets[0],) == service.pickable.lag
    assert service.targets[0] in service.pickable.candidates
    assert service.targets[0] not in picked(service, COUNT)
    clock.advance(1.0)
    assert service.targets[0] in picked(service, COUNT)
    assert is_as_if_new(service)


def test_a_break_that_is_over_makes_a_probe(clock: FakeClock) -> None:
    """Without a whole build; the probe's outcome is amended, too."""
    service = many(clock, outlier=False)
    picked(service, 1)
    before = service.pickable.pick
    fail(service, service.targets[7])
    assert service.targets[7] not in picked(service, 5)
    clock.advance(5.0)
    assert [service.targets[7]] == picked(service, 1)
    assert BreakerState.CLOSED is service.targets[7].breaker.state
    assert before is service.pickable.pick
    assert is_as_if_new(service)


def test_a_probe_that_is_given_back_is_offered_again(clock: FakeClock) -> None:
    """A place that came free is no change of state, and is told by itself."""
    service = many(clock, outlier=False)
    fail(service, service.targets[7])
    clock.advance(5.0)
    breaker = service.targets[7].breaker
    epoch = breaker.try_acquire(clock())
    assert epoch is not None
    service.refresh(clock())
    assert () == service.pickable.probes
    breaker.cancel(epoch, clock())
    assert (service.targets[7],) == service.pickable.probes
    assert is_as_if_new(service)


def test_panic_begins_where_a_whole_build_says(clock: FakeClock) -> None:
    """The event is sent for the breaker that brings it about, and the one that ends it."""
    events: list[Any] = []
    service = many(clock, events=events)
    steps = []
    for target in service.targets:
        fail(service, target)
        steps.append(service.pickable.panic)
        if len(steps) % 37 == 0:
            assert is_as_if_new(service)
    began = steps.index((0,))
    assert 150 == began  # fewer than half are fit
    for target in service.targets:
        heal(service, target)
    assert () == service.pickable.panic
    assert [True, False] == [e.active for e in events if isinstance(e, PanicChanged)]
    assert 2 * COUNT == sum(isinstance(event, BreakerChanged) for event in events)


def test_few_levels_zones_and_tables_are_built_as_ever(clock: FakeClock) -> None:
    """What an amended snapshot could not say is not left to one."""
    few = many(clock, 255)
    hashing = many(clock, balancer={"name": "maglev", "table_size": 1009})
    levels = service_of(clock, ready=False, breaker=ONE)
    levels.update([Endpoint(f"http://10.0.0.{n}:80", priority=n % 2) for n in range(1, 255)])
    for service in (few, hashing, levels):
        assert not service.pickable.amendable
        before = service.pickable.pick
        fail(service, service.targets[0])
        assert before is not service.pickable.pick
        assert () == service.pickable.lag


def test_what_is_unfit_besides_is_built_as_ever(clock: FakeClock) -> None:
    """Health and breakers are counted apart."""
    service = many(clock)
    service.set_healthy({service.targets[0].address: False})
    assert 1 == service.pickable.unfit
    fail(service, service.targets[0])
    fail(service, service.targets[1])
    assert is_as_if_new(service)
    heal(service, service.targets[0])
    assert is_as_if_new(service)


def test_an_endpoint_that_left_changes_nothing(clock: FakeClock) -> None:
    """Its calls in flight may still open its breaker."""
    service = many(clock)
    gone = service.targets[0]
    service.update([target.endpoint for target in service.targets[1:]])
    fail(service, gone)
    assert gone not in service.pickable.open
    assert is_as_if_new(service)


def test_a_deterministic_end_of_draws_takes_any_other(clock: FakeClock) -> None:
    """Should chance hit the same open endpoints time and again, a new snapshot decides."""
    service = many(clock, balancer="random")
    bad = service.targets[7]
    fail(service, bad)
    service.pickable = replace(service.pickable, pick=lambda _: bad)
    assert bad is not picked(service, 1)[0]


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["fail", "heal", "isolate", "wait", "call"]), st.integers(0, 11)),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(ACTIONS, st.sampled_from(["least_connections", "round_robin"]))
def test_any_changes_leave_what_a_whole_build_says(
    actions: list[tuple[str, int]], balancer: str
) -> None:
    """Whatever fails, heals and is called in whatever order."""
    clock = FakeClock()
    service = many(clock, 257, balancer=balancer)
    for action, number in actions:
        target = service.targets[number]
        if action == "fail":
            fail(service, target)
        elif action == "heal":
            heal(service, target)
        elif action == "isolate":
            target.breaker.isolate()
        elif action == "wait":
            clock.advance(number)
            service.refresh(clock())  # as the next call does first of all
        else:
            assert picked(service, 1)[0].breaker.closed
        assert is_as_if_new_by_parts(service)


def is_as_if_new_by_parts(service: Service) -> bool:
    """The same as `is_as_if_new`, and the service goes on with what it had."""
    kept = service.pickable
    same = is_as_if_new(service)
    service.pickable = kept
    return same


def test_threads_that_flip_breakers_leave_a_true_snapshot(clock: FakeClock) -> None:
    """Each change is amended under the lock of the service, from what holds then."""
    service = many(clock)

    def flip(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(300):
            target = service.targets[chance.randrange(12)]
            (fail if chance.random() < 0.5 else heal)(service, target)

    threads = [threading.Thread(target=flip, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert is_as_if_new(service)
