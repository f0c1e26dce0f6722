"""
Which endpoint takes an attempt.

A *balancer* is prepared with the candidates that may be picked, whenever they change: it
builds its tables, and returns a *picker*. The picker runs for every attempt: it takes no
lock, never blocks, and costs the same for three candidates and for three thousand. What a
pick compares is the *load* of a candidate: its attempts in flight, and the average of its
latency, which ages toward that of its peers while it is idle.

Beside the strategies stands what decides among whom they pick, and for how much. *Subsetting*
chooses, of very many endpoints, the ones that a process uses. *Levels* sort these by their
priority, kind, place or cost, and the next level gets traffic when too few endpoints of one
are fit. Within the first, *zones* may divide the traffic. *Slow start* spares new endpoints.

Nothing here does I/O or reads a clock: `now` comes with each pick, and the random
generator with each balancer.
"""

from __future__ import annotations

from ._base import (
    Balancer,
    Candidate,
    LearningBalancer,
    Picker,
    PickInfo,
    PreparedBalancer,
    learns,
    prepare,
)
from ._bounded_load import BoundedLoad
from ._callable import FunctionBalancer
from ._hashing import digest_of, hash_identity
from ._least_connections import LeastConnections
from ._least_response_time import LeastResponseTime
from ._level_options import PreferOptions, SubsettingOptions, ZoneAwareOptions
from ._levels import KINDS, LevelKey, Levels, default_keys
from ._load import Baseline, Load
from ._locality import Locality, parse_locality, zone_counts, zone_of
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
from ._prequal import Prequal
from ._prequal_options import PrequalOptions
from ._prequal_pool import ReportPool, reuse_limit
from ._priority import PriorityLoads, choose_level, priority_loads
from ._ring import Ring, ring_positions
from ._ring_hash import RingHash
from ._round_robin import Random, RoundRobin
from ._shares import by_shares
from ._slow_start import slow_start_factor
from ._subsetting import Subsetting, choose_subset
from ._weighted import Weighted
from ._zone import NOBODY, Members, ZoneAware, ZoneLoads, zone_loads

__all__ = [
    "KINDS",
    "NOBODY",
    "Balancer",
    "BalancerName",
    "BalancerOptions",
    "Baseline",
    "BoundedLoad",
    "Candidate",
    "FunctionBalancer",
    "HashKey",
    "LearningBalancer",
    "LeastConnections",
    "LeastResponseTime",
    "LevelKey",
    "Levels",
    "Load",
    "Locality",
    "Maglev",
    "Members",
    "PanicOptions",
    "PickInfo",
    "Picker",
    "PreferOptions",
    "PreparedBalancer",
    "Prequal",
    "PrequalOptions",
    "PriorityLoads",
    "Random",
    "ReportPool",
    "Ring",
    "RingHash",
    "RoundRobin",
    "SlowStartOptions",
    "Subsetting",
    "SubsettingOptions",
    "Weighted",
    "ZoneAware",
    "ZoneAwareOptions",
    "ZoneLoads",
    "by_shares",
    "choose_level",
    "choose_subset",
    "default_keys",
    "digest_of",
    "hash_identity",
    "learns",
    "maglev_table",
    "make_balancer",
    "parse_locality",
    "prepare",
    "priority_loads",
    "reuse_limit",
    "ring_positions",
    "slow_start_factor",
    "zone_counts",
    "zone_loads",
    "zone_of",
]
