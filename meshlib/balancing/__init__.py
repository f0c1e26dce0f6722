"""
Which endpoint takes an attempt.

A *balancer* is prepared with the candidates that may be picked, whenever they change: it
builds its tables, and returns a *picker*. The picker runs for every attempt: it takes no
lock, never blocks, and costs the same for three candidates and for three thousand. What a
pick compares is the *load* of a candidate: its attempts in flight, and the average of its
latency, which ages toward that of its peers while it is idle.

Beside the strategies stand the two things that decide among whom they pick and for how
much: *priority levels*, the next of which gets traffic when too few endpoints of one are
fit, and *slow start*.

Nothing here does I/O or reads a clock: `now` comes with each pick, and the random
generator with each balancer.
"""

from __future__ import annotations

from ._base import Balancer, Candidate, Picker, PickInfo, PreparedBalancer, prepare
from ._bounded_load import BoundedLoad
from ._hashing import digest_of, hash_identity
from ._least_connections import LeastConnections
from ._least_response_time import LeastResponseTime
from ._load import Baseline, Load
from ._maglev import Maglev
from ._maglev_table import maglev_table
from ._make import make_balancer
from ._options import (
    BalancerName,
    BalancerOptions,
    HashKey,
    PanicOptions,
    SlowStartOptions,
)
from ._priority import PriorityLoads, choose_level, priority_loads
from ._ring import Ring, ring_positions
from ._ring_hash import RingHash
from ._round_robin import Random, RoundRobin
from ._slow_start import slow_start_factor
from ._weighted import Weighted

__all__ = [
    "Balancer",
    "BalancerName",
    "BalancerOptions",
    "Baseline",
    "BoundedLoad",
    "Candidate",
    "HashKey",
    "LeastConnections",
    "LeastResponseTime",
    "Load",
    "Maglev",
    "PanicOptions",
    "PickInfo",
    "Picker",
    "PreparedBalancer",
    "PriorityLoads",
    "Random",
    "Ring",
    "RingHash",
    "RoundRobin",
    "SlowStartOptions",
    "Weighted",
    "choose_level",
    "digest_of",
    "hash_identity",
    "maglev_table",
    "make_balancer",
    "prepare",
    "priority_loads",
    "ring_positions",
    "slow_start_factor",
]
