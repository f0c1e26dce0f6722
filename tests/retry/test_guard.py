"""Retries that feed an overload are withheld, and no others."""

from __future__ import annotations

import random
import threading

from hypothesis import given
from hypothesis import strategies as st

from meshlib.retry import Counts, RetryGuard


class Service:
    """Counts that grow by windows of a tenth of a second, a thousand calls a second by default."""

    def __init__(self) -> None:
        self.guard = RetryGuard()
        self.now = 50.0
        self.counts = Counts(0, 0, 0)
        self.changes: list[bool] = []
        self.guard.look(self.now, self.counts)

    def run(
        self, windows: int = 1, calls: int = 100, again: int = 0, good: int = 100, step: float = 0.1
    ) -> bool:
        """Whether retries are withheld after so many windows."""
        for _ in range(windows):
            self.now += step
            before = self.counts
            self.counts = Counts(
                before.calls + calls, before.attempts + calls + again, before.good + good
            )
            if self.guard.look(self.now, self.counts):
                self.changes.append(self.guard.active)
        return self.guard.active


def test_storm_is_noticed_within_a_window() -> None:
    """More attempts, fewer good answers, and as many calls as before."""
    service = Service()
    assert not service.run(50)
    assert not service.guard.withhold()
    assert service.run(again=80, good=5)
    assert service.guard.withhold()
    assert service.guard.withhold()
    assert 2 == service.guard.withheld


def test_retries_that_help_are_made() -> None:
    """A third of the attempts fails, and each call is answered well in the end."""
    service = Service()
    service.run(50)
    assert not service.run(300, again=50, good=100)


def test_failure_without_retries_is_none() -> None:
    """What is not tried again cannot be withheld."""
    service = Service()
    service.run(50)
    assert not service.run(50, good=0)


def test_fewer_calls_are_no_fall() -> None:
    """At night fewer calls are made; that some of those are tried again is no storm."""
    service = Service()
    service.run(50)
    assert not service.run(5, calls=30, again=10, good=10)


def test_service_that_was_always_bad_is_none() -> None:
    """There was nothing to fall from."""
    service = Service()
    assert not service.run(50, again=90, good=0)


def test_few_calls_are_gathered() -> None:
    """Nineteen attempts say nothing; retries count, where a limit lets no call begin."""
    service = Service()
    service.run(50)
    assert not service.run(1, calls=10, again=9, good=0, step=0.06)
    assert service.run(1, calls=0, again=60, good=0, step=0.04)
    assert service.run(1, calls=0, again=20, good=0)


def test_it_ends_when_calls_are_answered_again() -> None:
    """Nine tenths of the share of before, in one window."""
    service = Service()
    service.run(50)
    service.run(again=80, good=5)
    assert service.run(20, good=60)
    assert not service.run(good=95)
    assert [True, False] == service.changes


def test_it_ends_after_ten_seconds() -> None:
    """And begins anew when that does harm."""
    service = Service()
    service.run(50)
    service.run(again=80, good=5)
    assert service.run(99, good=40)
    assert not service.run(2, good=40)
    assert service.run(again=50, good=5)


def test_it_ends_without_any_call() -> None:
    """Nothing is learned of a time in which none was made; ten seconds end it."""
    service = Service()
    service.run(50)
    service.run(again=80, good=5)
    assert not service.run(1, calls=0, good=0, step=11.0)


def test_it_looks_twenty_times_a_second() -> None:
    """What is told in between is not added up."""
    service = Service()
    assert not service.guard.due(service.now + 0.049)
    assert service.guard.due(service.now + 0.051)
    assert service.guard.due(service.now - 1.0)
    assert not service.guard.look(service.now + 0.049, Counts(500, 900, 0))
    service.run(50)
    assert not service.run(50, step=0.0)


def test_clock_that_goes_back_begins_anew() -> None:
    """What is known stays, and nothing is withheld."""
    service = Service()
    service.run(50)
    service.run(again=80, good=5)
    service.now -= 100.0
    assert not service.run(again=80, good=5)
    assert service.run(again=80, good=5)


def test_forked_child_has_made_no_calls() -> None:
    """Its own counts are the first; good times are those of its parent."""
    service = Service()
    service.run(50)
    service.run(again=80, good=5)
    service.guard.renew()
    assert not service.guard.active
    service.counts = Counts(0, 0, 0)
    assert not service.run()
    assert service.run(again=80, good=5)


def test_chance_is_no_storm() -> None:
    """A tenth of the attempts fails and is tried again, in small windows, for an hour."""
    service, rng = Service(), random.Random(7)
    for _ in range(36_000):
        calls = sum(rng.random() < 0.1 for _ in range(250))
        failed = sum(rng.random() < 0.1 for _ in range(calls))
        service.run(calls=calls, again=failed, good=calls)
    assert [] == service.changes


WINDOW = st.tuples(st.integers(0, 300), st.integers(0, 300), st.floats(0, 1))


@given(st.lists(WINDOW, max_size=80))
def test_it_acts_only_on_a_rise_and_a_fall(windows: list[tuple[int, int, float]]) -> None:
    """Whatever happens: it begins only in a window with more attempts and fewer good answers."""
    service = Service()
    answered: list[int] = []
    for calls, again, share in windows:
        good = int((calls + again) * share)
        before = service.guard.active
        if service.run(calls=calls, again=again, good=good) and not before:
            assert again > 0
            assert good < max(answered)
        answered.append(good)


def test_threads_lose_no_count() -> None:
    """What is withheld is counted exactly."""
    service = Service()
    service.run(50)
    service.run(again=80, good=5)

    def work() -> None:
        for _ in range(500):
            service.guard.withhold()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 2000 == service.guard.withheld
