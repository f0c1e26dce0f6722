"""What an `Inbound` decides by: made of one document, and replaced as a whole."""

from __future__ import annotations

import math
import random

from .._clock import Clock
from ..bulkhead.limits import Gate
from ..security.authorization import Policy
from ..security.tokens import TokenVerifier
from ..telemetry import ServerTracing
from ._headers import KNOWN
from ._options import InboundOptions
from ._trust import Trust


class Parts:
    """
    The policies of *options*; making them raises ConfigurationError for what is wrong.

    *old* are those in force: what did not change keeps its state.
    """

    __slots__ = (
        "_names", "_wanted", "access_log", "authorization", "default", "gate", "max", "options",
        "retry_allowance", "tokens", "tracing", "trust",
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
        self.default = math.inf if deadline.default is None else deadline.default
        self.max = math.inf if deadline.max is None else deadline.max
        self.retry_allowance = options.retry_allowance
        self.access_log = options.access_log
        self.tracing = tracing
        self._names: frozenset[bytes] = frozenset()
        self._wanted = KNOWN
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

    def wanted(self) -> frozenset[bytes]:
        """The headers that anything here looks at; those of traces may change at any time."""
        if self.tracing is None:
            return KNOWN
        names = self.tracing.names
        if names is not self._names:
            self._wanted = KNOWN | names
            self._names = names
        return self._wanted

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
