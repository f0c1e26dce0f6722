"""
The canaries of a mesh: how this process takes part in what all of them decide.

A `Rollout` moves the weights of one route's split as the record of its canary says, and
adds to the record what calls in this process found. `Canarying` keeps one for each route
that has a canary, and a `Canary` leads one by hand.
"""

from __future__ import annotations

from ._canary import Canary, CanaryStatus
from ._canarying import Canarying
from ._rollout import Rollout

__all__ = ["Canary", "CanaryStatus", "Canarying", "Rollout"]
