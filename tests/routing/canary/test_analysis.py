"""What a check says."""

from __future__ import annotations

import pytest

from meshlib.routing.canary import (
    Analysis,
    AnalysisOptions,
    CheckVerdict,
    Counts,
    Report,
    evidence_of,
    judge,
)

PASS, FAIL, INCONCLUSIVE = CheckVerdict.PASS, CheckVerdict.FAIL, CheckVerdict.INCONCLUSIVE
STABLE = Counts(calls=1000)


def judged(canary: Counts, stable: Counts = STABLE, *, alone: bool = False) -> Analysis:
    """What the defaults say of these calls."""
    return judge(AnalysisOptions(), Report(canary, stable), Report(), alone=alone)


@pytest.mark.parametrize(
    ("canary", "verdict"),
    [
        (Counts(), INCONCLUSIVE),
        (Counts(calls=99), INCONCLUSIVE),
        (Counts(calls=99, failed=99), INCONCLUSIVE),
        (Counts(calls=100), PASS),
        (Counts(calls=100, failed=1, slow=1), PASS),
        (Counts(calls=100, failed=2), INCONCLUSIVE),
        (Counts(calls=100, failed=3), FAIL),
        (Counts(calls=100, slow=3), FAIL),
        (Counts(calls=10_000, failed=100, slow=100), PASS),
        (Counts(calls=10_000, failed=110), INCONCLUSIVE),
        (Counts(calls=10_000, failed=120), FAIL),
        (Counts(calls=10_000, failed=120, slow=110), FAIL),
        (Counts(calls=10_000, failed=110, slow=120), FAIL),
    ],
)
def test_the_canary_by_itself(canary: Counts, verdict: CheckVerdict) -> None:
    """Above a limit by more than chance fails, by less is inconclusive, and so are few calls."""
    assert verdict is judged(canary).verdict


def test_reasons_tell_numbers() -> None:
    """What was found, of how many calls, and what was asked for."""
    assert (
        "success rate 97.00% of 100 calls is below 99.00%; "
        "p99 of 100 calls is above 0.5 s: 2.00% took longer, which may be chance"
        == judged(Counts(calls=100, failed=3, slow=2)).reason
    )
    assert "99 calls of the canary, 100 are needed" == judged(Counts(calls=99)).reason
    assert "100 calls within limits" == judged(Counts(calls=100)).reason


def test_a_pass_needs_something_to_compare_with() -> None:
    """Too few calls of the stable version hold the canary, and do not hide its failure."""
    few = Counts(calls=99)
    assert INCONCLUSIVE is judged(Counts(calls=100), few).verdict
    assert "99 calls of the stable version, 100 are needed" == judged(STABLE, few).reason
    assert FAIL is judged(Counts(calls=100, failed=9), few).verdict


def test_alone_there_is_nothing_to_compare_with() -> None:
    """A canary that takes every call is judged by itself."""
    assert PASS is judged(Counts(calls=100), Counts(), alone=True).verdict
    bad = Report(failures=evidence_of(100, 90, 900, 0))
    check = Report(Counts(calls=100))
    assert PASS is judge(AnalysisOptions(), check, bad, alone=True).verdict


def test_what_is_proven_fails_whatever_the_check_says() -> None:
    """Evidence of the whole rollout decides, also before a check has enough calls."""
    rollout = Report(STABLE, STABLE, failures=evidence_of(100, 20, 900, 5))
    found = judge(AnalysisOptions(), Report(), rollout)
    assert (FAIL, True) == (found.verdict, found.proven)
    assert "its success rate may lose 0.50% of the stable version's, and does worse" in found.reason
    assert found.p_failures < 0.01
    assert 1.0 == found.p_slowness


def test_slowness_is_proven_alike() -> None:
    """The other test speaks for itself."""
    rollout = Report(STABLE, STABLE, slowness=evidence_of(100, 20, 900, 5))
    found = judge(AnalysisOptions(), Report(), rollout)
    assert found.proven
    assert "its p99 may be 10.00% above the stable version's, and does worse" in found.reason


def test_a_test_that_is_switched_off_proves_nothing() -> None:
    """Evidence that an earlier document collected is not used."""
    bad = evidence_of(100, 20, 900, 5)
    options = AnalysisOptions(max_success_degradation=None, max_p99_degradation=None)
    assert not judge(options, Report(), Report(failures=bad, slowness=bad)).proven


def test_two_tests_share_alpha() -> None:
    """What one test alone would prove is not enough when there are two."""
    evidence = evidence_of(100, 10, 900, 5)
    p_value = judge(AnalysisOptions(), Report(), Report(failures=evidence)).p_failures
    both = AnalysisOptions(alpha=1.5 * p_value)
    one = AnalysisOptions(alpha=1.5 * p_value, max_p99_degradation=None)
    assert not judge(both, Report(), Report(failures=evidence)).proven
    assert judge(one, Report(), Report(failures=evidence)).proven


def test_limits_can_be_switched_off() -> None:
    """Without limits enough calls are a pass, however they ended."""
    options = AnalysisOptions(success_rate=None, p99=None)
    bad = Report(Counts(calls=100, failed=100, slow=100), STABLE)
    assert PASS is judge(options, bad, Report()).verdict


def test_no_failure_may_mean_none() -> None:
    """A success rate of 1 fails at the first failure: there is no chance in it."""
    options = AnalysisOptions(success_rate=1.0)
    assert FAIL is judge(options, Report(Counts(calls=100, failed=1), STABLE), Report()).verdict
