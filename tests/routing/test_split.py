"""Who goes where, and who stays when weights change."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.routing import DestinationOptions, RequestInfo, RouteTable, Split
from meshlib.routing._layout import lay_out
from meshlib.routing._split import Destination
from meshlib.routing._sticky import WHOLE, position_of
from support.routes import call, routes, table

MANY = 100_000
CANARY = """
- name: rollout
  key: user
  split: [{subset: {version: v2}, weight: %s}, {subset: {version: v1}, weight: %s}]
"""


def split_of(some: RouteTable) -> Split:
    """The split of the only route."""
    (split,) = some.splits.values()
    return split


def plain(*weights: float) -> Split:
    """A split without a key, whose destinations are called by their numbers."""
    names = [DestinationOptions(name=str(number)) for number in range(len(weights))]
    return Split("s", [Destination(name) for name in names], weights)


def user(name: str) -> RequestInfo:
    """A call of a user."""
    return call(headers={"x-user-id": name})


@pytest.mark.parametrize(
    ("weights", "ends", "owners"),
    [
        ([1], (), (0,)),
        ([10, 90], (0.1,), (0, 1)),
        ([1, 0], (), (0,)),
        ([0, 1], (), (1,)),
        ([0, 5, 0], (), (1,)),
        # Two others: the first from 0 up, the second from 0.5 up, the last in between.
        ([1, 1, 2], (0.25, 0.5, 0.75), (0, 2, 1, 2)),
        # The first needs more than its half, and takes the upper end of the other's.
        ([5, 1, 2], (0.5, 0.625, 0.875), (0, 1, 2, 0)),
        ([1, 5, 2], (0.125, 0.375), (0, 2, 1)),
        ([3, 1, 0], (0.5, 0.75), (0, 1, 0)),
        ([1, 1, 1, 1, 4], (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875), (0, 4, 1, 4, 2, 4, 3, 4)),
    ],
)
def test_layout_by_hand(
    weights: list[float], ends: tuple[float, ...], owners: tuple[int, ...]
) -> None:
    """Intervals as they are worked out on paper."""
    layout = lay_out(weights)
    assert ends == pytest.approx(layout.ends)
    assert owners == layout.owners


WEIGHTS = st.lists(st.integers(0, 1000), min_size=1, max_size=6).filter(any)


def shares(weights: list[float]) -> list[float]:
    """How much of the whole each destination owns."""
    ends, owners = lay_out(weights)
    found = [0.0] * len(weights)
    for low, high, owner in zip((0.0, *ends), (*ends, 1.0), owners, strict=True):
        assert low < high
        found[owner] += high - low
    return found


@given(st.one_of(WEIGHTS, st.lists(st.floats(1e-9, 1e12), min_size=1, max_size=5)))
def test_layout_gives_each_its_share(weights: list[float]) -> None:
    """Intervals add up to the weights, and no weight is no interval."""
    found = shares(weights)
    assert [weight / sum(weights) for weight in weights] == pytest.approx(found, abs=1e-12)
    assert all(share == 0 for weight, share in zip(weights, found, strict=True) if not weight)


@given(
    st.lists(st.integers(0, 100), min_size=2, max_size=2),
    st.lists(st.integers(0, 100), min_size=2, max_size=2),
    st.integers(1, 2),
    st.lists(st.integers(0, WHOLE - 1), min_size=20, max_size=20),
)
def test_who_is_in_stays_in_while_the_share_grows(
    before: list[int], more: list[int], others: int, positions: list[int]
) -> None:
    """With one or two beside the last, whoever had a growing destination keeps it."""
    first = before[:others]
    second = [a + b for a, b in zip(first, more, strict=False)]
    whole = 100 * others * 2
    old, new = (plain(*weights, whole - sum(weights)) for weights in (first, second))
    for position in positions:
        draws = (position / WHOLE,)
        was, now = (split.choose(call(draws=draws)).name for split in (old, new))
        assert now == was or was == str(others)


@given(
    st.lists(st.integers(0, 20), min_size=5, max_size=5),
    st.lists(st.integers(0, 20), min_size=5, max_size=5),
    st.integers(0, WHOLE - 1),
)
def test_five_small_canaries_do_not_disturb_each_other(
    before: list[int], after: list[int], position: int
) -> None:
    """A move is always from or to the last, as long as none of n has more than its n-th."""
    old, new = (plain(*weights, 100 - sum(weights)) for weights in (before, after))
    draws = (position / WHOLE,)
    was, now = (split.choose(call(draws=draws)).name for split in (old, new))
    assert was == now or "5" in (was, now)


@given(st.integers(0, 100), st.integers(0, 100))
def test_least_possible_share_moves(before: int, after: int) -> None:
    """Of two destinations, just as many keys move as the weights differ by."""
    old, new = (lay_out([weight, 100 - weight]) for weight in (before, after))
    cuts = sorted({0.0, 1.0, *old.ends, *new.ends})
    moved = 0.0
    for low, high in pairwise(cuts):
        owners = {layout.owners[sum(end <= low for end in layout.ends)] for layout in (old, new)}
        moved += high - low if len(owners) > 1 else 0.0
    assert abs(after - before) / 100 == pytest.approx(moved)


def test_users_in_at_10_percent_stay_in_at_20() -> None:
    """Through the whole of a route, by a header, at every step of a canary."""
    users = [f"user-{number}" for number in range(3000)]
    inside: set[str] = set()
    for weight in (0, 1, 5, 10, 20, 50, 99, 100):
        split = split_of(table(CANARY % (weight, 100 - weight)))
        now = {name for name in users if split.choose(user(name)).name == "v2"}
        assert inside <= now
        assert len(now) == pytest.approx(len(users) * weight / 100, abs=80)
        inside = now
    assert set(users) == inside


def test_changed_weights_are_those_of_a_new_table() -> None:
    """Shifting weights at run time and loading a new document come to the same."""
    split = split_of(table(CANARY % (10, 90)))
    assert (10, 90) == split.weights
    split.set_weights([60, 40])
    other = split_of(table(CANARY % (60, 40)))
    names = [f"u{number}" for number in range(500)]
    assert [split.choose(user(name)).name for name in names] == [
        other.choose(user(name)).name for name in names
    ]
    assert (60, 40) == split.weights


@pytest.mark.parametrize("weights", [[0, 0], [1], [1, 2, 3], [-1, 2], [float("inf"), 1]])
def test_impossible_weights_are_refused(weights: list[float]) -> None:
    """And the ones before them stay."""
    split = plain(1, 3)
    with pytest.raises(ValueError, match="weights"):
        split.set_weights(weights)
    assert (1, 3) == split.weights


@pytest.mark.parametrize("weights", [(10, 90), (1, 1, 1), (5, 15, 30, 50), (0.5, 99.5)])
def test_draws_keep_the_ratios(weights: tuple[float, ...]) -> None:
    """Over 100,000 calls each share is within 1 % of the whole."""
    split = plain(*weights)
    info = RequestInfo("GET", b"/", {}, rng=random.Random(11))
    counts = Counter(split.choose(info).name for _ in range(MANY))
    for number, weight in enumerate(weights):
        assert counts[str(number)] / MANY == pytest.approx(weight / sum(weights), abs=0.01)


@pytest.mark.parametrize("form", ["%d", "user-%06d@example.com", "10.0.%d"])
def test_keys_keep_the_ratios(form: str) -> None:
    """Over 100,000 keys, however much alike they are, each share is within 1 %."""
    ends = lay_out([10, 20, 70])
    counts: Counter[int] = Counter()
    for number in range(MANY):
        position = position_of(b"salt", form % number)
        counts[ends.owners[sum(end <= position for end in ends.ends)]] += 1
    for owner, share in enumerate((0.1, 0.2, 0.7)):
        assert counts[owner] / MANY == pytest.approx(share, abs=0.01)


def test_positions_are_uniform() -> None:
    """100 cells over 100,000 keys: chi-squared is below its 99.99 % point, about 160."""
    counts = Counter(int(position_of(b"s", f"k{number}") * 100) for number in range(MANY))
    expected = MANY / 100
    chi_squared = sum((counts[cell] - expected) ** 2 / expected for cell in range(100))
    assert chi_squared < 161.0  # of 99 degrees of freedom


def test_two_splits_share_out_the_same_users_independently() -> None:
    """Half of those in one canary are in the other, too, as chance would have it."""
    document = """
    - {name: one, key: user, split: [{name: a, weight: 50}, {name: b, weight: 50}]}
    - {name: two, key: user, split: [{name: a, weight: 50}, {name: b, weight: 50}]}
    """
    one, two = table(document).splits.values()
    cells = Counter(
        (one.choose(user(f"u{n}")).name, two.choose(user(f"u{n}")).name) for n in range(20_000)
    )
    assert 4 == len(cells)
    assert all(0.235 < count / 20_000 < 0.265 for count in cells.values())


def agreement(first: Split, second: Split) -> float:
    """How many of 4,000 users get destinations of the same name."""
    users = [user(f"u{number}") for number in range(4000)]
    return sum(first.choose(each).name == second.choose(each).name for each in users) / 4000


def test_same_route_of_another_service_is_independent_unless_salted_alike() -> None:
    """Services do not choose the same users by chance, and do on request."""
    document = "[{name: r, key: {header: x-user-id%s}, split: [{name: a}, {name: b}]}]"
    apart = [split_of(table(document % "", service)) for service in ("x", "y")]
    together = [split_of(table(document % ", salt: ui", service)) for service in ("x", "y")]
    assert 0.46 < agreement(*apart) < 0.54
    assert 1.0 == agreement(*together)


@pytest.mark.parametrize(
    ("key", "info"),
    [
        ("user", {"headers": {"x-user-id": "7"}}),
        ({"header": "X-User-Id"}, {"headers": {"x-user-id": "7"}}),
        ({"cookie": "uid"}, {"headers": {"cookie": "uid=7"}}),
        ({"query": "uid"}, {"target": "/?uid=7"}),
        ("client_ip", {"client_ip": "7"}),
        ({"client_ip": True}, {"client_ip": "7"}),
        ("tenant", {"tenant": "7"}),
    ],
)
def test_key_comes_from_where_it_is_said_to(key: Any, info: dict[str, Any]) -> None:
    """The same key decides the same wherever it stands, and no draw is made."""
    (options,) = routes("[{name: r, split: [{name: a}, {name: b}]}]")
    options = type(options).model_validate({**options.model_dump(exclude_unset=True), "key": key})
    split = split_of(RouteTable([options], service="users"))
    expected = "a" if position_of(b"split\0users/r", "7") < 0.5 else "b"
    assert expected == split.choose(call(**info)).name


@pytest.mark.parametrize("info", [{}, {"headers": {"x-user-id": ""}}])
@pytest.mark.parametrize(("draw", "name"), [(0.0999, "v2"), (0.1, "v1"), (0.9999, "v1")])
def test_call_without_key_draws_once(info: dict[str, Any], draw: float, name: str) -> None:
    """An empty key is none: or all who have not said who they are would go one way."""
    split = split_of(table(CANARY % (10, 90)))
    assert name == split.choose(call(draws=(draw,), **info)).name


def test_end_of_a_share_belongs_to_the_next() -> None:
    """A quarter is what is below 0.25, as a draw of 0 has to be somebody's, too."""
    split = plain(1, 3)
    assert ["0", "0", "1", "1"] == [
        split.choose(call(draws=(draw,))).name for draw in (0.0, 0.25 - 2**-53, 0.25, 1 - 2**-53)
    ]


def test_only_destination_costs_no_draw() -> None:
    """One destination, or one with all the weight, needs no chance."""
    assert "0" == plain(1).choose(call()).name
    assert "1" == plain(0, 3).choose(call()).name


def test_position_is_the_hash_of_salt_and_key() -> None:
    """The upper 53 bits of XXH64 of both; processes of other versions rely upon it."""
    # By the specification's steps, in plain integers, of b"salt\0key".
    assert (0x3EF3611B5CED5AF3 >> 11) / 2**53 == position_of(b"salt", "key")
    assert 0 <= position_of(b"", "\ud800") < 1


AB = """
- name: ab
  key: {cookie: uid}
  split:
    - {name: A, subset: {version: v1}, weight: 100}
    - {name: B, subset: {version: v2}, weight: 0}
  variants:
    A: {headers: {X-User-Cohort: A}}
    B: {headers: {X-User-Cohort: {prefix: B}}, cookies: {beta: "1"}, query: {ui: new}}
"""


@pytest.mark.parametrize(
    ("headers", "target", "name"),
    [
        ({"x-user-cohort": "A"}, "/", "A"),
        ({"x-user-cohort": "B1", "cookie": "beta=1"}, "/?ui=new", "B"),
        ({"x-user-cohort": "B1", "cookie": "beta=2"}, "/?ui=new", "A"),
        ({"x-user-cohort": "B1"}, "/?ui=new", "A"),
        ({"x-user-cohort": "B1", "cookie": "beta=1"}, "/?ui=old", "A"),
        ({}, "/", "A"),
    ],
)
def test_variant_is_for_certain(headers: dict[str, str], target: str, name: str) -> None:
    """Who has all that a variant asks for gets it, though its weight be 0; others do not."""
    assert name == split_of(table(AB)).choose(call(target, headers=headers)).name


def test_cohort_a_always_gets_a() -> None:
    """Whatever the key and the weights."""
    split = split_of(table(AB))
    split.set_weights([0, 1])
    for number in range(50):
        headers = {"x-user-cohort": "A", "cookie": f"uid={number}"}
        assert "A" == split.choose(call(headers=headers)).name
        assert "B" == split.choose(call(headers={"cookie": f"uid={number}"})).name


def test_destination_is_named_after_what_it_means() -> None:
    """A repr for a debugger, and a name for reports."""
    split = split_of(table(CANARY % (1, 1)))
    assert ["<Destination v2>", "<Destination v1>"] == list(map(repr, split.destinations))
