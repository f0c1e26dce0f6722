"""Picks by reports: what is pooled, how long, and what is chosen."""

from __future__ import annotations

import json
import random
from collections import Counter
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.balancing import (
    BalancerOptions,
    Baseline,
    Load,
    Prequal,
    ReportPool,
    learns,
    make_balancer,
    reuse_limit,
)

VECTORS = json.loads(
    (Path(__file__).parent.parent / "vectors" / "prequal.json").read_text(encoding="utf-8")
)


def _options(**settings: Any) -> BalancerOptions:
    return BalancerOptions.model_validate({"name": "prequal", **settings})


def _balancer(rng: random.Random, **settings: Any) -> Prequal:
    made = make_balancer(_options(**settings), rng)
    assert isinstance(made, Prequal)
    return made


def _pool(rng: random.Random, count: int = 4, **settings: Any) -> tuple[ReportPool, list[Load]]:
    return ReportPool(_options(**settings), rng), [Load(Baseline()) for _ in range(count)]


def _rif(pool: ReportPool) -> list[float]:
    return [report.rif for report in pool.reports.values()]


# Published values


@pytest.mark.parametrize("row", VECTORS["reuse"])
def test_reuse_is_limited_as_published(row: dict[str, Any]) -> None:
    """By the formula; without a limit where removals take more than what comes in."""
    limit = reuse_limit(_options(), row["n"], row["rate"])
    assert pytest.approx(inf if row["limit"] is None else row["limit"]) == limit


def test_defaults_are_the_published_ones() -> None:
    """All but the quantile, whose docstring says why."""
    options = _options()
    assert VECTORS["defaults"] == {name: getattr(options, name) for name in VECTORS["defaults"]}
    assert options.hot_quantile == 0.0


def test_it_learns_and_others_do_not(rng: random.Random) -> None:
    """Attempts ask for reports only where somebody goes by them."""
    assert learns(_balancer(rng))
    assert not learns(make_balancer(BalancerOptions(), rng))


# The pool


def test_a_newer_report_takes_the_place_of_the_older(rng: random.Random) -> None:
    """One endpoint has one report."""
    pool, (one, other, *_) = _pool(rng)
    pool.add(one, 3, 0.1, 1.0)
    pool.add(other, 4, 0.1, 1.1)
    pool.add(one, 5, 0.1, 1.2)
    assert [4, 5] == _rif(pool)


def test_the_oldest_goes_when_the_pool_is_full(rng: random.Random) -> None:
    """However good it was."""
    pool, loads = _pool(rng, pool_size=2)
    for rif, load in enumerate(loads[:3]):
        pool.add(load, rif, 0.1, 1.0)
    assert [1, 2] == _rif(pool)


def test_reports_age(rng: random.Random) -> None:
    """At the age they count, beyond it they are gone."""
    pool, (one, other, *_) = _pool(rng)
    pool.add(one, 1, 0.1, 1.0)
    pool.add(other, 2, 0.1, 1.5)
    assert 2 == len(pool.among({one, other}, 2.0))
    assert [2] == [report.rif for report in pool.among({one, other}, 2.1)]
    assert [2] == _rif(pool)


@pytest.mark.parametrize(
    ("quantile", "chosen"),
    [(0.0, 0), (0.5, 1), (0.84, 2), (1.0, 3)],
)
def test_the_fastest_of_the_cold_is_chosen(
    rng: random.Random, quantile: float, chosen: int
) -> None:
    """Cold is what serves no more than the quantile of all."""
    pool, loads = _pool(rng, hot_quantile=quantile)
    rows = [(1, 0.4), (2, 0.3), (3, 0.2), (9, 0.1)]
    if quantile == 0.84:
        loads.append(Load(Baseline()))
        rows = [(1, 0.4), (2, 0.3), (3, 0.2), (4, 0.25), (9, 0.1)]
    for load, (rif, latency) in zip(loads, rows, strict=True):
        pool.add(load, rif, latency, 1.0)
    assert pool.best(list(pool.reports.values())).load is loads[chosen]


def test_weights_divide_what_is_served(rng: random.Random) -> None:
    """Six requests are few for an endpoint of four times the weight."""
    pool, (heavy, light, *_) = _pool(rng)
    heavy.weight = 4.0
    pool.add(heavy, 6, 0.1, 1.0)
    pool.add(light, 2, 0.1, 1.0)
    assert pool.best(list(pool.reports.values())).load is heavy


def test_use_adds_a_request_and_wears_the_report_out(rng: random.Random) -> None:
    """So that a herd does not follow one report."""
    pool, (one, *_) = _pool(rng)
    pool.reuse = 2.0
    pool.add(one, 1, 0.1, 1.0)
    pool.used(pool.reports[one])
    assert [2] == _rif(pool)
    pool.used(pool.reports[one])
    assert [] == _rif(pool)


def test_reuse_is_rounded_at_random() -> None:
    """1.5 uses are one or two, as often."""
    pool, (one, *_) = _pool(random.Random(3))
    pool.reuse = 1.5
    uses: Counter[float] = Counter()
    for _ in range(400):
        pool.add(one, 1, 0.1, 1.0)
        uses[pool.reports[one].uses] += 1
    assert {1, 2} == set(uses)
    assert 150 < uses[1] < 250


def test_the_oldest_and_the_worst_leave_in_turn(rng: random.Random) -> None:
    """Worst is the hot one with the most requests, and else the slowest."""
    pool, loads = _pool(rng, 6, hot_quantile=0.5)
    pool.reuse = 9.0
    for load, (rif, latency) in zip(
        loads, [(1, 0.1), (2, 0.1), (9, 0.1), (3, 0.1), (2, 0.1), (2, 0.5)], strict=True
    ):
        pool.add(load, rif, latency, 1.0)
    pool.thin_out()
    assert [2, 9, 3, 2, 2] == _rif(pool)
    pool.thin_out()
    assert [2, 3, 2, 2] == _rif(pool)
    pool.thin_out()
    assert [3, 2, 2] == _rif(pool)
    pool.drop(loads[3])
    pool.add(loads[0], 2, 0.1, 1.0)
    pool.thin_out()
    assert [(2, 0.1), (2, 0.1)] == [(r.rif, r.latency) for r in pool.reports.values()]
    pool.thin_out()
    assert 2 == len(pool.reports)


def test_few_endpoints_lose_no_report_but_by_age(rng: random.Random) -> None:
    """Or the pool would be empty most of the time."""
    pool, loads = _pool(rng)
    for load in loads:
        pool.add(load, 1, 0.1, 1.0)
    pool.thin_out()
    assert 4 == len(pool.reports)


# Picks


def test_without_reports_it_is_least_connections(make_targets: Any, make_info: Any) -> None:
    """Pick by pick, as it degrades to what the client knows itself."""
    targets = make_targets(9)
    mine = _balancer(random.Random(5)).prepare(targets)
    other = make_balancer(BalancerOptions(), random.Random(5)).prepare(targets)
    rng = random.Random(1)
    for _ in range(300):
        target = rng.choice(targets)
        target.load.in_flight = rng.randrange(3)
        target.load.observe(rng.uniform(0.01, 0.1), 10.0)
        info = make_info(10.0)
        assert mine(info) is other(info)


def test_one_report_is_too_few(make_targets: Any, make_info: Any, rng: random.Random) -> None:
    """It would get all the traffic until it is stale."""
    targets = make_targets(3)
    balancer = _balancer(rng)
    pick = balancer.prepare(targets)
    targets[0].load.in_flight = 1
    balancer.report(targets[0].load, 0, 0.001, 1.0)
    assert targets[0] not in {pick(make_info(1.0)) for _ in range(9)}


def test_reports_decide(make_targets: Any, make_info: Any, rng: random.Random) -> None:
    """What a client counts itself does not, once endpoints tell."""
    targets = make_targets(3)
    balancer = _balancer(rng)
    pick = balancer.prepare(targets)
    for target, rif in zip(targets, (4, 2, 6), strict=True):
        balancer.report(target.load, rif, 0.01, 1.0)
    targets[1].load.in_flight = 3
    assert [targets[1], targets[1]] == [pick(make_info(1.0)) for _ in range(2)]
    assert {targets[0], targets[1]} == {pick(make_info(1.0)) for _ in range(2)}


def test_the_silent_are_looked_at(make_targets: Any, make_info: Any, rng: random.Random) -> None:
    """As idle as the idlest, at the latency that was measured here; awaited ones are not."""
    targets = make_targets(3)
    balancer = _balancer(rng)
    pick = balancer.prepare(targets)
    silent = targets[2].load
    silent.observe(0.005, 1.0)
    for target in targets[:2]:
        balancer.report(target.load, 50, 0.01, 1.0)
    assert targets[2] in {pick(make_info(1.0)) for _ in range(3)}
    silent.ewma = silent.estimate = 0.5
    assert targets[2] not in {pick(make_info(1.0)) for _ in range(6)}
    silent.ewma = silent.estimate = 0.0
    silent.in_flight = 1
    assert targets[2] not in {pick(make_info(1.0)) for _ in range(6)}


def test_estimates_of_the_idle_age(make_targets: Any, make_info: Any, rng: random.Random) -> None:
    """So that an endpoint that was slow is tried again."""
    targets = make_targets(2)
    balancer = _balancer(rng)
    pick = balancer.prepare(targets)
    targets[0].load.baseline.latency = 0.01
    for target in targets:
        target.load.ewma = target.load.estimate = 5.0
    for _ in range(2):
        pick(make_info(100.0))
    assert pytest.approx(0.0095, rel=1e-3) == targets[0].load.estimate


def test_reports_of_others_do_not_count(
    make_targets: Any, make_info: Any, rng: random.Random
) -> None:
    """An ejected endpoint is no candidate, whatever it said."""
    targets = make_targets(5)
    balancer = _balancer(rng)
    for target, rif in zip(targets, (0, 0, 5, 6, 7), strict=True):
        balancer.report(target.load, rif, 0.01, 1.0)
    assert targets[2] is balancer.pick(targets[2:], make_info(1.0))


def test_a_single_candidate_needs_no_report(
    make_targets: Any, make_info: Any, rng: random.Random
) -> None:
    """There is nothing to choose."""
    targets = make_targets(1)
    assert targets[0] is _balancer(rng).prepare(targets)(make_info())


def test_who_fails_more_than_others_is_not_believed(
    make_targets: Any, make_info: Any, rng: random.Random
) -> None:
    """Endpoints that fail fast look idle; what is held against them fades."""
    targets = make_targets(4)
    balancer = _balancer(rng, idle_decay_time=2.0)
    pick = balancer.prepare(targets)
    bad = targets[0].load
    for target in targets:
        balancer.report(target.load, 9, 0.01, 1.0)
    balancer.ended(targets[1].load, False, 1.0)
    balancer.ended(bad, True, 1.0)
    bad.penalise(1.0)
    balancer.report(bad, 0, 0.0001, 1.0)
    assert targets[0] not in {pick(make_info(1.0)) for _ in range(9)}
    balancer.ended(bad, False, 1.5)
    for target in targets[1:]:
        balancer.report(target.load, 9, 0.01, 10.0)
    balancer.report(bad, 0, 0.0001, 10.0)
    assert targets[0] is pick(make_info(10.0))


def test_what_faded_is_forgotten(rng: random.Random) -> None:
    """A service whose endpoints come and go keeps no list of all that ever failed."""
    balancer = _balancer(rng, idle_decay_time=1.0)
    for n in range(1025):
        balancer.ended(Load(Baseline()), True, float(n))
    assert len(balancer._aversion._shares) < 100


def test_with_probes_more_reports_come_in(make_targets: Any, rng: random.Random) -> None:
    """So that among many each is used but a few times."""
    balancer = _balancer(rng, probe_path="/load", probe_rate=1.0)
    balancer.prepare(make_targets(100))
    assert pytest.approx(2 / (0.84 * 2 - 1)) == balancer._pool.reuse
    balancer = _balancer(rng)
    balancer.prepare(make_targets(100))
    assert inf == balancer._pool.reuse


def test_only_the_silent_are_probed(make_targets: Any, make_info: Any, rng: random.Random) -> None:
    """As many as are owed for the picks since the last time."""
    targets = make_targets(8)
    balancer = _balancer(rng, probe_path="/load")
    pick = balancer.prepare(targets)
    assert [] == balancer.silent(targets, 1.0)
    balancer.report(targets[0].load, 1, 0.01, 1.0)
    pick(make_info(1.0))
    wanted = balancer.silent(targets, 1.0)
    assert 3 == len(set(map(id, wanted)))
    assert targets[0] not in wanted
    for _ in range(9):
        pick(make_info(1.0))
    assert 7 == len(balancer.silent(targets, 1.0))


def test_a_forked_child_knows_nothing(
    make_targets: Any, make_info: Any, rng: random.Random
) -> None:
    """Reports of its parent are of another time."""
    targets = make_targets(3)
    balancer = _balancer(rng)
    for target in targets:
        balancer.report(target.load, 1, 0.01, 1.0)
    balancer.renew()
    assert {} == balancer._pool.fresh(1.0)


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.floats(0, 50), st.floats(0, 1), st.booleans()),
        max_size=60,
    ),
    st.floats(0, 1),
)
def test_a_pick_is_always_a_candidate(
    steps: list[tuple[int, float, float, bool]], quantile: float
) -> None:
    """Whatever is reported, and the pool never holds more than it may."""
    loads = [Load(Baseline()) for _ in range(10)]
    candidates = tuple(_Candidate(load) for load in loads)
    balancer = _balancer(random.Random(2), hot_quantile=quantile, pool_size=4)
    pick = balancer.prepare(candidates)
    now = 0.0
    for number, rif, latency, failed in steps:
        now += latency
        balancer.ended(loads[number], failed, now)
        balancer.report(loads[number], rif, latency, now)
        assert pick(_Info(now)) in candidates
        assert len(balancer._pool.reports) <= 4


class _Candidate:
    """A candidate without an endpoint."""

    def __init__(self, load: Load) -> None:
        self.endpoint: Any = None
        self.load = load


class _Info:
    """The time of a pick."""

    hash_key = None
    tried = ()

    def __init__(self, now: float) -> None:
        self.now = now
