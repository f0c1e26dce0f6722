"""
The share of the calls that a canary gets in this process, and the calls that are counted.
"""

from __future__ import annotations

import random
import threading

from ...routing import (
    Destination,
    RouteOptions,
    Split,
    canary_index,
    canary_revision,
    canary_weights,
)
from ...routing.canary import RUNNING, CanaryOptions, CanaryRecord, Samples, Tally


class CanaryShare:
    """
    Holds the weights of a route's split to the record of its canary.

    Tenants whose route says the same have splits of their own, which have the same weights.

    Thread-safe, but for `take`, which belongs to the background loop.
    """

    def __init__(self, options: RouteOptions, split: Split, rng: random.Random) -> None:
        assert options.canary is not None
        self.record: CanaryRecord | None = None
        """What the store held when it was last read."""
        self.counting = False
        """Whether there is a rollout of this revision, for which calls are counted."""
        self.route_options = options
        self.revision = canary_revision(options)
        self.tally = Tally(options.canary, rng)
        self._rng = rng
        self._opened_at: float | None = None
        self._splits: dict[str | None, Split] = {}
        self._lock = threading.Lock()
        self.attach(options, split)

    @property
    def options(self) -> CanaryOptions:
        """What the route says of its canary."""
        assert self.route_options.canary is not None
        return self.route_options.canary

    @property
    def samples(self) -> Samples:
        """
        What calls of the route are counted into, until the next `attach`.

        One sample for each call, the outcome of its first attempt.
        """
        return self.tally.samples

    def is_canary(self, destination: Destination) -> bool:
        """Whether *destination* is the canary of one of the splits."""
        index = canary_index(self.route_options)
        return any(split.destinations[index] is destination for split in self._splits.values())

    def attach(self, options: RouteOptions, split: Split, tenant: str | None = None) -> None:
        """
        Go on with the *split* of a route that was made anew, and with its *options*.

        It has the weights that are in force when this returns. What was counted is lost
        when the canary, or what is asked of it, is another.
        """
        assert options.canary is not None
        revision = canary_revision(options)
        with self._lock:
            if (options.canary, revision) != (self.options, self.revision):
                self.tally = Tally(options.canary, self._rng)
            self.route_options = options
            self.revision = revision
            self._splits = {**self._splits, tenant: split}
        self.apply()

    def detach(self, tenant: str | None) -> None:
        """Leave the split of *tenant*, if there is one, to somebody else."""
        with self._lock:
            self._splits = {name: each for name, each in self._splits.items() if name != tenant}

    @property
    def share(self) -> float | None:
        """The canary's share of the calls in this process; None before the first look."""
        record = self.record
        if record is None:
            return None
        return 0.0 if self.opened(record) else record.share_of(self.revision)

    def open(self) -> bool:
        """Give the canary no call until its next check; False if it has none anyway."""
        record = self.record
        if record is None or not self.counting or self.opened(record):
            return False
        self._opened_at = record.progress.checked_at
        self.apply()
        return True

    def opened(self, record: CanaryRecord) -> bool:
        """Whether every breaker opened here since the last check that *record* knows of."""
        progress = record.progress
        return progress.state in RUNNING and progress.checked_at == self._opened_at

    def take(self, record: CanaryRecord) -> None:
        """Go by *record* from now on."""
        before = self.share
        self.record = record
        if self.share != before:
            self.tally.cut()
        self.apply()
        if not self.counting:
            self.tally.forget()

    def apply(self) -> None:
        """Put the share of the record in force."""
        with self._lock:
            record, share = self.record, self.share
            if record is None or share is None:
                return
            progress = record.progress
            self.counting = progress.state in RUNNING and progress.revision == self.revision
            weights = canary_weights(self.route_options, share)
            for split in self._splits.values():
                split.set_weights(weights)

    def renew(self) -> None:
        """A forked child has no calls of its own."""
        self._lock = threading.Lock()
        self.tally.renew()
