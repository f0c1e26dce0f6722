"""
Which balancer each name of the configuration stands for.
"""

from __future__ import annotations

import random

from ._base import PreparedBalancer
from ._least_connections import LeastConnections
from ._least_response_time import LeastResponseTime
from ._maglev import Maglev
from ._options import BalancerOptions
from ._prequal import Prequal
from ._ring_hash import RingHash
from ._round_robin import Random, RoundRobin
from ._weighted import Weighted


def make_balancer(options: BalancerOptions, rng: random.Random) -> PreparedBalancer:
    """Make the balancer that *options* describe; *rng* makes its draws."""
    match options.name:
        case "round_robin":
            return RoundRobin(rng)
        case "random":
            return Random(rng)
        case "weighted":
            return Weighted(rng)
        case "least_connections" | "least_request":
            return LeastConnections(options.choice_count, rng, name=options.name)
        case "least_response_time":
            return LeastResponseTime(options.choice_count, rng)
        case "prequal":
            return Prequal(options, rng)
        case "maglev":
            return Maglev(options, rng)
        case _:  # ring_hash, ip_hash
            return RingHash(options, rng)
