"""
How loaded one endpoint is: attempts in flight, and a moving average of its latency.
"""

from __future__ import annotations

from math import exp
from typing import Any

PENALTY = 5.0
"""Seconds that stand in for the latency of a failure; from Linkerd's load biaser."""

LONGEST_HINT = 300.0
"""Seconds of a server's hint that are believed at most; from Linkerd's load biaser."""

_SHORTEST = 1e-9
"""What an attempt takes at least: an average of 0 means that nothing is known."""

_WORTH_A_LOOK = 0.95
"""
Part of the baseline that an idle endpoint's average ends at. At the baseline itself, steady
peers would win for ever, and nobody would notice that the endpoint has healed.
"""

_BASELINE_SHARE = 0.02
"""How much one sample moves the baseline: it remembers about the last fifty."""


class Baseline:
    """
    The average latency over all endpoints of one service, in seconds; 0.0 is unknown.

    Several loads update it without a common lock: an update may be lost, which an average
    can bear.
    """

    __slots__ = ("latency",)

    def __init__(self) -> None:
        self.latency = 0.0


class Load:
    """
    The load of one endpoint, as balancers compare it.

    The average follows samples over *decay_time* seconds. Without a sample for that long
    the endpoint is idle, and what is known of it ages: over *idle_decay_time* it returns
    to the baseline, and ends 5 % below, so that an endpoint that was slow or failing is
    tried again. It never decays to zero as Finagle's does: idle would look fast, and every
    client would herd to the endpoint that it has not used for longest.

    Not thread-safe: where threads run at the same instant the owner holds its lock around
    `in_flight`, `observe`, `at_least` and `penalise`. Else a change of `in_flight` is whole,
    and of two samples taken at once one may be lost, which an average can bear. Picks read
    without a lock, and write only `estimate`, which the next sample writes again.
    """

    __slots__ = (
        "baseline",
        "decay_time",
        "estimate",
        "ewma",
        "idle_decay_time",
        "in_flight",
        "owner",
        "ramp",
        "stamp",
        "weight",
    )

    def __init__(
        self,
        baseline: Baseline,
        *,
        weight: float = 1.0,
        decay_time: float = 1.0,
        idle_decay_time: float = 5.0,
    ) -> None:
        self.baseline = baseline
        self.weight = weight
        """Configured weight times `ramp`; the owner assigns it before preparing a balancer."""
        self.ramp = 1.0
        """Share of its weight that an endpoint in slow start gets."""
        self.decay_time = decay_time
        self.idle_decay_time = idle_decay_time
        self.in_flight = 0
        """Attempts begun and not completed; the owner counts."""
        self.ewma = 0.0
        """The average after the last sample, seconds; 0.0 is unknown."""
        self.estimate = 0.0
        """The average as picks compare it: `latency` as of a pick not long ago."""
        self.stamp = 0.0
        """When the last sample was taken."""
        self.owner: Any = None
        """The candidate that this load belongs to, set when a balancer is prepared."""

    def observe(self, elapsed: float, now: float) -> None:
        """Take the *elapsed* seconds of an attempt that ended at *now* as a sample."""
        if elapsed < _SHORTEST:
            elapsed = _SHORTEST
        baseline = self.baseline
        average = baseline.latency
        if average:
            baseline.latency = average + (elapsed - average) * _BASELINE_SHARE
        else:
            baseline.latency = elapsed
        # `_blend`, without the call.
        ewma = self.ewma
        if ewma:
            stamp = self.stamp
            if now > stamp:
                elapsed += (ewma - elapsed) * exp((stamp - now) / self.decay_time)
            else:
                elapsed = ewma
        self.ewma = self.estimate = elapsed
        self.stamp = now

    def at_least(self, elapsed: float, now: float) -> None:
        """
        Take a sample of an attempt that was given up after *elapsed* seconds.

        Its true latency is unknown, hence the larger of *elapsed* and the average. The
        baseline stays, as one endpoint that hangs says nothing about its peers.
        """
        self._blend(max(elapsed, self.latency(now), _SHORTEST), now)

    def penalise(self, now: float, hint: float = 0.0) -> None:
        """
        Take a failure as a slow answer, or an endpoint that fails fast would look fast.

        Counts as 5 s, or the *hint* of the server up to 300 s, or the average, whichever
        is the longest (Linkerd's load biaser). The baseline stays.
        """
        self._blend(max(PENALTY, min(hint, LONGEST_HINT), self.latency(now)), now)

    def latency(self, now: float) -> float:
        """
        Compute the average in seconds as of *now*; 0.0 when nothing is known.

        For *decay_time* after a sample it is the average itself; later it nears the
        baseline less 5 %, from above or from below.
        """
        ewma = self.ewma
        idle = now - self.stamp - self.decay_time
        usual = self.baseline.latency * _WORTH_A_LOOK
        if idle <= 0.0 or not ewma or not usual:
            return ewma
        return usual + (ewma - usual) * exp(-idle / self.idle_decay_time)

    def renew(self) -> None:
        """A forked child starts with no call in flight."""
        self.in_flight = 0

    def _blend(self, sample: float, now: float) -> None:
        ewma = self.ewma
        if ewma:
            passed = now - self.stamp
            # Threads read the clock before they hold the lock: a sample may come late.
            kept = exp(-passed / self.decay_time) if passed > 0.0 else 1.0
            sample += (ewma - sample) * kept
        self.ewma = self.estimate = sample
        self.stamp = now
