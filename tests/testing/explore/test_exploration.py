"""Which runs an exploration asks for, and which it knows without making them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlib.testing.explore import Behaviour, Exploration, Faults, Plan
from support.simulated import Caller, World, explore

TWO = Faults(["503", "refused"]).at
LEAF = Caller("leaf")
QUOTES = Caller("quotes", ((Caller("currency"), "absorb"), (Caller("tax"), "tell")))
PROFILE = Caller("profile", ((Caller("avatar"), "absorb"), (Caller("history"), "tell")))
GATEWAY = Caller("test", ((QUOTES, "fail"), (PROFILE, "tell")))


def labels(ends: dict[Plan, str]) -> list[str]:
    """The runs as text."""
    return [str(plan) for plan in ends]


def test_each_reachable_site_is_broken_in_each_way() -> None:
    """One run without faults, then one for each pair."""
    world = World(Caller("test", ((Caller("a"), "absorb"), (Caller("b"), "fail"))))
    exploration = Exploration(TWO)
    assert labels(explore(world, exploration)) == [
        "no fault",
        "a GET / -> 503",
        "a GET / -> refused",
        "b GET / -> 503",
        "b GET / -> refused",
    ]
    assert (5, 5, 0) == (exploration.runs, exploration.product, exploration.reduced)


def test_a_site_behind_a_fault_is_broken_with_it() -> None:
    """What only a fault reveals is tried too, though one fault is the limit."""
    world = World(Caller("test", ((Caller("first"), Caller("second")),)))
    ends = explore(world, Exploration(TWO))
    assert labels(ends)[3:] == [
        "first GET / -> 503, second GET / -> 503",
        "first GET / -> 503, second GET / -> refused",
    ]


def test_a_chain_of_fallbacks_is_followed_to_its_end() -> None:
    """Each place is reached by the faults before it, however many those are."""
    third = Caller("third")
    second = Caller("second", ((Caller("inner"), third),))
    ends = explore(World(Caller("test", ((Caller("first"), second),))), Exploration(TWO))
    assert "first GET / -> 503, inner GET / -> 503, third GET / -> refused" in labels(ends)


def test_pairs_are_tried_when_two_faults_are_allowed() -> None:
    """Only where the second place is still reached after the first fault."""
    world = World(Caller("test", ((Caller("a"), "absorb"), (Caller("b"), "fail"), (LEAF, "tell"))))
    exploration = Exploration(TWO, max_faults=2)
    ends = labels(explore(world, exploration))
    assert "a GET / -> 503, leaf GET / -> refused" in ends
    assert "a GET / -> 503, b GET / -> refused" in ends
    assert not [end for end in ends if "b GET" in end and "leaf GET" in end]
    # 1 + 6 + 12 would be everything; b and leaf never fail together.
    assert (15, 19) == (exploration.runs, exploration.product)


def test_a_fault_on_the_first_attempt_alone_is_tried_where_there_were_several() -> None:
    """Whether it can differ is known once the call was broken on all attempts."""
    calls = Caller("test", ((Caller("a"), "absorb"),))
    kinds = Faults(["503", "response_lost"]).at
    assert labels(explore(World(calls, retries=2), Exploration(kinds)))[-1] == (
        "a GET / -> response_lost once"
    )
    exploration = Exploration(kinds)
    assert 3 == len(explore(World(calls), exploration))
    assert 4 == exploration.product


def test_encapsulated_faults_are_not_combined() -> None:
    """Two services that hide their faults need not hide them at the same time."""
    exploration = Exploration(TWO, max_faults=2)
    reduced = explore(World(GATEWAY), exploration)
    everything = Exploration(TWO, max_faults=2, reduce=False)
    whole = explore(World(GATEWAY), everything)
    assert set(whole.values()) == set(reduced.values())
    assert everything.runs == exploration.runs + exploration.reduced
    assert (24, 49, 73, 73) == (
        exploration.runs,
        exploration.reduced,
        everything.runs,
        exploration.product,
    )


def test_faults_that_meet_in_one_service_are_combined() -> None:
    """What a service does with two failures at once follows from neither alone."""
    exploration = Exploration(TWO, max_faults=2)
    ends = explore(World(dataclasses.replace(QUOTES, name="test")), exploration)
    assert "currency GET / -> 503, tax GET / -> refused" in labels(ends)
    assert (9, 9, 0) == (exploration.runs, exploration.product, exploration.reduced)


TREES: st.SearchStrategy[Any] = st.recursive(
    st.just([]),
    lambda inner: st.lists(
        st.tuples(inner, st.sampled_from(["absorb", "fail", "tell"]) | inner), max_size=3
    ),
    max_leaves=5,
)


def named(tree: Any, name: str = "test") -> Caller:
    """A caller from a drawn tree; each has a name of its own."""
    calls: list[tuple[Caller, object]] = []
    for number, (called, reaction) in enumerate(tree):
        below = f"{name}.{number}"
        other = reaction if isinstance(reaction, str) else named(reaction, f"{below}-or")
        calls.append((named(called, below), other))
    return Caller(name, tuple(calls))


@settings(max_examples=60)
@given(TREES, st.integers(0, 1))
def test_reduction_loses_nothing_when_services_are_encapsulated(tree: Any, retries: int) -> None:
    """With fewer runs or as many, the same ends of the test and the same faults are seen."""
    kinds = Faults(["503", "response_lost"]).at
    world = World(named(tree), retries)
    reduced, whole = (Exploration(kinds, max_faults=2, reduce=reduce) for reduce in (True, False))
    ends = explore(world, reduced)
    all_ends = explore(world, whole)
    assert set(all_ends.values()) == set(ends.values())
    assert whole.exercised == reduced.exercised
    assert set(whole.sites) == set(reduced.sites)
    assert reduced.runs <= whole.runs
    assert reduced.contradicted is None


class Shared(World):
    """Two services that share a secret: it fails the test when both have been hurt."""

    def run(self, plan: Plan) -> Behaviour:
        """What happens, with an end that follows from no view."""
        run = super().run(plan)
        hurt = {one.site.service for one in plan.injections}
        return dataclasses.replace(run, outcome="failed") if hurt >= {"currency"} else run


def test_reduction_ends_when_what_it_supposes_is_seen_to_be_wrong() -> None:
    """The same view and another end: everything left out is tried after all."""
    exploration = Exploration(TWO, max_faults=2)
    ends = explore(Shared(GATEWAY), exploration)
    assert "the test" == exploration.contradicted
    assert 0 == exploration.reduced
    assert any("currency" in str(plan) and "avatar" in str(plan) for plan in ends)


def test_a_service_that_contradicts_itself_is_named() -> None:
    """Not only the test is watched."""

    class Moody(World):
        served = 0

        def run(self, plan: Plan) -> Behaviour:
            self.served += 1
            run = super().run(plan)
            first = dataclasses.replace(run.calls[0], outcome=f"ok {self.served}")
            return dataclasses.replace(run, calls=(first, *run.calls[1:]))

    exploration = Exploration(TWO, max_faults=1)
    explore(Moody(GATEWAY), exploration)
    assert str(exploration.contradicted) == "quotes GET /"


def test_calls_that_the_mesh_refused_are_not_broken() -> None:
    """Nothing was sent that could have failed."""

    class Refused(World):
        def run(self, plan: Plan) -> Behaviour:
            run = super().run(plan)
            calls = tuple(dataclasses.replace(call, sent=False) for call in run.calls)
            return dataclasses.replace(run, calls=calls)

    world = Refused(Caller("test", ((LEAF, "absorb"),)))
    assert ["no fault"] == labels(explore(world, Exploration(TWO)))


def test_a_limit_on_runs_is_kept_and_told() -> None:
    """What is left undone is counted."""
    exploration = Exploration(TWO, max_runs=2)
    explore(World(GATEWAY), exploration)
    assert (2, 11) == (exploration.runs, exploration.left)
    assert exploration.next() is None


def test_a_fault_that_did_not_fire_is_not_exercised() -> None:
    """Planning it is not enough."""

    class Missed(World):
        def run(self, plan: Plan) -> Behaviour:
            return super().run(Plan())

    exploration = Exploration(TWO)
    explore(Missed(Caller("test", ((LEAF, "absorb"),))), exploration)
    assert set() == exploration.exercised


@pytest.mark.parametrize("reduce", [True, False])
def test_nothing_is_contradicted_at_first(reduce: bool) -> None:
    """A new exploration has seen nothing."""
    options: dict[str, Any] = {"reduce": reduce}
    assert Exploration(TWO, **options).contradicted is None
