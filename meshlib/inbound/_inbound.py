"""
What decides about the requests that this process serves.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

from .._clock import Clock, monotonic, wall
from .._context import Serving
from .._marks import Marks
from ..events import Event, FaultInjected
from ..faults import FaultInjector
from ..telemetry import ServerTracing
from . import _headers as headers
from ._access import NOBODY, Caller, identify
from ._arrival import Arrival
from ._chain import chain_name
from ._fault import ArrivalFault
from ._fault_rules import inbound_rule
from ._head import Head
from ._ids import RequestIds
from ._late import late_served_request
from ._load_meter import LoadMeter
from ._metrics import Counters, InboundMetrics
from ._options import InboundOptions
from ._parts import Parts
from ._reading import Here, priority_of
from ._refusal import EXPIRED, FORBIDDEN, PROBE, Refusal, load_answer, shed

_DEFAULTS = InboundOptions()
_RARE = frozenset(
    {
        headers.FORWARDED_FOR, headers.FORWARDED, headers.TENANT, headers.TIMEOUT,
        headers.GRPC_TIMEOUT,
    }
)  # fmt: skip


def _ignore(event: Event) -> None:
    """Nobody listens."""


class Inbound:
    """
    Decides about each request that this process, called *name*, serves.

    *emit* takes events, and *listening* is whether anybody wants them. *faults* holds the
    inbound rules; without one it is made. *tracing* reads traces and makes server spans.
    Thread-safe. Never blocks, and knows no I/O.
    """

    def __init__(
        self,
        name: str = "application",
        options: InboundOptions = _DEFAULTS,
        *,
        clock: Clock = monotonic,
        rng: random.Random | None = None,
        emit: Callable[[Event], None] = _ignore,
        listening: Any = False,
        faults: FaultInjector | None = None,
        tracing: ServerTracing | None = None,
        wall_clock: Clock = wall,
    ) -> None:
        self.name = name
        self.clock = clock
        self.emit = emit
        self.listening = listening
        self.counters = Counters()
        self._meter: LoadMeter | None = None
        self._parts: Parts | None = None
        self._wall = wall_clock
        self._rng = random.Random() if rng is None else rng
        self._ids = RequestIds()
        self._here = Here(chain_name(name), self._ids.write)
        self.faults = FaultInjector(rng=self._rng, clock=clock) if faults is None else faults
        """The rules for requests, as `mesh.faults` holds those for calls."""
        self._plan = self.faults.plan(name, "")
        self.take(self.prepare(options, tracing))
        Serving.begun = True

    # Configuration

    @property
    def parts(self) -> Parts:
        """What it decides by at this moment."""
        assert self._parts is not None
        return self._parts

    @property
    def options(self) -> InboundOptions:
        """What it goes by."""
        return self.parts.options

    def prepare(self, options: InboundOptions, tracing: ServerTracing | None = None) -> Parts:
        """What `take` puts in force; raises ConfigurationError for what is wrong with it."""
        return Parts(
            options,
            tracing,
            name=self.name,
            rng=self._rng,
            clock=self.clock,
            wall_clock=self._wall,
            old=self._parts,
        )

    def take(self, parts: Parts) -> None:
        """Go by *parts* from the next request on; what did not change keeps its state."""
        parts.take_over()
        self._parts = parts
        self.faults.set_rules([inbound_rule(rule) for rule in parts.options.faults])

    # Requests

    def arrive(self, head: Head) -> Arrival:
        """
        Decide about a request; raises nothing, whatever its headers hold.

        Whoever asks must bring the arrival to its `finish`.
        """
        # One long function, and little in it that a usual request needs: after a server has
        # waited, nothing is in the processor's caches, and each function costs a microsecond.
        now, parts = self.clock(), self._parts
        assert parts is not None
        number = self.counters.number()
        arrival = Arrival(self, parts, head, now, number)
        tracing = parts.tracing
        if tracing is not None:
            if now >= tracing.look_at:
                tracing.look()
            if tracing.names is not parts.trace_names:
                parts.look_at(tracing.names)
        among = head.among(parts.wanted)
        found = dict(among)
        if len(found) < len(among):  # some came twice
            found = headers.known_headers(among)
        peer, identity = head.peer, head.identity
        rare = not _RARE.isdisjoint(found)
        if rare or identity is not None or peer is None:
            trusted, client_ip = parts.trust.judge(peer, identity, found)
        else:
            client_ip, trusted = parts.trust.look(peer)
        arrival.trusted = trusted
        seconds = parts.usual
        if rare:
            if trusted and headers.TENANT in found:
                arrival.tenant = headers.tenant(found)
            said = headers.seconds_left(found)
            if said is not None:
                seconds = said if said < parts.max else parts.max
        caller = NOBODY
        if identity is not None or parts.tokens is not None:
            caller = identify(identity, parts.tokens, found)
        if tracing is not None and (
            tracing.tracer is not None or not parts.trace_names.isdisjoint(found)
        ):
            arrival.trace = tracing.begin(head, among)
        arrival.served = late_served_request(
            (
                self._here,
                parts.retry_allowance,
                found,
                trusted,
                client_ip,
                caller.names[0] if caller.names else None,
                arrival.tenant,
                arrival.trace,
                number,
                Marks(),
            )
        )
        if seconds != math.inf:
            arrival.deadline = now + seconds
        meter = self._meter
        if (meter is not None or headers.LOAD in found) and self._metered(arrival, found):
            return arrival
        if (
            seconds <= 0.0
            or parts.gate is not None
            or parts.authorization is not None
            or caller is not NOBODY
        ):
            arrival.refusal = self._refusal(arrival, caller, found, seconds)
        if self._plan.has_call and arrival.refusal is None:
            self._draw(arrival, seconds)
        return arrival

    def _metered(self, arrival: Arrival, found: headers.Found) -> bool:
        """Count it in, and tell the load if it asks; whether that is all it asks."""
        who = arrival.parts.options.load_reports
        if headers.LOAD in found and (who == "anybody" or (who == "trusted" and arrival.trusted)):
            if self._meter is None:  # of whom nobody asks nothing is measured
                self._meter = LoadMeter()
            arrival.reports = True
        if self._meter is not None:
            if arrival.reports and found[headers.LOAD] == PROBE:
                arrival.refusal = load_answer(self._meter.header())
                return True
            arrival.meter = self._meter
            arrival.met = self._meter.begin()
        return False

    def _refusal(
        self, arrival: Arrival, caller: Caller, found: headers.Found, seconds: float
    ) -> Refusal | None:
        """Why the request is not served; the permit is taken last, when it is."""
        parts = arrival.parts
        if seconds <= 0.0:  # nobody waits any more: all further work is wasted
            return EXPIRED
        if caller.refusal is not None:
            arrival.detail = caller.detail
            return caller.refusal
        # Before the gate, so that strangers take no permit from those who may call, and a
        # refusal, which is quick, is no sample of how fast requests are served.
        if parts.authorization is not None:
            head = arrival.head
            decision = arrival.decision = parts.authorization.decide(
                caller.names, self.name, head.method, head.path, head.headers, decoded=True
            )
            if not decision.allowed:
                arrival.detail = decision.reason
                return FORBIDDEN
        if parts.gate is not None:
            if not parts.gate.try_enter(priority_of(found, arrival.trusted), arrival.now):
                return shed(parts.gate.retry_after(arrival.now))
            arrival.permit = True
        return None

    def _draw(self, arrival: Arrival, seconds: float) -> None:
        head = arrival.head
        fault = self._plan.decide(
            "call",
            endpoint="",
            method=head.method,
            path=head.path,
            headers={n.decode("latin-1"): v.decode("latin-1") for n, v in head.headers},
            tenant=arrival.tenant or "",
            query=head.query,
            timeout=seconds,
            left=seconds,
        )
        if fault is None:
            return
        arrival.fault = ArrivalFault(self._plan, fault)
        if arrival.trace is not None and arrival.parts.tracing is not None:
            arrival.parts.tracing.name_fault(arrival.trace, fault.rule)
        if self.listening:
            self.emit(
                FaultInjected(
                    service=self.name,
                    rule=fault.rule,
                    delay=fault.delay,
                    status=fault.status,
                    error=fault.error,
                    kind=fault.kinds,
                    phase="inbound",
                    injections=fault.injections,
                )
            )

    # Telemetry and life

    def counts(self) -> InboundMetrics:
        """What has become of requests so far."""
        gate = self.parts.gate
        if gate is None:
            return self.counters.metrics(None, ())
        return self.counters.metrics(gate.limit, tuple(gate.rejected))

    def renew(self) -> None:
        """A forked child starts with no request in flight."""
        self._ids.renew()
        self.counters.renew()
        if self._meter is not None:
            self._meter.renew()
        self.parts.renew()
        self.faults.renew()
