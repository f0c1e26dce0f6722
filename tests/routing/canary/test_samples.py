"""What calls are counted into."""

from __future__ import annotations

import random
import threading

from hypothesis import given
from hypothesis import strategies as st

from meshlib.routing.canary import AnalysisOptions, Counts, Report, Samples, is_proven
from meshlib.routing.canary._sequential import NO_EVIDENCE


def rng() -> random.Random:
    """Chance that is the same every time."""
    return random.Random(7)


def filled(options: AnalysisOptions, canary: list[float], stable: list[float]) -> Samples:
    """Samples with successes of these durations."""
    samples = Samples(options)
    for seconds in canary:
        samples.add(canary=True, failed=False, elapsed=seconds)
    for seconds in stable:
        samples.add(canary=False, failed=False, elapsed=seconds)
    return samples


def test_a_block_ends_when_it_has_enough_calls() -> None:
    """Until then nothing is told, and nothing is lost."""
    samples = filled(AnalysisOptions(), [0.1] * 20, [0.1] * 479)
    assert samples.close(rng()) is None
    samples.add(canary=True, failed=True, elapsed=9.0)
    report = samples.close(rng())
    assert report is not None
    assert Counts(calls=21, failed=1, slow=1) == report.canary
    assert Counts(calls=479) == report.stable
    assert samples.close(rng(), smallest=1) is None


def test_a_block_ends_early_when_asked_to() -> None:
    """When the weight changes, what there is counts for the old one."""
    report = filled(AnalysisOptions(), [0.1], []).close(rng(), smallest=1)
    assert Report(canary=Counts(calls=1)) == report


def test_no_limit_means_no_slow_call() -> None:
    """Without a p99 in the options nothing is slow by itself."""
    report = filled(AnalysisOptions(p99=None), [900.0] * 10, []).close(rng(), smallest=1)
    assert report is not None
    assert 0 == report.canary.slow


def test_evidence_is_kept_of_what_is_compared_only() -> None:
    """A comparison that is switched off finds nothing."""
    options = AnalysisOptions(max_success_degradation=None, max_p99_degradation=None)
    samples = filled(options, [9.0] * 100, [0.1] * 900)
    samples.add(canary=True, failed=True, elapsed=9.0)
    report = samples.close(rng())
    assert report is not None
    assert (NO_EVIDENCE, NO_EVIDENCE) == (report.failures, report.slowness)


def spread(median: float, number: int) -> list[float]:
    """Durations from half to twice the median, evenly."""
    return [median * 2.0 ** (2.0 * each / number - 1.0) for each in range(number)]


def test_a_slower_canary_is_found_by_its_tail() -> None:
    """Beyond what is allowed it is proven, and within that it is not."""
    options = AnalysisOptions(max_p99_degradation=0.1)
    slower = filled(options, spread(0.15, 3000), spread(0.1, 3000)).close(rng())
    within = filled(options, spread(0.11, 3000), spread(0.1, 3000)).close(rng())
    assert slower is not None
    assert within is not None
    assert is_proven(slower.slowness, 0.001)
    assert not is_proven(within.slowness, 0.1)
    assert not is_proven(slower.failures, 0.1)


def test_a_moment_in_which_all_is_slow_says_nothing() -> None:
    """The limit is that of the same calls, so a storm is no evidence."""
    storm = filled(AnalysisOptions(), spread(1.0, 1000), spread(1.0, 1000)).close(rng())
    assert storm is not None
    assert not is_proven(storm.slowness, 0.5)


def failures(options: AnalysisOptions, mine: int, others: int) -> Report:
    """What so many failures say, each of 10,000 calls."""
    samples = Samples(options)
    for each in range(10_000):
        samples.add(canary=True, failed=each < mine, elapsed=0.1)
        samples.add(canary=False, failed=each < others, elapsed=0.1)
    report = samples.close(rng())
    assert report is not None
    return report


def test_what_may_be_lost_is_not_held_against_the_canary() -> None:
    """Half a percent more failures are within what is allowed, two percent are not."""
    options = AnalysisOptions(max_success_degradation=0.005)
    strict = AnalysisOptions(max_success_degradation=0.0)
    assert not is_proven(failures(options, 80, 30).failures, 0.1)
    assert is_proven(failures(strict, 80, 30).failures, 0.01)
    assert is_proven(failures(options, 230, 30).failures, 0.01)


counts = st.builds(Counts, st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
numbers = st.tuples(*[st.integers(-99, 99).map(float)] * len(NO_EVIDENCE))
reports = st.builds(Report, counts, counts, numbers, numbers)


@given(reports, reports, reports)
def test_reports_add_up_in_any_order(a: Report, b: Report, c: Report) -> None:
    """So processes may send theirs whenever they like."""
    assert (a + b) + c == a + (b + c) == (c + a) + b
    assert a == a + Report()


def test_threads_lose_no_call() -> None:
    """Every call of every thread is counted."""
    samples = Samples(AnalysisOptions())

    def work() -> None:
        for _ in range(500):
            samples.add(canary=True, failed=True, elapsed=0.1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = samples.close(rng())
    assert report is not None
    assert Counts(calls=4000, failed=4000) == report.canary


def test_a_forked_child_starts_empty() -> None:
    """What the parent counted is the parent's to report, and its lock may be held for ever."""
    samples = filled(AnalysisOptions(), [0.1] * 600, [])
    with samples._lock:
        samples.renew()
        samples.add(canary=True, failed=False, elapsed=0.1)
    report = samples.close(rng(), smallest=1)
    assert Report(canary=Counts(calls=1)) == report
