"""From options to the limit that they name."""

from __future__ import annotations

import random

from ._aimd import AIMDLimit
from ._drops import DropLimit
from ._envoy_gradient import EnvoyGradientLimit
from ._gradient2 import Gradient2Limit
from ._limit import FixedLimit, Limit
from ._options import AdaptiveOptions, ConcurrencyOptions
from ._windowed import WindowedLimit


def make_limit(options: AdaptiveOptions, rng: random.Random | None = None) -> Limit:
    """The limit that *options* name; *rng* draws when Envoy's measures anew."""
    if isinstance(options, ConcurrencyOptions) and options.fixed is not None:
        return FixedLimit(options.fixed)
    if options.drops is not None:
        return DropLimit(options.drops)
    if options.aimd is not None:
        return WindowedLimit(AIMDLimit(options.aimd), options.aimd)
    if options.gradient2 is not None:
        return WindowedLimit(Gradient2Limit(options.gradient2), options.gradient2)
    assert options.envoy_gradient is not None  # exactly one is named
    return EnvoyGradientLimit(options.envoy_gradient, rng=rng)
