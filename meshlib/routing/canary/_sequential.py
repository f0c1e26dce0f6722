"""
Whether the canary does worse than the stable version, asked as often as one likes.

A test whose result may be looked at only once would, looked at after every call, sooner
or later reject any canary. Here the evidence is a *test martingale*: a number that begins
at 1 and that, while the canary is no worse, cannot be expected to grow. By Ville's
inequality it ever reaches 1/alpha with a probability of at most alpha, whenever and however
often it is looked at (Robbins 1970; Johari, Koomen, Pekelis and Walsh 2017, "Peeking at
A/B tests", whose mixture of likelihood ratios this is; Ramdas et al. 2023, "Game-theoretic
statistics and safe anytime-valid inference").

Calls come in *blocks*, each with n_c calls of the canary and n_s of the stable version, and
e bad ones among them, e_c of the canary. If a version's calls are bad with odds that are
the ratio r apart, then of each bad call it is asked whose it was:

    L_r = r^e_c / (1 - f + f r)^e            with f = n_c / (n_c + n_s)

which is the likelihood ratio of r against 1 of a binomial count: the test of Lindon and
Malek 2022, "Anytime-valid inference for multinomial count data", made for errors of
canaries. Given n_c, n_s and e, the count e_c is hypergeometric when the versions are alike,
and since L_r is convex in it, its expectation is at most that of the binomial count, 1
(Hoeffding 1963, section 6). For a canary that is better it is less still, as L_r grows with
e_c. So the product over blocks is a martingale or falls, whatever the share of bad calls
was in each block: what goes wrong for both versions at once, an outage behind them, says
nothing.

Which r is not known, so each of `ODDS` gets an equal part of the stake, and the evidence is
the mean: that is the mixture, over a grid in place of a density, so that what is kept is a
handful of numbers, and what several processes saw is added up.

Where a block ends must not depend on how its calls ended, only on how many there were.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

ODDS = (1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""
How many times as often a bad call might be the canary's: from what takes thousands of bad
calls to tell, to what a handful tells.
"""

Evidence = tuple[float, ...]
"""The natural logarithm of the likelihood ratio for each of `ODDS`."""

NO_EVIDENCE: Evidence = (0.0,) * len(ODDS)


def evidence_of(canary: int, bad_canary: int, stable: int, bad_stable: int) -> Evidence:
    """What one block says: calls of each version, and how many of them were bad."""
    calls = canary + stable
    bad = bad_canary + bad_stable
    if not (canary and stable and bad):
        return NO_EVIDENCE  # nothing to compare: certain to be what it is
    share = canary / calls
    return tuple(
        bad_canary * math.log(odds) - bad * math.log1p(share * (odds - 1.0)) for odds in ODDS
    )


def add_evidence(one: Evidence, other: Evidence) -> Evidence:
    """What two blocks say together, or the same process at two times, or two processes."""
    return tuple(a + b for a, b in zip(one, other, strict=True))


def weigh(evidence: Sequence[float]) -> float:
    """The logarithm of all evidence against the canary; 0 at the start, and when there is none."""
    highest = max(evidence)
    total = sum(math.exp(each - highest) for each in evidence)
    return highest + math.log(total / len(evidence))


def is_proven(evidence: Sequence[float], alpha: float) -> bool:
    """Whether a canary that is no worse comes to this with a probability of at most *alpha*."""
    return weigh(evidence) >= -math.log(alpha)
