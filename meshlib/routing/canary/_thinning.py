"""
How a test for "worse" becomes one for "worse by more than is allowed".
"""

from __future__ import annotations

import math
import random


def lose(calls: int, share: float, rng: random.Random) -> int:
    """
    How many of *calls* are lost when each is lost with the probability *share*.

    A canary may lose a share d of the stable version's success rate. So that share of the
    stable version's successes is counted as failures, by chance: a canary that does
    exactly what is allowed is then like it in distribution, and the test for "worse" holds
    for it exactly. Subtracting the expected number instead would not be exact.

    Costs a draw for each call that is lost, not for each call (Devroye 1986, X.4.3: the
    waiting times between them are geometric).
    """
    if share <= 0.0:
        return 0
    lost = 0
    scale = math.log1p(-share)
    place = 0
    while True:
        place += 1 + int(math.log(1.0 - rng.random()) / scale)
        if place > calls:
            return lost
        lost += 1
