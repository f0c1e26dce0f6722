"""
How many calls are worth trying, going by how many were accepted of late.

A service that turns requests away still pays for each of them. A `Throttle` counts how many
calls were made and how many of them the service accepted, and once it accepts fewer than
half refuses some of the others at once, at random, so that about twice as many are sent as
are accepted: "Site Reliability Engineering" (Google), chapter 21.

    throttle = Throttle(ThrottleOptions(), rng=random.Random())
    if not throttle.admit(now):
        raise ...                   # nothing is sent
    ...
    throttle.accept(now)            # it answered; or throttle.fail(now), or take_back(now)

Nothing here sleeps or reads a clock. What says nothing about the service, such as a call
for which no permit was left, is taken back as if it had not been made.
"""

from __future__ import annotations

from ._options import ThrottleOptions
from ._throttle import Throttle

__all__ = ["Throttle", "ThrottleOptions"]
