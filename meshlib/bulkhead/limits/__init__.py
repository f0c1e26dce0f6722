"""
How many calls may be in flight when nobody knows beforehand.

A `Limit` is a number that learns: each call that has ended is a sample of how long it
took, how many were in flight beside it, and whether it was dropped, that is, found no
answer in time. `FixedLimit` is known and learns nothing. `DropLimit` limits nothing until
most of what is sent is dropped. `AIMDLimit` goes by drops alone, `Gradient2Limit` by
latency against its own long average, `EnvoyGradientLimit` by latency against the least,
which it measures under a low limit now and then. `WindowedLimit` makes one sample of the
answers of a second.

A `Gate` sheds load by such a limit at a server: it lets requests in while its limit, or
the share of it that the request's priority has, is not reached, and turns the others away
at once, the sheddable first. At a client the same limits move the permits of a `Bulkhead`
(`BulkheadOptions.adaptive`).

    gate = Gate(ConcurrencyOptions(fixed=100))
    if not gate.try_enter(priority, now):
        return 503, gate.retry_after(now)
    ...
    gate.leave(now, elapsed, dropped)
"""

from __future__ import annotations

from ._aimd import AIMDLimit
from ._drops import DropLimit
from ._envoy_gradient import EnvoyGradientLimit
from ._gate import Gate
from ._gradient2 import Gradient2Limit
from ._limit import FixedLimit, Limit
from ._make import make_limit
from ._options import (
    AdaptiveOptions,
    AIMDOptions,
    ConcurrencyOptions,
    DropsOptions,
    EnvoyGradientOptions,
    Gradient2Options,
    SharesOptions,
)
from ._windowed import WindowedLimit

__all__ = [
    "AIMDLimit",
    "AIMDOptions",
    "AdaptiveOptions",
    "ConcurrencyOptions",
    "DropLimit",
    "DropsOptions",
    "EnvoyGradientLimit",
    "EnvoyGradientOptions",
    "FixedLimit",
    "Gate",
    "Gradient2Limit",
    "Gradient2Options",
    "Limit",
    "SharesOptions",
    "WindowedLimit",
    "make_limit",
]
