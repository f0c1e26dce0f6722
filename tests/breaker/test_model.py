"""Random walks of a breaker beside a model that keeps plain lists."""

from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from meshlib._models import Verdict
from meshlib.breaker import Breaker, BreakerOptions, BreakerState

CLOSED, OPEN = BreakerState.CLOSED, BreakerState.OPEN
HALF_OPEN, ISOLATED = BreakerState.HALF_OPEN, BreakerState.ISOLATED
S, F, SHED, N = Verdict.SUCCESS, Verdict.FAILURE, Verdict.SHED, Verdict.NEUTRAL

CONSECUTIVE, MINIMUM, WINDOW, BREAK, LONGEST, LEASE = 3, 4, 10, 5, 20, 8


class BreakerModel(RuleBasedStateMachine):
    """Whole seconds only, so that the model needs no rounding."""

    @initialize(
        probes=st.integers(1, 3), needed=st.integers(1, 3), count=st.sampled_from([None, 6])
    )
    def begin(self, probes: int, needed: int, count: int | None) -> None:
        """Build both."""
        self.places, self.needed, self.count = probes, needed, count
        self.changes: list[tuple[BreakerState, BreakerState]] = []
        self.breaker = Breaker(
            BreakerOptions(
                consecutive_failures=CONSECUTIVE,
                minimum_throughput=MINIMUM,
                sampling_duration=WINDOW,
                sampling_count=count,
                break_duration=BREAK,
                max_break_duration=LONGEST,
                probes=probes,
                probe_successes=needed,
                probe_lease=LEASE,
            ),
            on_change=lambda old, new, _cause: self.changes.append((old, new)),
        )
        self.now = 0
        self.era = 0
        self.calls: list[tuple[int, int]] = []  # epoch, era
        self.leases: dict[int, int] = {}
        self.length, self.until, self.closed_at = BREAK, 0, -math.inf
        self.state = CLOSED
        self.enter(CLOSED)

    def enter(self, state: BreakerState) -> None:
        """Change the state of the model."""
        self.state = state
        self.era += 1
        self.row, self.successes = 0, 0
        self.outcomes: list[tuple[int, bool]] = []
        self.leases.clear()

    def trip(self) -> None:
        """Open the model."""
        if self.state is CLOSED:
            whole = (
                self.now - self.closed_at >= WINDOW
                if self.count is None
                else len(self.outcomes) > self.count
            )
            if whole:
                self.length = BREAK
        self.until = self.now + self.length
        self.length = min(2 * self.length, LONGEST)
        self.enter(OPEN)

    def running(self) -> dict[int, int]:
        """Return the leases that have not run out."""
        return {epoch: end for epoch, end in self.leases.items() if self.now < end}

    def admits(self) -> bool:
        """Whether the model would admit a call now."""
        return (
            self.state is CLOSED
            or (self.state is OPEN and self.now >= self.until)
            or (self.state is HALF_OPEN and len(self.running()) < self.places)
        )

    @rule(seconds=st.integers(0, 12))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.now += seconds

    @rule()
    def ask(self) -> None:
        """Begin a call, if it is admitted."""
        expected = self.admits()
        assert expected is self.breaker.is_available(self.now)
        assert (self.breaker.retry_after(self.now) == 0.0) is expected
        epoch = self.breaker.try_acquire(self.now)
        assert (epoch is not None) is expected
        if epoch is None:
            return
        if self.state is OPEN:
            self.enter(HALF_OPEN)
        if self.state is HALF_OPEN:
            assert epoch not in [known for known, _ in self.calls]
            self.leases = self.running()
            self.leases[epoch] = self.now + LEASE
        self.calls.append((epoch, self.era))

    @rule(data=st.data(), verdict=st.sampled_from([S, S, F, F, SHED, N]))
    def end(self, data: st.DataObject, verdict: Verdict) -> None:
        """End any call that is in flight, of whichever era."""
        if not self.calls:
            return
        epoch, era = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        if verdict is N and data.draw(st.booleans()):
            self.breaker.cancel(epoch, self.now)
        else:
            self.breaker.record(epoch, verdict, self.now)
        if era != self.era:
            return
        if self.state is HALF_OPEN:
            self.end_probe(epoch, verdict)
        elif verdict is not N:
            self.end_call(verdict)

    @rule(
        outcomes=st.lists(
            st.tuples(st.sampled_from([0, 0, 0, 1, 2, 12]), st.sampled_from([S] * 6 + [F, SHED])),
            max_size=30,
        )
    )
    def carry_on(self, outcomes: list[tuple[int, Verdict]]) -> None:
        """Let calls pass one after another while it is closed, and look at nothing between."""
        for seconds, verdict in outcomes:
            if self.state is CLOSED:
                self.now += seconds
                self.breaker.record(self.breaker.epoch, verdict, self.now)
                self.end_call(verdict)

    def end_probe(self, epoch: int, verdict: Verdict) -> None:
        """Judge a probe in the model."""
        self.leases.pop(epoch, None)
        if verdict is S:
            self.successes += 1
            if self.successes == self.needed:
                self.closed_at = self.now
                self.enter(CLOSED)
        elif verdict is not N:
            self.trip()

    def end_call(self, verdict: Verdict) -> None:
        """Judge an ordinary call in the model."""
        self.row = 0 if verdict is S else self.row + (verdict is F)
        self.outcomes.append((self.now, verdict is not S))
        if self.count is None:
            seen = [bad for at, bad in self.outcomes if at > self.now - WINDOW]
        else:
            seen = [bad for _, bad in self.outcomes[-self.count :]]
        if self.row >= CONSECUTIVE or (len(seen) >= MINIMUM and 2 * sum(seen) >= len(seen)):
            self.trip()

    @rule()
    def isolate(self) -> None:
        """Isolate both."""
        self.breaker.isolate()
        self.enter(ISOLATED)

    @rule()
    def reset(self) -> None:
        """Reset both."""
        self.breaker.reset(self.now)
        self.length, self.closed_at = BREAK, self.now
        self.enter(CLOSED)

    @rule()
    def fork(self) -> None:
        """What is in flight stays behind."""
        self.breaker.renew()
        self.enter(self.state)

    @invariant()
    def same(self) -> None:
        """State, attributes and counters agree."""
        breaker = self.breaker
        snapshot = breaker.snapshot(self.now)
        assert self.state is breaker.state
        assert (self.state is CLOSED) is breaker.closed
        assert 0 <= snapshot.probes <= self.places
        assert 0 <= snapshot.failures <= snapshot.total
        assert len(self.leases) == snapshot.probes
        assert self.row == snapshot.consecutive
        if self.state is OPEN:
            assert self.until == breaker.wake_at
        elif self.state is HALF_OPEN and len(self.leases) == self.places:
            assert min(self.leases.values()) == breaker.wake_at
        else:
            assert math.inf == breaker.wake_at
        for old, new in self.changes:
            assert old is not new
        for (_, before), (after, _) in zip(self.changes, self.changes[1:], strict=False):
            assert before is after


BreakerModel.TestCase.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
TestBreakerModel = BreakerModel.TestCase
