"""Random walks of a bulkhead beside a model that keeps a list."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from meshlib.bulkhead import Bulkhead, BulkheadOptions

LIMIT = st.one_of(st.none(), st.integers(1, 4))


class Waiter:
    """Tells the model that it was set."""

    def __init__(self, number: int, granted: list[int], *, dead: bool) -> None:
        """Remember who this is."""
        self.number = number
        self.granted = granted
        self.dead = dead

    def set(self) -> None:
        """Tell, or fail as on a closed loop."""
        if self.dead:
            raise RuntimeError("Event loop is closed")
        self.granted.append(self.number)


class BulkheadModel(RuleBasedStateMachine):
    """Calls come, wait, give up and end, while the limits change."""

    @initialize(limit=LIMIT, queue=st.integers(0, 4))
    def begin(self, limit: int | None, queue: int) -> None:
        """Build both."""
        self.bulkhead = Bulkhead(BulkheadOptions(max_concurrency=limit, max_queue=queue))
        self.limit, self.max_queue = limit, queue
        self.holders = 0
        self.queue: list[Waiter] = []
        self.granted: list[int] = []
        self.expected: list[int] = []
        self.numbers = 0
        self.late: list[Waiter] = []  # set, and not yet gone on

    def fits(self) -> bool:
        """Whether the limit leaves room for one more."""
        return self.limit is None or self.holders < self.limit

    def hand_out(self) -> None:
        """Give permits to the queue of the model."""
        while self.queue and self.fits():
            self.give(self.queue.pop(0))

    def give(self, waiter: Waiter) -> None:
        """Give one permit, unless nobody is there to take it."""
        if not waiter.dead:
            self.holders += 1
            self.expected.append(waiter.number)
            self.late.append(waiter)

    @rule(dead=st.sampled_from([False, False, False, True]))
    def call(self, dead: bool) -> None:
        """Ask for a permit, and queue for it."""
        passes = self.fits() and not self.queue
        assert passes is self.bulkhead.try_acquire()
        if passes:
            self.holders += 1
            return
        self.queue_up(dead)

    @rule(dead=st.sampled_from([False, False, False, True]))
    def queue_up(self, dead: bool) -> None:
        """Queue without asking, as after a permit came free in between."""
        waiter = Waiter(self.numbers, self.granted, dead=dead)
        self.numbers += 1
        rejected = self.bulkhead.rejected
        if self.fits() and not self.queue:
            assert self.bulkhead.enqueue(waiter)
            self.give(waiter)
        elif len(self.queue) < self.max_queue:
            assert self.bulkhead.enqueue(waiter)
            self.queue.append(waiter)
        else:
            assert not self.bulkhead.enqueue(waiter)
            assert rejected + 1 == self.bulkhead.rejected

    @rule()
    def end(self) -> None:
        """A call ends."""
        if self.holders:
            self.bulkhead.release()
            self.holders -= 1
            self.hand_out()

    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """A wait is cancelled somewhere in the queue."""
        if self.queue:
            waiter = self.queue.pop(data.draw(st.integers(0, len(self.queue) - 1)))
            assert not self.bulkhead.abandon(waiter)

    @rule()
    def give_up_too_late(self) -> None:
        """A wait is cancelled when the permit is there already."""
        if self.late:
            assert self.bulkhead.abandon(self.late.pop())
            self.end()

    @rule(limit=LIMIT, queue=st.integers(0, 4))
    def resize(self, limit: int | None, queue: int) -> None:
        """The limits change."""
        self.limit, self.max_queue = limit, queue
        self.bulkhead.resize(BulkheadOptions(max_concurrency=limit, max_queue=queue))
        self.hand_out()

    @rule()
    def fork(self) -> None:
        """Everything in flight stays behind."""
        self.bulkhead.renew()
        self.holders = 0
        self.queue.clear()
        self.late.clear()

    @invariant()
    def same(self) -> None:
        """Permits, queue and order agree; none is free while somebody waits."""
        assert self.holders == self.bulkhead.in_flight
        assert self.bulkhead.in_flight <= self.bulkhead.peak
        assert len(self.queue) == self.bulkhead.queued
        assert self.expected == self.granted
        assert sorted(self.granted) == self.granted
        assert not self.queue or not self.fits()

    def teardown(self) -> None:
        """All calls end, and no permit is left over."""
        while self.bulkhead.in_flight:
            self.bulkhead.release()
        assert 0 == self.bulkhead.queued


BulkheadModel.TestCase.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
TestBulkheadModel = BulkheadModel.TestCase
