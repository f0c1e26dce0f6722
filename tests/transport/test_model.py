"""Random walks of a service and its calls beside a model that only counts."""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import httpx
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshlib import CallOptions, Endpoint, MeshError
from meshlib.transport import Call, Target
from meshlib.transport._again import start_hedge
from meshlib.transport._attempt import Attempt
from support import FakeClock
from support.meshes import at_rest, call_of, service_of

URLS = ("http://a", "http://b", "http://c")
PROBES = 2
SETTINGS: dict[str, Any] = {
    "timeout": 20.0,
    "hedge": {"delay": 0.2},
    "bulkhead": {"max_concurrency": 3, "max_queue": 2},
    "outlier": {"minimum_hosts": 2, "request_volume": 3},
    "retry": {"max_attempts": 4},
}
BREAKERS = (
    {"consecutive_failures": 1, "probes": PROBES, "probe_lease": 3.0},
    {"consecutive_failures": 2, "probes": PROBES, "probe_successes": 2},
    {"consecutive_failures": None, "failure_ratio": 0.5, "minimum_throughput": 2},
)
FAULT = {
    "name": "slow",
    "delay": {"percentage": 50, "fixed": 0.5},
    "max_active": 2,
    "seed": 3,
}
ERRORS = (
    httpx.ConnectError,
    httpx.ReadError,
    httpx.ReadTimeout,
    httpx.PoolTimeout,
    httpx.LocalProtocolError,
    RuntimeError,
)


class Driven:
    """A call as its driver knows it; also what it waits on in the queue."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.permit = False
        self.granted = False
        self.queued = False
        self.running: list[Attempt] = []
        self.answered: Attempt | None = None

    def set(self) -> None:
        """A permit was handed over."""
        self.granted = True


class CallModel(RuleBasedStateMachine):
    """Drives calls as the drivers do, in any order, while everything around them changes."""

    @initialize(breaker=st.sampled_from(BREAKERS), seed=st.integers(0, 999))
    def begin_all(self, breaker: dict[str, Any], seed: int) -> None:
        """A service of three endpoints."""
        self.clock = FakeClock()
        self.choice = random.Random(seed)
        self.service = service_of(
            self.clock, *URLS, events=[], faults=[FAULT], breaker=breaker, **SETTINGS
        )
        self.calls: list[Driven] = []
        self.seen: set[Target] = set(self.service.targets)

    def one(self, driven: list[Driven]) -> Driven | None:
        """One of these calls."""
        return self.choice.choice(driven) if driven else None

    @property
    def idle(self) -> list[Driven]:
        """Calls that may start an attempt: admitted, nothing under way, no response."""
        return [d for d in self.calls if d.permit and not d.running and d.answered is None]

    @property
    def busy(self) -> list[Driven]:
        """Calls with an attempt under way."""
        return [d for d in self.calls if d.running]

    @property
    def answered(self) -> list[Driven]:
        """Calls whose response the caller has."""
        return [d for d in self.calls if d.answered is not None]

    # What a driver does

    @rule(
        method=st.sampled_from(["GET", "POST"]),
        ambient=st.sampled_from([None, None, 0.0, 3.0]),
        retry=st.booleans(),
        at_once=st.booleans(),
    )
    def begin(self, method: str, ambient: float | None, retry: bool, at_once: bool) -> None:
        """A call comes: it is admitted, queued or refused."""
        self.come(method, ambient, retry, at_once)

    def come(self, method: str, ambient: float | None, retry: bool, at_once: bool) -> None:
        """Begin a call."""
        instant = None if ambient is None else self.clock() + ambient
        call = call_of(
            self.service, method, ambient=instant, options=CallOptions(retry=retry or None)
        )
        driven = Driven(call)
        try:
            driven.permit = call.admit()
        except MeshError:
            call.close()
            return
        if not driven.permit:
            if not self.service.bulkhead.enqueue(driven):
                call.close()
                return
            driven.queued = True
        self.calls.append(driven)
        if driven.permit and at_once:
            self.start_one(driven)

    @precondition(lambda self: any(d.queued and d.granted for d in self.calls))
    @rule()
    def go_on(self) -> None:
        """A queued call notices that it has a permit."""
        driven = self.one([d for d in self.calls if d.queued and d.granted])
        if driven is not None:
            driven.call.admitted()
            driven.queued, driven.permit = False, True

    @precondition(lambda self: any(d.queued for d in self.calls))
    @rule()
    def give_up(self) -> None:
        """A queued call is cancelled, perhaps just as it gets its permit."""
        driven = self.one([d for d in self.calls if d.queued])
        if driven is not None:
            if self.service.bulkhead.abandon(driven):
                self.service.bulkhead.release()
            self.end(driven)

    @precondition(lambda self: self.idle)
    @rule()
    def start(self) -> None:
        """An attempt begins, or is refused, which ends the call."""
        driven = self.one(self.idle)
        assert driven is not None
        self.start_one(driven)

    def start_one(self, driven: Driven) -> None:
        """Start an attempt; a refusal ends the call."""
        try:
            driven.running.append(driven.call.start_attempt())
        except MeshError:
            self.end(driven)

    @precondition(lambda self: self.busy)
    @rule()
    def hedge(self) -> None:
        """A second attempt begins beside the first."""
        driven = self.one(self.busy)
        if driven is not None:
            attempt = start_hedge(driven.call)
            if attempt is not None:
                driven.running.append(attempt)

    @precondition(lambda self: self.busy)
    @rule(
        status=st.sampled_from([200, 404, 429, 500, 503]),
        hint=st.sampled_from([{}, {"retry-after": "1"}]),
    )
    def finish(self, status: int, hint: dict[str, str]) -> None:
        """A response comes: it is delivered, or discarded and tried again."""
        driven = self.one(self.busy)
        assert driven is not None
        attempt = driven.running.pop(self.choice.randrange(len(driven.running)))
        response = httpx.Response(status, headers=hint)
        delay = driven.call.finish_attempt(attempt, response)
        if delay is None and (not driven.running or not driven.call.failed(attempt, response)):
            for loser in driven.running:
                loser.cancel()
            driven.running = []
            driven.answered = attempt
        else:
            attempt.release()

    @precondition(lambda self: self.busy)
    @rule(error=st.sampled_from(ERRORS))
    def fail(self, error: type[Exception]) -> None:
        """An attempt fails: that ends the call unless it is tried again or hedged."""
        driven = self.one(self.busy)
        assert driven is not None
        attempt = driven.running.pop(self.choice.randrange(len(driven.running)))
        if driven.call.fail_attempt(attempt, error("boom")) is None and not driven.running:
            self.end(driven)

    @precondition(lambda self: any(not d.queued for d in self.calls))
    @rule()
    def cancel(self) -> None:
        """The caller goes away, wherever the call is."""
        driven = self.one([d for d in self.calls if not d.queued])
        if driven is not None:
            self.end(driven)

    @precondition(lambda self: self.answered)
    @rule(broken=st.booleans())
    def close_body(self, broken: bool) -> None:
        """The body is closed, or breaks off first."""
        driven = self.one(self.answered)
        if driven is not None:
            assert driven.answered is not None
            if broken:
                driven.call.body_failed(driven.answered, httpx.ReadError("reset"))
            self.end(driven)

    def end(self, driven: Driven) -> None:
        """The call is over, and ending it again changes nothing."""
        driven.call.close()
        driven.call.close()
        self.calls.remove(driven)

    # What happens around it

    @precondition(lambda self: self.busy or self.answered)
    @rule(seconds=st.sampled_from([0.01, 0.5, 5.0, 5.0, 11.0, -1.0, -3600.0, 3600.0]))
    def let_time_pass(self, seconds: float) -> None:
        """Breaks, leases and deadlines end; sometimes the clock is set."""
        self.clock.advance(seconds)

    @precondition(lambda self: any(not t.breaker.closed for t in self.service.targets))
    @rule()
    def end_of_a_break(self) -> None:
        """Just as a break ends, a call comes."""
        now = self.clock()
        waits = [t.breaker.retry_after(now) for t in self.service.targets if not t.breaker.closed]
        wait = min(waits)
        if wait < 1000.0:
            self.clock.advance(wait)
        self.come("GET", None, False, True)

    @precondition(lambda self: self.busy or self.answered)
    @rule(
        change=st.sampled_from(["endpoints", "health", "order", "options"]),
        urls=st.sampled_from([set(URLS), set(URLS[:2]), set(URLS[2:]), set()]),
        yes=st.booleans(),
        breaker=st.sampled_from(BREAKERS),
        limit=st.sampled_from([1, 3, None]),
    )
    def surroundings(
        self, change: str, urls: set[str], yes: bool, breaker: dict[str, Any], limit: int | None
    ) -> None:
        """Discovery, active checks, operators and configuration do as they like."""
        chosen = [target for target in self.service.targets if target.endpoint.url in urls]
        if change == "endpoints":
            weight = 2.0 if yes else 1.0
            self.service.update([Endpoint(url, weight=weight) for url in sorted(urls)])
            self.seen |= set(self.service.targets)
        elif change == "health":
            for target in chosen:
                self.service.set_healthy({target.address: yes})
        elif change == "order":
            for target in chosen:
                if yes:
                    target.breaker.isolate()
                else:
                    target.breaker.reset(self.clock())
        else:
            limits = {"max_concurrency": limit, "max_queue": 2}
            options = {**SETTINGS, "bulkhead": limits, "breaker": breaker}
            self.service.apply(service_of(self.clock, **options).policies)

    # What must always hold

    @invariant()
    def in_flight_is_what_is_open(self) -> None:
        """Each target counts the attempts that were not given back, and no other."""
        if not hasattr(self, "calls"):
            return
        held = Counter(
            attempt.target
            for driven in self.calls
            for attempt in [*driven.running, *([driven.answered] if driven.answered else [])]
        )
        for target in self.seen:
            assert held[target] == target.load.in_flight, target

    @invariant()
    def permits_are_calls(self) -> None:
        """The bulkhead counts the calls that were admitted or have been handed a permit."""
        if not hasattr(self, "calls"):
            return
        bulkhead = self.service.bulkhead
        assert bulkhead.in_flight == sum(d.permit or d.granted for d in self.calls)
        assert bulkhead.queued == sum(d.queued and not d.granted for d in self.calls)

    @invariant()
    def probes_are_limited(self) -> None:
        """Never more probes than places, nor fewer than none."""
        if not hasattr(self, "calls"):
            return
        for target in self.seen:
            assert 0 <= target.breaker.snapshot(self.clock()).probes <= PROBES

    @invariant()
    def nothing_is_negative(self) -> None:
        """Budget, faults and statistics."""
        if not hasattr(self, "calls"):
            return
        assert self.service.budget.balance(self.clock()) >= 0
        assert self.service.faults is not None
        active = self.service.faults._injector.active["slow"]
        open_faults = sum(
            attempt.fault is not None
            for driven in self.calls
            for attempt in [*driven.running, *([driven.answered] if driven.answered else [])]
        )
        assert 0 <= open_faults == active <= 2
        for target in self.seen:
            assert 0 <= target.outlier.successes <= target.outlier.total

    def teardown(self) -> None:
        """Whatever was under way, everything comes back."""
        if not hasattr(self, "calls"):
            return
        for driven in list(self.calls):
            if driven.queued:
                if self.service.bulkhead.abandon(driven):
                    self.service.bulkhead.release()
                driven.queued = False
            self.end(driven)
        assert at_rest(self.service)
        assert all(0 == target.load.in_flight for target in self.seen)


CallModel.TestCase.settings = settings(
    max_examples=200 if os.environ.get("CI") else 100, stateful_step_count=80, deadline=None
)
TestCallModel = CallModel.TestCase
