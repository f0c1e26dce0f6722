"""How many may be ejected, and for how long."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib.breaker import OutlierDetector, OutlierOptions, OutlierStats

Hosts = list[tuple[str, OutlierStats]]


def make(**options: Any) -> OutlierDetector:
    """Return a detector whose first interval began at 0 s."""
    detector = OutlierDetector(OutlierOptions(**options))
    detector.sweep([], 0.0)
    return detector


def hosts(count: int = 5) -> Hosts:
    """Return *count* endpoints named a, b, c ..."""
    return [(chr(ord("a") + index), OutlierStats()) for index in range(count)]


def serve(stats: OutlierStats, successes: int, failures: int = 0) -> None:
    """Add outcomes to *stats* as its owner does."""
    stats.total += successes + failures
    stats.successes += successes


def serve_all(some: Hosts, *bad: str, volume: int = 100) -> None:
    """Give every host *volume* outcomes: successes, or failures for those named *bad*."""
    for key, stats in some:
        serve(stats, *(0, volume) if key in bad else (volume,))


def ejected(some: Hosts) -> str:
    """Return the keys of those that are out."""
    return "".join(key for key, stats in some if stats.ejected)


def test_one_may_always_go() -> None:
    """A tenth of five is none, yet one goes (gRPC A50)."""
    detector, some = make(max_ejection_ratio=0.1), hosts()
    serve_all(some, "c")
    detector.sweep(some, 10.0)
    assert ejected(some) == "c"


@pytest.mark.parametrize(("ratio", "out"), [(0.0, ""), (0.2, "a"), (0.39, "a"), (0.4, "ab")])
def test_share_is_never_exceeded_by_a_second(ratio: float, out: str) -> None:
    """What would go beyond the share is told instead."""
    detector, some = make(max_ejection_ratio=ratio, failure_ratio=0.5), hosts()
    serve_all(some, "a", "b", "c")
    result = detector.sweep(some, 10.0)
    assert out == ejected(some)
    assert [(key, "failure_ratio") for key in "abc" if key not in out] == result.overflowed


def test_those_already_out_count_for_the_share() -> None:
    """Two of five are out; at two fifths no third one goes."""
    detector, some = make(max_ejection_ratio=0.4, failure_ratio=0.5), hosts()
    serve_all(some, "a", "b")
    detector.sweep(some, 10.0)
    serve_all(some, "c")
    result = detector.sweep(some, 20.0)
    assert ejected(some) == "ab"
    assert [("c", "failure_ratio")] == result.overflowed


@pytest.mark.parametrize(("floor", "out"), [(0, "ab"), (1, "a"), (2, "")])
def test_floor_of_healthy_endpoints_stays(floor: int, out: str) -> None:
    """Not even the one that may always go takes the service below it."""
    detector = make(min_healthy=floor, max_ejection_ratio=1.0, failure_ratio=0.5)
    some = hosts(2)
    serve_all(some, "a", "b")
    detector.sweep(some, 10.0)
    assert out == ejected(some)


def test_only_endpoint_is_never_ejected() -> None:
    """Leaving out the last one helps nobody."""
    detector, some = make(failure_ratio=0.5), hosts(1)
    serve_all(some, "a")
    assert [("a", "failure_ratio")] == detector.sweep(some, 10.0).overflowed


def test_comes_back_on_the_sweep_after_its_time() -> None:
    """Sweeps before it leave it out."""
    detector, some = make(), hosts()
    serve_all(some, "a")
    detector.sweep(some, 10.0)
    assert [] == detector.sweep(some, 39.9).readmitted
    assert ejected(some) == "a"
    assert ["a"] == detector.sweep(some, 40.0).readmitted
    assert ejected(some) == ""


def test_outcomes_while_ejected_count_for_nothing() -> None:
    """They neither eject again nor judge it when it comes back (Envoy issue 40697)."""
    detector, some = make(failure_ratio=0.5), hosts()
    serve_all(some, "a")
    detector.sweep(some, 10.0)
    serve_all(some, "a")
    assert [] == detector.sweep(some, 20.0).ejected
    serve_all(some, "a")
    result = detector.sweep(some, 40.0)
    assert (["a"], []) == (result.readmitted, result.ejected)
    assert 30.0 == detector._duration(some[0][1])


def test_ejected_endpoint_is_no_peer() -> None:
    """Five of six are compared while the worst is out, so the next worst stands out."""
    detector, some = make(), hosts(6)
    serve_all(some, "a")
    detector.sweep(some, 10.0)
    serve_all(some, "a", "b")
    assert [("b", "success_rate", 30.0)] == detector.sweep(some, 20.0).ejected


def test_each_ejection_is_longer_up_to_the_maximum() -> None:
    """30, 60 and then 70 seconds; the multiplier stops growing soon after."""
    detector, some = make(max_ejection_time=70.0, failure_ratio=0.5, interval=1000.0), hosts()
    now, lengths = 0.0, []
    for _ in range(6):
        serve_all(some, "a")
        ((_, _, length),) = detector.sweep(some, now).ejected
        lengths.append(length)
        now += length
        assert ["a"] == detector.sweep(some, now).readmitted
    assert [30.0, 60.0, 70.0, 70.0, 70.0, 70.0] == lengths
    assert 4 == some[0][1].multiplier


def test_multiplier_stops_one_beyond_the_maximum() -> None:
    """It grows while base times multiplier is below maximum plus base (Envoy)."""
    detector, some = make(max_ejection_time=60.0, failure_ratio=0.5, interval=1000.0), hosts()
    for now in (0.0, 100.0, 200.0, 300.0):
        serve_all(some, "a")
        detector.sweep(some, now)
        detector.readmit(some[0][1], now)
    assert 3 == some[0][1].multiplier


def test_maximum_below_the_base_means_the_base() -> None:
    """Envoy's rule."""
    detector, some = make(base_ejection_time=50.0, max_ejection_time=10.0), hosts()
    serve_all(some, "a")
    assert [("a", "success_rate", 50.0)] == detector.sweep(some, 10.0).ejected


def test_good_intervals_shorten_the_next_ejection() -> None:
    """One off for each interval, but the one in which it came back, and never below none."""
    detector, some = make(), hosts()
    stats = some[0][1]
    stats.multiplier, stats.readmitted_at = 2, 40.0
    seen = []
    for now in (49.9, 50.0, 60.0, 70.0):
        detector.sweep(some, now)
        seen.append(stats.multiplier)
    assert [2, 1, 0, 0] == seen


def test_multiplier_does_not_fade_while_ejected() -> None:
    """Nor on the sweep that readmits."""
    detector, some = make(), hosts()
    serve_all(some, "a")
    for now, multiplier in ((10.0, 1), (20.0, 1), (30.0, 1), (40.0, 1), (50.0, 0)):
        detector.sweep(some, now)
        assert multiplier == some[0][1].multiplier


def test_passing_health_check_readmits_at_once() -> None:
    """What happened until then is not held against it; its memory stays."""
    detector, some = make(failure_ratio=0.5), hosts()
    stats = some[0][1]
    serve_all(some, "a")
    detector.sweep(some, 10.0)
    serve_all(some, "a")
    detector.readmit(stats, 12.0)
    assert (False, 12.0, 1) == (stats.ejected, stats.readmitted_at, stats.multiplier)
    result = detector.sweep(some, 20.0)
    assert ([], []) == (result.ejected, result.readmitted)


def test_readmitting_who_is_not_out_changes_nothing() -> None:
    """Its interval goes on."""
    detector, some = make(), hosts()
    serve_all(some, "a")
    detector.readmit(some[0][1], 5.0)
    detector.sweep(some, 10.0)
    assert ejected(some) == "a"


def test_clock_set_back_does_not_prolong_an_ejection() -> None:
    """A step back by more than the ejection lasts ends it."""
    detector, some = make(), hosts()
    serve_all(some, "a")
    detector.sweep(some, 3600.0)
    assert [] == detector.sweep(some, 3590.0).readmitted
    assert ["a"] == detector.sweep(some, 0.0).readmitted
    assert 10.0 == detector.next_sweep


def test_shadow_tells_and_ejects_nothing() -> None:
    """With the same guard, each sweep anew."""
    detector, some = make(shadow=True, failure_ratio=0.5, max_ejection_ratio=0.2), hosts()
    for now in (10.0, 20.0):
        serve_all(some, "a", "b")
        result = detector.sweep(some, now)
        assert [("a", "failure_ratio", 30.0)] == result.would_eject
        assert [("b", "failure_ratio")] == result.overflowed
        assert ("", [], 0) == (ejected(some), result.ejected, some[0][1].multiplier)


def test_shadow_readmits_who_was_ejected_before() -> None:
    """Turning the policy to shadow frees everybody on the next sweep."""
    detector, some = make(), hosts()
    serve_all(some, "a")
    detector.sweep(some, 10.0)
    assert ["a"] == make(shadow=True).sweep(some, 11.0).readmitted
    assert ejected(some) == ""
