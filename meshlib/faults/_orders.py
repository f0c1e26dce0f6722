"""The faults that requests bring, while their tokens are good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Lock

from .._clock import Clock, wall
from ._baggage import LONGEST_HEADER, Order, member_of, read_token, tokens_in
from ._options import FaultRule
from ._rule import Rule

_KEPT = 256
"""Rules of tokens that are kept; with more at once, the oldest begins anew."""


class Orders:
    """
    Turns the baggage of requests into rules.

    A token is read once, and its rule keeps its state for as long as it is good, so that
    limits hold over all the requests that bring it. *keys* are what may have signed it;
    without any, nothing is accepted. What is refused is counted, by reason, and no error.

    Thread-safe.
    """

    def __init__(
        self,
        keys: Iterable[bytes] = (),
        *,
        compile: Callable[[FaultRule], Rule],  # noqa: A002  # the injector's word for it
        max_lifetime: float = 3600.0,
        clock: Clock = wall,
    ) -> None:
        self.keys = tuple(keys)
        self.max_lifetime = max_lifetime
        self.refused: dict[str, int] = {}
        self._compile = compile
        self._clock = clock
        self._known: dict[str, tuple[float, Rule]] = {}
        self._lock = Lock()

    def rules(self, carried: str) -> Sequence[Rule]:
        """The rules that the value of a member asks for; never raises."""
        if not self.keys:
            return ()
        tokens = tokens_in(carried)
        if tokens is None:
            with self._lock:
                self._refuse("too long")
            return ()
        now = self._clock()
        found: list[Rule] = []
        for token in tokens:
            known = self._known.get(token)
            if known is not None and now < known[0]:
                found.append(known[1])
                continue
            order = read_token(token, self.keys, now=now, max_lifetime=self.max_lifetime)
            with self._lock:
                if isinstance(order, Order):
                    found.append(self._keep(token, order, now))
                else:
                    self._known.pop(token, None)
                    self._refuse(order)
        return found

    def rules_in(self, header: str) -> Sequence[Rule]:
        """The rules that a whole `baggage` *header* asks for; never raises."""
        if len(header) > LONGEST_HEADER:
            with self._lock:
                self._refuse("too long")
            return ()
        value = member_of(header)
        return () if value is None else self.rules(value)

    def renew(self) -> None:
        """A forked child may not wait for a lock that a thread of its parent held."""
        self._lock = Lock()

    def _keep(self, token: str, order: Order, now: float) -> Rule:
        # Caller must hold the lock. Another thread may have read the same token meanwhile.
        known = self._known.get(token)
        if known is not None:
            return known[1]
        for other, (expires, _) in list(self._known.items()):
            if expires <= now or len(self._known) >= _KEPT:
                del self._known[other]
        rule = self._compile(order.rule)
        self._known[token] = (order.expires, rule)
        return rule

    def _refuse(self, reason: str) -> None:
        # Caller must hold the lock.
        self.refused[reason] = self.refused.get(reason, 0) + 1
