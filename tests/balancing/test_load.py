"""The load of one endpoint: its latency average, and how it ages."""

from __future__ import annotations

from math import exp

import pytest

from meshlib.balancing import Baseline, Load


@pytest.fixture
def baseline() -> Baseline:
    """Make the baseline of a service that usually takes 10 ms."""
    baseline = Baseline()
    baseline.latency = 0.010
    return baseline


def test_knows_nothing_at_first(baseline: Baseline) -> None:
    """Without a sample the latency is unknown, whatever the peers do and however long."""
    load = Load(baseline, weight=2.0)
    assert (load.in_flight, load.weight, load.ramp) == (0, 2.0, 1.0)
    assert load.latency(1000.0) == 0.0 == load.estimate


def test_first_sample_is_the_average(baseline: Baseline) -> None:
    """One sample is all that is known."""
    load = Load(baseline)
    load.observe(0.2, 5.0)
    assert load.latency(5.0) == 0.2 == load.estimate


def test_average_follows_samples_over_the_decay_time(baseline: Baseline) -> None:
    """After one decay time of another latency, 1 - 1/e of the way is gone."""
    load = Load(baseline, decay_time=2.0)
    load.observe(0.1, 0.0)
    load.observe(0.3, 2.0)
    assert load.latency(2.0) == pytest.approx(0.3 - 0.2 * exp(-1))
    assert load.estimate == load.latency(2.0)


def test_average_does_not_depend_on_how_many_samples_make_a_latency(baseline: Baseline) -> None:
    """A hundred samples in a second weigh as much as one after a second."""
    one, many = Load(baseline), Load(baseline)
    for load, steps in ((one, 1), (many, 100)):
        load.observe(0.1, 0.0)
        for step in range(1, steps + 1):
            load.observe(0.3, step / steps)
    assert many.latency(1.0) == pytest.approx(one.latency(1.0))


def test_slow_sample_does_not_jump(baseline: Baseline) -> None:
    """There is no peak: a single slow answer at a high rate moves the average a little."""
    load = Load(baseline)
    load.observe(0.01, 0.0)
    load.observe(1.0, 0.001)
    assert load.latency(0.001) < 0.02


def test_late_sample_is_no_harm(baseline: Baseline) -> None:
    """A sample that is older than the last one leaves the average, and time goes on."""
    load = Load(baseline)
    load.observe(0.1, 10.0)
    load.observe(9.0, 9.5)
    assert load.latency(9.5) == pytest.approx(0.1)
    load.observe(9.0, 10.5)
    assert load.latency(10.5) == pytest.approx(9.0 + (0.1 - 9.0) * exp(-1))


def test_no_time_at_all_is_not_unknown(baseline: Baseline) -> None:
    """An attempt of 0 s, which a coarse clock may show, is measured all the same."""
    load = Load(baseline)
    load.observe(0.0, 1.0)
    assert load.latency(1.0) > 0.0


def test_timeout_counts_as_no_less_than_the_average(baseline: Baseline) -> None:
    """An attempt that was given up early is no evidence of a fast endpoint."""
    load = Load(baseline)
    load.observe(0.5, 0.0)
    load.at_least(0.1, 1.0)
    assert load.latency(1.0) == pytest.approx(0.5)
    load.at_least(2.0, 2.0)
    assert load.latency(2.0) == pytest.approx(2.0 - 1.5 * exp(-1))


def test_timeout_is_a_first_sample(baseline: Baseline) -> None:
    """An endpoint that never answered is known to be slow."""
    load = Load(baseline)
    load.at_least(0.0, 0.0)
    assert load.latency(0.0) > 0.0


@pytest.mark.parametrize(
    ("hint", "average", "expected"),
    [(0.0, 0.1, 5.0), (2.0, 0.1, 5.0), (60.0, 0.1, 60.0), (900.0, 0.1, 300.0), (0.0, 8.0, 8.0)],
)
def test_failure_counts_as_the_penalty(
    baseline: Baseline, hint: float, average: float, expected: float
) -> None:
    """A failure counts as 5 s, the hint up to 300 s, or the average: the longest."""
    load = Load(baseline, decay_time=1e-3)
    load.observe(average, 0.0)
    load.penalise(0.001 * 40, hint)
    assert load.ewma == pytest.approx(expected, rel=1e-2)


def test_penalty_keeps_the_baseline(baseline: Baseline) -> None:
    """Neither failures nor timeouts of one endpoint say what is usual."""
    load = Load(baseline)
    load.penalise(0.0)
    load.at_least(7.0, 1.0)
    assert baseline.latency == 0.010


def test_samples_move_the_baseline() -> None:
    """The baseline begins with the first sample of any endpoint, and nears their average."""
    baseline = Baseline()
    fast, slow = Load(baseline), Load(baseline)
    fast.observe(0.010, 0.0)
    assert baseline.latency == 0.010
    for step in range(1000):
        fast.observe(0.010, step)
        slow.observe(0.030, step)
    assert baseline.latency == pytest.approx(0.020, rel=0.05)


def test_idle_average_returns_to_the_baseline_from_above(baseline: Baseline) -> None:
    """It ages from one decay time after the sample, and ends a little below, worth a look."""
    load = Load(baseline, decay_time=1.0, idle_decay_time=5.0)
    load.penalise(0.0)
    assert load.latency(1.0) == 5.0
    assert load.latency(6.0) == pytest.approx(0.0095 + 4.9905 * exp(-1))
    assert load.latency(1000.0) == pytest.approx(0.0095)


def test_idle_average_returns_to_the_baseline_from_below(baseline: Baseline) -> None:
    """An endpoint that was fast long ago looks usual: it never decays to zero."""
    load = Load(baseline)
    load.observe(0.001, 0.0)
    assert 0.001 < load.latency(3.0) < load.latency(10.0) < 0.95 * baseline.latency
    assert load.latency(1e9) == pytest.approx(0.95 * baseline.latency)


def test_idle_average_stays_when_nothing_is_usual() -> None:
    """As long as no endpoint answered, there is no baseline to return to."""
    load = Load(Baseline())
    load.penalise(0.0)
    assert load.latency(1e6) == 5.0


def test_fork_forgets_what_is_in_flight(baseline: Baseline) -> None:
    """A forked child keeps the average, and has nothing in flight."""
    load = Load(baseline)
    load.observe(0.1, 0.0)
    load.in_flight = 3
    load.renew()
    assert (load.in_flight, load.ewma) == (0, 0.1)
