"""The test that may be looked at after every call."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlib.routing.canary import AnalysisOptions, Report, Samples, evidence_of, is_proven, weigh
from meshlib.routing.canary._sequential import NO_EVIDENCE, ODDS, add_evidence
from meshlib.routing.canary._thinning import lose


def hypergeometric(canary: int, stable: int, bad: int) -> dict[int, float]:
    """How probable each number of the canary's bad calls is when the versions are alike."""
    return {
        each: math.comb(canary, each)
        * math.comb(stable, bad - each)
        / math.comb(canary + stable, bad)
        for each in range(max(0, bad - stable), min(canary, bad) + 1)
    }


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_evidence_cannot_be_expected_to_grow(canary: int, stable: int, data: st.DataObject) -> None:
    """For versions that are alike its expectation is at most 1, computed without chance."""
    bad = data.draw(st.integers(0, canary + stable))
    for place in range(len(ODDS)):
        expected = sum(
            probability * math.exp(evidence_of(canary, mine, stable, bad - mine)[place])
            for mine, probability in hypergeometric(canary, stable, bad).items()
        )
        assert expected <= 1.0 + 1e-9


@given(st.integers(2, 100), st.integers(1, 100), st.data())
def test_evidence_grows_with_the_canarys_bad_calls(
    canary: int, stable: int, data: st.DataObject
) -> None:
    """Of the same bad calls, more of the canary's say more."""
    bad = data.draw(st.integers(1, min(canary, stable)))
    mine = data.draw(st.integers(1, bad))
    more = weigh(evidence_of(canary, mine, stable, bad - mine))
    less = weigh(evidence_of(canary, mine - 1, stable, bad - mine + 1))
    assert more > less


@pytest.mark.parametrize("counts", [(0, 0, 9, 3), (9, 3, 0, 0), (9, 0, 9, 0)])
def test_a_block_without_both_versions_or_bad_calls_says_nothing(
    counts: tuple[int, int, int, int],
) -> None:
    """There is nothing to compare."""
    assert evidence_of(*counts) == NO_EVIDENCE
    assert 0.0 == weigh(NO_EVIDENCE)


def test_blocks_add_up() -> None:
    """The evidence of two blocks is the product of theirs, in any order."""
    one, other = evidence_of(50, 4, 450, 3), evidence_of(60, 5, 440, 2)
    assert add_evidence(one, other) == add_evidence(other, one)
    assert weigh(add_evidence(one, other)) > weigh(one)


def test_proves_what_is_plain_and_not_what_is_chance() -> None:
    """Ten failures of a tenth of the calls, and none of the others, need no more."""
    assert is_proven(evidence_of(100, 10, 900, 0), 0.01)
    assert not is_proven(evidence_of(100, 1, 900, 9), 0.01)


def test_it_stays_finite_in_a_long_outage() -> None:
    """A million failures of the canary alone overflow nothing."""
    evidence = evidence_of(10**6, 10**6, 10**6, 0)
    assert math.isfinite(weigh(evidence))
    assert is_proven(evidence, 1e-9)


def rejected(canary: float, stable: float, *, alpha: float, runs: int, calls: int) -> float:
    """How often the canary is rejected at any moment of so many calls, looked at after each."""
    options = AnalysisOptions(max_success_degradation=0.0, max_p99_degradation=None)
    found = 0
    for seed in range(runs):
        rng = random.Random(seed)
        samples = Samples(options)
        total = Report()
        for number in range(calls):
            # What goes wrong for both versions comes and goes.
            common = 0.1 if number // 700 % 3 == 1 else 0.0
            mine = rng.random() < 0.3
            failed = rng.random() < (canary if mine else stable) + common
            samples.add(canary=mine, failed=failed, elapsed=0.0)
            block = samples.close(rng)
            if block is not None:
                total += block
                if is_proven(total.failures, alpha):
                    found += 1
                    break
    return found / runs


def test_looking_after_every_call_rejects_no_more_than_alpha() -> None:
    """Of 200 canaries that are like the stable version at most a fifth, at an alpha of 0.2."""
    assert rejected(0.05, 0.05, alpha=0.2, runs=200, calls=4000) <= 0.2


def test_looking_after_every_call_finds_what_is_worse() -> None:
    """Twice the failures are found in nearly every run, in the same calls."""
    assert rejected(0.12, 0.05, alpha=0.02, runs=50, calls=4000) >= 0.9


def test_losing_calls_is_losing_each_by_chance() -> None:
    """Mean and variance are those of the binomial distribution."""
    rng = random.Random(1)
    found = [lose(1000, 0.05, rng) for _ in range(2000)]
    mean = sum(found) / len(found)
    assert 50 == pytest.approx(mean, abs=0.7)
    assert 47.5 == pytest.approx(sum((x - mean) ** 2 for x in found) / len(found), rel=0.15)


def test_losing_nothing_draws_nothing() -> None:
    """A share of 0 loses no call, and no call can be lost of none."""
    rng = random.Random(1)
    before = rng.getstate()
    assert 0 == lose(1000, 0.0, rng)
    assert before == rng.getstate()
    assert 0 == lose(0, 0.5, rng)
