"""
When an endpoint is left alone: its own breaker, and a comparison with its peers.

A `Breaker` judges one endpoint by its own outcomes, and is absolute: while it is open
the endpoint gets probes only. Two triggers work together: failures in a row see a dead
endpoint at once, a ratio over a window sees one that fails half of the time and never
strings up enough of them. An `OutlierDetector` judges the endpoints of one service by
each other, and only prefers: an ejected endpoint is still picked in panic.

```
state       event                                          next
closed      too many failed, in a row or of the window     open
closed      too many of the window were slow               open
open        the break is over, and a call asks             half-open
half-open   enough probes succeeded                        closed
half-open   a probe failed, shed load or was slow          open, break doubled
half-open   a probe was cancelled or neutral               half-open, its place is free
any         isolate()                                      isolated
any         reset()                                        closed, all forgotten
```

Only time and a call lead from open to half-open; nothing is scheduled. Every change
begins a new epoch, and an outcome counts only in the epoch its attempt began in.
"""

from __future__ import annotations

from ._breaker import Breaker
from ._count_window import CountWindow
from ._options import BreakerOptions, OutlierOptions
from ._outlier import OutlierDetector
from ._outlier_stats import OutlierStats, SweepResult
from ._state import BreakerSnapshot, BreakerState
from ._success_rate import SuccessRates
from ._time_window import TimeWindow

__all__ = [
    "Breaker",
    "BreakerOptions",
    "BreakerSnapshot",
    "BreakerState",
    "CountWindow",
    "OutlierDetector",
    "OutlierOptions",
    "OutlierStats",
    "SuccessRates",
    "SweepResult",
    "TimeWindow",
]
