"""What an `Inbound` decides by: made of one document, and replaced as a whole."""

from __future__ import annotations

import math
import random

from .._clock import Clock
from ..bulkhead.limits import Gate
from ..security.authorization import Policy
from ..security.tokens import TokenVerifier
from ..telemetry import ServerTracing
from . import _headers as headers
from ._options import InboundOptions
from ._trust import Trust


class Parts:
    """
    The policies of *options*; making them raises ConfigurationError for what is wrong.

    *old* are those in force: what did not change keeps its state.
    """

    __slots__ = (
        "access_log", "authorization", "gate", "max", "options", "retry_allowance",
        "tokens", "trace_names", "tracing", "trust", "usual", "wanted",
    )  # fmt: skip

    def __init__(
        self,
        options: InboundOptions,
        tracing: ServerTracing | None,
        *,
        name: str,
        rng: random.Random,
        clock: Clock,
        wall_clock: Clock,
        old: Parts | None = None,
    ) -> None:
        self.options = options
        self.trust = Trust(options.trust)
        deadline = options.deadline
        self.max = math.inf if deadline.max is None else deadline.max
        self.usual = self.max if deadline.default is None else min(deadline.default, self.max)
        """Seconds that a request has whose caller says nothing."""
        self.retry_allowance = options.retry_allowance
        self.access_log = options.access_log
        self.tracing = tracing
        self.look_at(frozenset() if tracing is None else tracing.names)
        self.authorization: Policy | None = None
        if options.authorization is not None:
            self.authorization = Policy(options.authorization)
        self.tokens: TokenVerifier | None = None
        if old is not None and options.tokens == old.options.tokens:
            self.tokens = old.tokens
        elif options.tokens is not None:
            self.tokens = TokenVerifier(
                options.tokens, realm=name, clock=clock, wall_clock=wall_clock
            )
        self.gate: Gate | None = None
        if options.concurrency is not None:
            kept = None if old is None else old.gate
            self.gate = Gate(options.concurrency, rng=rng) if kept is None else kept

    def look_at(self, names: frozenset[bytes]) -> None:
        """Those in *names* are the headers of traces from now on."""
        self.wanted = headers.KNOWN | names
        self.trace_names = names

    def take_over(self) -> None:
        """These are in force from now on."""
        if self.gate is not None and self.options.concurrency is not None:
            self.gate.resize(self.options.concurrency)

    def renew(self) -> None:
        """A forked child starts with no request in flight."""
        if self.gate is not None:
            self.gate.renew()
        if self.tokens is not None:
            self.tokens.keys.renew()
