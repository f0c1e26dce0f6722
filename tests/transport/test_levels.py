"""Levels, zones and subsets of a service, from its settings to its picks."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshlib import CircuitOpenError, Endpoint
from meshlib._models import Verdict
from meshlib.balancing import Members, PanicOptions, Random, default_keys
from meshlib.breaker import Breaker, BreakerOptions
from meshlib.transport import Service
from meshlib.transport._choice import choose
from meshlib.transport._pickable import build
from support import FakeClock
from support.meshes import at_rest, begun, call_of, service_of

KINDS = ("local", "edge", "cloud")
CASES: list[dict[str, Any]] = [
    case
    for case in json.loads(
        (Path(__file__).parent.parent / "vectors" / "balancing.json").read_text(encoding="utf-8")
    )["priority"]["cases"]
    if all(len(level) == 2 for level in case["levels"])  # nothing is degraded or excluded here
]


class Hundredths(random.Random):
    """Draws the middle of each hundredth, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._count = -1

    def random(self) -> float:
        """The next one."""
        self._count += 1
        return (self._count % 100 + 0.5) / 100


def shares_of(service: Service) -> dict[str, int]:
    """Of a hundred picks, evenly spread over the draws, how many go to each kind."""
    policies = service.policies
    pickable = build(
        service.targets,
        Random(random.Random(1)),
        policies.panic,
        Hundredths(),
        service.clock(),
        levels=policies.levels,
    )
    if pickable.pick is None:
        return {}
    call: Any = None
    picks = (pickable.pick(call) for _ in range(100))
    return dict(Counter(target.endpoint.kind for target in picks))


def levelled(clock: FakeClock, levels: list[list[int]], **settings: Any) -> Service:
    """A service whose kinds have so many endpoints, the first so many of them healthy."""
    endpoints = [
        Endpoint(f"http://{kind}:{n + 1}", kind=kind)
        for kind, level in zip(KINDS, levels, strict=False)
        for n in range(level[0])
    ]
    service = service_of(clock, *endpoints, **settings)
    healthy = dict(zip(KINDS, (level[1] for level in levels), strict=False))
    service.set_healthy(
        {target.address: target.port <= healthy[target.endpoint.kind] for target in service.targets}
    )
    return service


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["levels"]))
def test_division_is_as_published_through_kinds(clock: FakeClock, case: dict[str, Any]) -> None:
    """Envoy's own table, level by level the endpoints of a kind."""
    panic = {
        "threshold": case.get("panic_threshold", 50) / 100,
        "overprovisioning": case.get("opf", 140) / 100,
    }
    service = levelled(clock, case["levels"], panic=panic)
    expected = {kind: share for kind, share in zip(KINDS, case["load"], strict=False) if share}
    assert expected == shares_of(service)
    if case.get("panic") is not None:
        # A level that has no endpoints does not exist, and its neighbours move up.
        there = [
            in_panic
            for in_panic, level in zip(case["panic"], case["levels"], strict=True)
            if level[0]
        ]
        assert [n for n, in_panic in enumerate(there) if in_panic] == list(service.pickable.panic)


def test_all_of_the_table_that_fits_is_used() -> None:
    """The table has 28 rows, of which 21 speak of healthy endpoints alone."""
    assert 21 == len(CASES)


def test_failover_and_fail_back(clock: FakeClock) -> None:
    """Local, then edge, then cloud, in the shares of the arithmetic, and back at once."""
    service = levelled(clock, [[4, 4], [2, 2], [2, 2]])

    def after(**healthy: int) -> dict[str, int]:
        service.set_healthy(
            {
                target.address: target.port <= healthy[target.endpoint.kind]
                for target in service.targets
                if target.endpoint.kind in healthy
            }
        )
        return shares_of(service)

    assert {"local": 100} == shares_of(service)
    assert {"local": 100} == after(local=3)  # 75 % of 140 % is enough for everybody
    assert {"local": 70, "edge": 30} == after(local=2)
    assert {"local": 35, "edge": 65} == after(local=1)
    assert {"edge": 100} == after(local=0)
    assert {"edge": 70, "cloud": 30} == after(edge=1)
    assert {"cloud": 100} == after(edge=0)
    assert {"local": 70, "cloud": 30} == after(local=2)
    assert {"local": 70, "edge": 30} == after(edge=2)
    assert {"local": 100} == after(local=4)


def test_open_breakers_fail_over(clock: FakeClock) -> None:
    """A level whose breakers are open has nothing healthy; one that closes is used again."""
    endpoints = (Endpoint("http://l"), Endpoint("http://c", kind="cloud"))
    service = service_of(clock, *endpoints, breaker={"consecutive_failures": 1})
    call, attempt = begun(service)
    assert "http://l" == attempt.target.endpoint.url
    call.fail_attempt(attempt, httpx.ConnectError("refused"))
    second = call.start_attempt()
    assert "http://c" == second.target.endpoint.url
    call.finish_attempt(second, httpx.Response(200))
    call.close()
    clock.advance(5.0)
    for _ in range(2):  # the first is the probe
        call, attempt = begun(service)
        assert "http://l" == attempt.target.endpoint.url
        call.finish_attempt(attempt, httpx.Response(200))
        call.close()
    assert at_rest(service)


def test_without_panic_the_unfit_are_better_than_nobody(clock: FakeClock) -> None:
    """Health only prefers: when nobody is fit, everybody whom a breaker admits is picked."""
    service = levelled(clock, [[2, 0], [1, 0]], panic=False)
    assert {"local", "edge"} == {t.endpoint.kind for t in service.pickable.candidates}
    assert () == service.pickable.skipped


def test_level_without_a_share_takes_over_from_open_breakers(clock: FakeClock) -> None:
    """One unfit endpoint beside 200 has no whole percent of the traffic, and gets all of it."""
    service = levelled(clock, [[200, 200], [1, 0]], breaker={"consecutive_failures": 1})
    for target in service.targets[:200]:
        target.breaker.record(target.breaker.epoch, Verdict.FAILURE, clock(), 0.0, 500)
    assert ["edge"] == [target.endpoint.kind for target in service.pickable.candidates]
    assert 200 == len(service.pickable.skipped)
    assert {"edge": 100} == shares_of(service)


def test_lower_levels_are_skipped_with_a_reason(clock: FakeClock) -> None:
    """A report says why an endpoint of another level was not chosen."""
    service = service_of(clock, Endpoint("http://l"), Endpoint("http://c", kind="cloud"))
    skipped = {target.endpoint.url: reason for target, reason in service.pickable.skipped}
    assert {"http://c": "lower priority"} == skipped


def test_preference_replaces_the_default(clock: FakeClock) -> None:
    """By cost the cloud may come first, and without kinds nobody does."""
    endpoints = (
        Endpoint("http://l", metadata={"cost": "5"}),
        Endpoint("http://c", kind="cloud", metadata={"cost": "1"}),
    )
    assert {"cloud": 100} == shares_of(service_of(clock, *endpoints, prefer="cost"))
    assert {"local", "cloud"} == set(shares_of(service_of(clock, *endpoints, prefer=[])))


def test_dear_endpoints_take_over(clock: FakeClock) -> None:
    """Levels by cost fail over and back as others do."""
    endpoints = [
        Endpoint(f"http://{kind}:{n}", kind=kind, metadata={"cost": cost})
        for kind, cost in (("local", "9"), ("cloud", "1"))
        for n in (1, 2)
    ]
    service = service_of(clock, *endpoints, prefer=["cost"])
    service.set_healthy({"http://cloud:1": False})
    assert {"cloud": 70, "local": 30} == shares_of(service)
    service.set_healthy({"http://cloud:1": True})
    assert {"cloud": 100} == shares_of(service)


def test_number_that_is_none_is_logged_with_the_service(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, however often levels are worked out."""
    service = service_of(clock, "http://a", "http://b", prefer="cost")
    service.rebuild()
    assert 1 == sum("'cost'" in record.getMessage() for record in caplog.records)


# Zones


def zoned(clock: FakeClock, members: Members, **settings: Any) -> tuple[Service, list[Members]]:
    """Six endpoints, two in zone a, called from there by an application with *members*."""
    endpoints = [
        Endpoint(f"http://{zone}:{n}", metadata={"zone": zone})
        for zone, count in (("a", 2), ("b", 4))
        for n in range(1, count + 1)
    ]
    told = [members]
    service = service_of(clock, ready=False, own_zone="a", balancer="random", **settings)
    asked: list[str] = []

    def find(name: str) -> Members:
        asked.append(name)
        return told[-1]

    service.find_members = find
    service.update(endpoints)
    assert not settings.get("zone_aware") or set(asked) == {"us"}
    return service, told


def zones_of(service: Service, picks: int = 3000) -> dict[str, float]:
    """The share of each zone."""
    pick = service.pickable.pick
    assert pick is not None
    call: Any = None
    seen = Counter(pick(call).endpoint.metadata["zone"] for _ in range(picks))
    return {zone: count / picks for zone, count in seen.items()}


def test_zone_aware_keeps_what_fits(clock: FakeClock) -> None:
    """Half of the callers, a third of the endpoints: two thirds of the calls stay."""
    service, _ = zoned(clock, Members({"a": 3, "b": 3}, 6), zone_aware={"members": "us"})
    assert {"a": 2 / 3, "b": 1 / 3} == pytest.approx(zones_of(service), abs=0.03)


def test_members_are_looked_for_again(clock: FakeClock) -> None:
    """Within five seconds of a change, by the next call."""
    service, told = zoned(clock, Members({"a": 3, "b": 3}, 6), zone_aware={"members": "us"})
    begun(service)[0].close()
    told.append(Members({"a": 1, "b": 5}, 6))
    begun(service)[0].close()
    assert zones_of(service)["a"] < 0.8
    clock.advance(5.0)
    begun(service)[0].close()
    assert {"a": 1.0} == zones_of(service)


def test_zones_are_divided_in_the_first_level_only(clock: FakeClock) -> None:
    """When the first level is down, the next is balanced as if there were no zones."""
    service, _ = zoned(clock, Members({"a": 1, "b": 9}, 10), zone_aware={"members": "us"})
    everybody = [target.endpoint for target in service.targets]
    first = [Endpoint(f"http://first:{n}", metadata={"zone": "c"}) for n in (1, 2)]
    later = [Endpoint(each.url, priority=1, metadata=each.metadata) for each in everybody]
    service.update([*first, *later])
    assert {"c": 1.0} == zones_of(service)
    service.set_healthy({"http://first:1": False, "http://first:2": False})
    assert {"a": 1 / 3, "b": 2 / 3} == pytest.approx(zones_of(service), abs=0.03)


def test_level_in_panic_has_no_zones(clock: FakeClock) -> None:
    """In panic every endpoint is used, wherever it is."""
    service, _ = zoned(clock, Members({"a": 1, "b": 1}, 2), zone_aware={"members": "us"})
    service.set_healthy({target.address: False for target in service.targets})
    assert (0,) == service.pickable.panic
    assert {"a": 1 / 3, "b": 2 / 3} == pytest.approx(zones_of(service), abs=0.03)


def test_nobody_is_known_unless_the_mesh_tells(clock: FakeClock) -> None:
    """A service of its own has no neighbours to ask."""
    service = service_of(clock, "http://a", "http://b", own_zone="a", zone_aware={"members": "us"})
    assert 2 == len(service.pickable.candidates)


# Subsets


def many(count: int) -> list[Endpoint]:
    """So many endpoints."""
    return [Endpoint(f"http://10.0.0.1:{n}") for n in range(1, count + 1)]


def test_only_the_subset_has_targets(clock: FakeClock) -> None:
    """Breakers, loads and connections are those of the chosen."""
    service = service_of(clock, *many(500), subsetting={"size": 7, "key": "me"})
    assert 7 == len(service.targets)
    kept = set(service.targets)
    service.update(many(499))
    assert len(kept & set(service.targets)) >= 6


def test_subset_follows_new_settings(clock: FakeClock) -> None:
    """Larger, and off again: the service still knows everybody; the chosen keep their state."""
    service = service_of(clock, *many(100), subsetting={"size": 5, "key": "me"})
    kept = set(service.targets)
    for settings, size in (({"subsetting": {"size": 9, "key": "me"}}, 9), ({}, 100)):
        service.apply(service_of(clock, **settings).policies)
        assert size == len(service.targets)
        assert kept <= set(service.targets)
    service.apply(service_of(clock, subsetting={"size": 5, "key": "me"}).policies)
    assert kept == set(service.targets)


def test_settings_make_no_service_ready(clock: FakeClock) -> None:
    """Who waits for endpoints waits on when the subset changes before they came."""
    service = service_of(clock, ready=False)
    service.apply(service_of(clock, subsetting=True).policies)
    assert not service.ready


def test_forked_child_chooses_its_own(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of one host would all load the same endpoints; with a key they are asked to."""
    own = service_of(clock, *many(500), subsetting=True)
    keyed = service_of(clock, *many(500), subsetting={"key": "me"})
    before = set(own.targets), set(keyed.targets)
    monkeypatch.setattr("os.getpid", lambda: 4_000_001)
    own.renew()
    keyed.renew()
    assert 20 == len(own.targets)
    assert before[0] != set(own.targets)
    assert before[1] == set(keyed.targets)
    unready = service_of(clock, ready=False, subsetting=True)
    unready.renew()
    assert not unready.ready


def test_versions_of_routes_keep_endpoints(clock: FakeClock) -> None:
    """What routes choose by is not lost; mirrors and splits count, and versions always."""
    endpoints = [
        *many(100),
        *[
            Endpoint(f"http://10.0.0.2:{n}", metadata={key: "x"})
            for n, key in enumerate(("version", "shade", "tone", "hue", "other"), 1)
        ],
    ]
    routes = [
        {"subset": {"hue": "x"}, "mirror": [{"subset": {"shade": "x"}}]},
        {"split": [{"subset": {"tone": "x"}}, {"name": "v", "subset": {"version": "x"}}]},
    ]
    service = service_of(clock, *endpoints, routes=routes, subsetting={"size": 1, "key": "me"})
    kept = {key for target in service.targets for key in target.endpoint.metadata}
    assert {"version", "shade", "tone", "hue"} <= kept
    assert 5 == len(service.targets)


# Breakers of a route


def test_breakers_of_a_route_stand_in_for_those_of_the_targets(clock: FakeClock) -> None:
    """What is open, probed and recorded is the override; the target's own stays as it was."""
    service = service_of(clock, "http://a", "http://b", balancer="random")
    options = BreakerOptions(consecutive_failures=1)
    breakers = {target: Breaker(options, rng=random.Random(1)) for target in service.targets}
    first, second = service.targets

    def view() -> Any:
        return build(
            service.targets,
            service.balancer,
            PanicOptions(),
            service.rng,
            service.clock(),
            breakers=breakers,
        )

    def trip(target: Any) -> None:
        breaker = breakers[target]
        breaker.record(breaker.epoch, Verdict.FAILURE, clock(), 0.0, 500)

    def chosen(pickable: Any) -> Any:
        call = call_of(service)
        call.admit()
        call.lane = Lane(service, view)
        call.number = 1
        attempt = choose(call, pickable, clock())
        call.close()
        return attempt

    assert breakers[first] is not first.breaker
    assert chosen(view()).breaker in breakers.values()
    trip(first)
    pickable = view()
    assert ((first,), ((first, "open"),)) == (pickable.open, pickable.skipped)
    assert first.breaker.closed
    for _ in range(20):
        assert second is chosen(pickable).target
    stale = view()
    trip(second)
    with pytest.raises(CircuitOpenError, match="500"):
        chosen(stale)
    assert not view().admits(clock())
    clock.advance(5.0)
    assert view().admits(clock())
    probe = chosen(view())
    assert probe.probe
    assert probe.breaker is breakers[probe.target]


class Lane:
    """A lane that is built anew whenever it is read."""

    def __init__(self, service: Service, view: Any) -> None:
        self.service = service
        self._view = view

    @property
    def pickable(self) -> Any:
        """As the breakers are now."""
        return self._view()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.service, name)


def test_build_sorts_by_kind_unless_told(clock: FakeClock) -> None:
    """The default of `build` is the default of a service."""
    service = service_of(clock, Endpoint("http://l"), Endpoint("http://c", kind="cloud"))
    rng = random.Random(1)
    pickable = build(service.targets, Random(rng), PanicOptions(), rng, clock())
    assert ["local"] == [target.endpoint.kind for target in pickable.candidates]
    assert service.policies.levels is default_keys
