"""What "worse than its peers" means, as arithmetic (Envoy's success-rate detector)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class SuccessRates(NamedTuple):
    """
    Mean and spread of the success rates of some endpoints.

    *sigma* is the standard deviation of the whole population, not of a sample: these
    are all endpoints there are. Rates of 0.5, 1, 1, 1, 1 have mean 0.9 and sigma 0.2, so
    with Envoy's factor 1.9 the threshold is 0.52.
    """

    mean: float
    sigma: float
    threshold: float
    """A rate below this is an outlier."""

    @classmethod
    def of(cls, rates: Sequence[float], factor: float) -> SuccessRates:
        """Work it out for *rates*, at least one; *factor* counts standard deviations."""
        first = rates[0]
        if all(rate == first for rate in rates):
            # A mean rounded upwards must not make outliers of equals.
            return cls(first, 0.0, first)
        mean = math.fsum(rates) / len(rates)
        sigma = math.sqrt(math.fsum((rate - mean) ** 2 for rate in rates) / len(rates))
        return cls(mean, sigma, mean - factor * sigma)
