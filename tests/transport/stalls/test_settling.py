"""How attempts end that our own event loop has spoiled."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from meshlib import CallOptions
from meshlib._models import BROKEN, NEVER_SENT, SUCCESS, LoadSignal, Retryable, Verdict
from meshlib.bulkhead import Bulkhead, BulkheadOptions
from meshlib.events import AttemptFinished
from meshlib.transport._stalled import excused, unmeasured
from support import FakeClock
from support.meshes import begun, service_of


class KnownStalls:
    """Stalls at given times, as a watch over a loop would know them."""

    def __init__(self, *times: tuple[float, float]) -> None:
        self.times = times
        self.here = SimpleNamespace(asleep=False)
        self.measures = True
        self.alarm = float("inf")
        self.ended = max(ended for _, ended in times)
        self.asked = 0

    def overlap(self, since: float, until: float) -> float:
        """Seconds of them in this time."""
        self.asked += 1
        lost = (min(ended, until) - max(begun, since) for begun, ended in self.times)
        return sum(max(each, 0.0) for each in lost)


def ended(clock: FakeClock, stalls: Any, what: Any, after: float, **rest: Any) -> Any:
    """An attempt that began at 1000 s and ended so *after* as many seconds."""
    options = rest.pop("options", None)
    extensions = rest.pop("extensions", {})
    service = service_of(clock, **rest)
    service.stalls = stalls
    call, begun_attempt = begun(service, options=options, extensions=extensions)
    attempt: Any = begun_attempt
    clock.advance(after)
    if isinstance(what, Exception):
        attempt.delay = call.fail_attempt(attempt, what)
    else:
        attempt.delay = call.finish_attempt(attempt, httpx.Response(what))
    return attempt


def latency(attempt: Any) -> float:
    """What is known of its endpoint's latency."""
    return float(attempt.target.load.latency(attempt.call.now))


def test_what_a_stall_took_is_taken_off(clock: FakeClock) -> None:
    """Averages, histogram and breaker get what is left; the report tells both."""
    slow = {"slow_call_duration": 0.5, "slow_call_ratio": 0.5, "minimum_throughput": 1}
    attempt = ended(clock, KnownStalls((1000.1, 1000.3)), 200, 0.6, breaker=slow)
    assert attempt.outcome is SUCCESS
    assert attempt.elapsed == pytest.approx(0.6)
    assert attempt.stalled == pytest.approx(0.2)
    assert latency(attempt) == pytest.approx(0.4)
    assert attempt.target.histogram[(19 << 1) | 1] == 1  # 2**18 µs and half as much: 393 ms
    assert attempt.target.breaker.state.value == "closed"
    spared = ended(clock, KnownStalls((0.0, 1.0)), 200, 0.6, breaker=slow)
    assert spared.target.breaker.state.value == "open"


def test_what_is_left_of_a_stall_is_no_measurement(clock: FakeClock) -> None:
    """Where the stall took the larger part, the average stays as it was."""
    attempt = ended(clock, KnownStalls((1000.0, 1000.2)), 200, 0.21)
    assert latency(attempt) == 0.0
    assert attempt.target.outlier.successes == 1


def test_an_attempt_after_the_stall_is_an_ordinary_one(clock: FakeClock) -> None:
    """It does not even ask."""
    stalls = KnownStalls((999.0, 999.5))
    attempt = ended(clock, stalls, 200, 0.2)
    assert latency(attempt) == pytest.approx(0.2)
    assert (attempt.stalled, stalls.asked) == (0.0, 0)


def test_a_stall_elsewhere_changes_nothing(clock: FakeClock) -> None:
    """Another loop of the process stood still, not that of the attempt."""
    stalls = KnownStalls((1000.0, 1000.1))
    stalls.times = ()
    attempt = ended(clock, stalls, 200, 0.2)
    assert stalls.asked == 1
    assert latency(attempt) == pytest.approx(0.2)


def test_a_loop_that_is_overdue_counts_as_stalled(clock: FakeClock) -> None:
    """The stall in progress is noticed before the loop has ticked."""
    stalls = KnownStalls((1000.0, 1000.5))
    stalls.ended, stalls.alarm = 0.0, 1000.1
    assert ended(clock, stalls, 200, 0.3).stalled == pytest.approx(0.3)


TIMEOUT = httpx.ReadTimeout("timed out")


@pytest.mark.parametrize(
    ("stall", "excused"),
    [((1000.05, 1000.25), True), ((1000.2, 1000.226), True), ((1000.2, 1000.224), False)],
)
def test_a_timeout_that_a_stall_caused_is_excused(
    clock: FakeClock, stall: tuple[float, float], excused: bool
) -> None:
    """It must have taken a tenth of the time; then nobody holds it against the endpoint."""
    attempt = ended(clock, KnownStalls(stall), TIMEOUT, 0.25, attempt_timeout=0.25)
    assert (attempt.outcome.verdict is Verdict.NEUTRAL) is excused
    assert attempt.outcome.name == "broken"
    assert attempt.target.failures == (0 if excused else 1)
    assert attempt.target.breaker.snapshot(clock()).consecutive == (0 if excused else 1)
    assert attempt.target.outlier.total == (0 if excused else 1)
    assert attempt.delay is not None  # and it is tried again either way
    left = 0.25 - (stall[1] - stall[0])
    assert latency(attempt) == pytest.approx(left, abs=1e-3)  # at least this long it took


def test_the_limit_of_a_read_is_looked_at_alone(clock: FakeClock) -> None:
    """A stall before the last second does not explain a read that had a second of its own."""
    timeouts = {"timeout": {"connect": 5.0, "read": 1.0}}
    early = ended(clock, KnownStalls((1000.0, 1001.0)), TIMEOUT, 3.0, extensions=timeouts)
    assert early.outcome is BROKEN
    assert early.stalled == pytest.approx(1.0)
    late = ended(clock, KnownStalls((1005.5, 1006.0)), TIMEOUT, 3.0, extensions=timeouts)
    assert late.outcome.verdict is Verdict.NEUTRAL


def test_a_timeout_without_a_limit_is_judged_by_all_of_it(clock: FakeClock) -> None:
    """Where nobody says what the limit was, the whole attempt is looked at."""
    attempt = ended(clock, KnownStalls((1000.0, 1000.3)), TIMEOUT, 2.0)
    assert attempt.outcome.verdict is Verdict.NEUTRAL


def test_another_failure_is_a_failure(clock: FakeClock) -> None:
    """A stall refuses no connection."""
    attempt = ended(clock, KnownStalls((1000.0, 1000.2)), httpx.ConnectError("refused"), 0.25)
    assert attempt.outcome is NEVER_SENT
    assert attempt.target.failures == 1


ADAPTIVE: dict[str, Any] = {"adaptive": {"aimd": {"initial": 100, "window": 0.01}}}


@pytest.mark.parametrize(
    ("what", "after", "told"),
    [
        (200, 0.21, []),
        (200, 0.6, [(0.4, False)]),
        (503, 0.6, [(0.4, True)]),
        (TIMEOUT, 0.25, []),
    ],
)
def test_an_adaptive_limit_learns_nothing_from_a_stall(
    clock: FakeClock, what: Any, after: float, told: list[tuple[float, bool]]
) -> None:
    """Neither that the service was slow nor that it dropped the call."""
    learned: list[tuple[float, bool]] = []
    service = service_of(clock, bulkhead=ADAPTIVE, attempt_timeout=0.25)
    service.stalls = KnownStalls((1000.0, 1000.2))
    service.bulkhead = Told(learned)
    call, attempt = begun(service)
    clock.advance(after)
    if isinstance(what, Exception):
        call.fail_attempt(attempt, what)
    else:
        call.finish_attempt(attempt, httpx.Response(what))
    assert [dropped for _, dropped in told] == [dropped for _, dropped in learned]
    assert [elapsed for elapsed, _ in learned] == pytest.approx([elapsed for elapsed, _ in told])


class Told(Bulkhead):
    """A bulkhead that notes what it is told."""

    __slots__ = ("learned",)

    def __init__(self, learned: list[tuple[float, bool]]) -> None:
        super().__init__(BulkheadOptions.model_validate(ADAPTIVE))
        self.learned = learned

    def observe(self, now: float, elapsed: float, *, dropped: bool = False) -> None:
        """Note it."""
        self.learned.append((elapsed, dropped))


@pytest.mark.parametrize(("stall", "told"), [((1000.0, 1000.2), []), ((1000.0, 1000.01), [True])])
def test_a_deadline_that_a_stall_used_up_is_no_drop(
    clock: FakeClock, stall: tuple[float, float], told: list[bool]
) -> None:
    """A limit learns of a deadline only where the service used it up."""
    learned: list[tuple[float, bool]] = []
    service = service_of(clock, bulkhead=ADAPTIVE)
    service.stalls = KnownStalls(stall)
    service.bulkhead = Told(learned)
    call, attempt = begun(service, options=CallOptions(timeout=0.5))
    clock.advance(0.5)
    call.fail_attempt(attempt, TIMEOUT)
    assert told == [dropped for _, dropped in learned]


def test_a_hedge_learns_what_is_left(clock: FakeClock) -> None:
    """Its quantile is over latencies of endpoints, not of this process."""
    service = service_of(clock, hedge={"delay": 0.1})
    service.stalls = KnownStalls((1000.0, 1000.2))
    learned: list[float] = []
    call, attempt = begun(service)
    call.lane.hedge = SimpleNamespace(observe=lambda elapsed, now: learned.append(elapsed))
    clock.advance(0.6)
    attempt.cancel()
    assert learned == [pytest.approx(0.4)]


def test_the_event_tells(clock: FakeClock) -> None:
    """Listeners see how much of the attempt was ours."""
    events: list[Any] = []
    ended(clock, KnownStalls((1000.0, 1000.2)), 200, 0.6, events=events)
    (event,) = [each for each in events if isinstance(each, AttemptFinished)]
    assert event.stalled == pytest.approx(0.2)
    assert event.elapsed == pytest.approx(0.6)


def test_classes_change_only_what_a_stall_spoils() -> None:
    """Names and retries stay; a measurement goes; what was a lower bound stays one."""
    assert excused(BROKEN).load is LoadSignal.AT_LEAST
    assert excused(NEVER_SENT).load is LoadSignal.NONE
    assert excused(NEVER_SENT).retryable is Retryable.ANY
    assert unmeasured(SUCCESS).verdict is Verdict.SUCCESS
    assert unmeasured(SUCCESS).load is LoadSignal.NONE
    assert unmeasured(BROKEN) is BROKEN
