"""
The faults of a mesh: its rules, who may cause others, and what stops them all.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .._clock import Clock
from .._exceptions import ConfigurationError
from ..config import MeshConfig
from ..faults import (
    FAULT_BAGGAGE,
    FaultControlOptions,
    FaultInjector,
    FaultPlan,
    FaultRule,
    Injection,
    Orders,
    Phase,
    Rule,
    add_token,
    sign_baggage,
    why_forbidden,
)
from ..telemetry import carried, carrying
from ._fault_keys import keys_of
from ._killing import KillSignal, is_there

_LOGGER = logging.getLogger("meshlib")


class MeshFaults(FaultInjector):
    """
    The fault rules of a mesh, and the switches that stop them.

    Where the document lists the environments for faults and `MESHLIB_ENV` names none of
    them, nothing acts: no rule of the document or of code, no header and no baggage. Code
    that knows better says `permit`. Thread-safe.
    """

    def __init__(
        self, config: MeshConfig, *, rng: random.Random, clock: Clock, wall_clock: Clock
    ) -> None:
        self._halted = ""
        self._permitted = False
        self._refused_here = ""
        self._control = FaultControlOptions()
        self._signal: KillSignal | None = None
        self._followers: tuple[FaultInjector, ...] = ()
        super().__init__((), rng=rng, clock=clock, wall_clock=wall_clock)
        self._wall = wall_clock
        self._orders = Orders(compile=self.compile, clock=wall_clock)
        self.gate = self._closed_by_file
        self.take(config)

    # What stops

    @property
    def enabled(self) -> bool:
        """Whether anything is injected at all: False stops everything at once."""
        return self._enabled and not self._forbidden and not self._halted

    @enabled.setter
    def enabled(self, value: bool) -> None:
        with self._lock:
            self._enabled = value
            if value:
                self._halted = ""
            self._publish()

    @property
    def stopped(self) -> str:
        """Why nothing is injected; empty while faults may act."""
        if self._forbidden:
            return self._forbidden
        if self._halted:
            return self._halted
        if not self._enabled:
            return "it was stopped by code"
        return self._closed_by_file()

    def stop(self) -> None:
        """
        Inject nothing from now on, until `enabled = True`.

        Once this returns no fault begins, in no thread and no task. What waits because of
        one is let go on at once, untouched by it; answers and errors that were injected
        before may still be on their way to their callers.
        """
        self.enabled = False

    def permit(self) -> None:
        """
        Let faults act whatever the environment is, for as long as this mesh lives.

        For tests, which know where they run; in an application it defeats the list.
        """
        if self._forbidden:
            _LOGGER.warning("faults are permitted by code, although %s", self._forbidden)
        self._permitted = self.heeds_requests = True
        super().permit()

    def add(self, rule: FaultRule) -> None:
        """Add a rule after the present ones; ConfigurationError where faults are forbidden."""
        if self._forbidden:
            raise ConfigurationError(
                f"no fault may be added: {self._forbidden}",
                path="fault_control.environments",
                hint="a test may call mesh.faults.permit()",
            )
        super().add(rule)

    def lead(self, other: FaultInjector) -> None:
        """Have *other*, the faults of requests that are served, stop whenever these do."""
        other.gate = lambda: self.stopped
        with self._lock:
            self._followers = (*self._followers, other)
            self._publish()

    def _publish(self) -> None:
        # Caller must hold the lock; the others' are only ever taken inside of it.
        super()._publish()
        for other in self._followers:
            other.heeds_requests = self.heeds_requests
            other.enabled = self.enabled

    # Who asks for faults

    @contextmanager
    def inject(
        self, rule: FaultRule | Mapping[str, Any], *, lifetime: float = 60.0
    ) -> Iterator[str]:
        """
        Ask for *rule* at whichever service the calls made in this block lead to, by baggage.

        It acts on the edge that it matches, however many services away, if everybody on the
        way passes baggage on and the caller of that edge has our key and allows it. The
        first key signs, for *lifetime* seconds. Yields the token. Raises
        ConfigurationError without a key, and for what `sign_baggage` refuses.
        """
        if not self._orders.keys:
            raise ConfigurationError(
                "there is no key to sign with",
                path="fault_control.baggage",
                hint=self._forbidden or "give keys, key_file or key_variable",
            )
        token = sign_baggage(rule, key=self._orders.keys[0], lifetime=lifetime, clock=self._wall)
        with carrying(FAULT_BAGGAGE, add_token(carried(FAULT_BAGGAGE), token)):
            yield token

    @property
    def refused(self) -> dict[str, int]:
        """
        How often a token of a request counted for nothing, by reason.

        It is looked at once for the call, and again for each attempt.
        """
        return dict(self._orders.refused)

    # What became of them

    @property
    def injections(self) -> tuple[Injection, ...]:
        """The last 1000 injections whose calls are over, in the order in which they ended."""
        return self.log.entries()

    # The document

    def take(self, config: MeshConfig) -> None:
        """Follow *config*: its rules, and what it says of who may cause faults."""
        control, old = config.fault_control, self._control
        reason = why_forbidden(control.environments, config.origin.running_in)
        if control.kill_signal != old.kill_signal:
            self._watch_signal(control.kill_signal)
        if self._signal is not None and not self._signal.installed:
            reason = reason or f"the signal {self._signal.name} cannot be handled here"
        if self._permitted:
            reason = ""
        if reason:
            self._forbid_here(reason, config)
        self._control = control
        listed = control.environments is not None and not reason
        self.heeds_requests = listed or self._permitted
        if control.baggage != old.baggage or not self._orders.keys or reason:
            self._take_keys(control, reason)
        self.set_rules(config.all_faults)
        if not reason and self._forbidden and self._forbidden == self._refused_here:
            super().permit()

    def renew(self) -> None:
        """A forked child starts with no fault in force; what was stopped stays stopped."""
        super().renew()
        self._orders.renew()

    def close(self) -> None:
        """Give the signal back to who handled it before."""
        if self._signal is not None:
            self._signal.remove()

    def _forbid_here(self, reason: str, config: MeshConfig) -> None:
        count = len(config.all_faults)
        if count and reason != self._refused_here:
            _LOGGER.warning("%d fault rules of the document do not act: %s", count, reason)
        if self._forbidden in ("", self._refused_here):  # else somebody forbade it by hand
            self.forbid(reason)
        self._refused_here = reason

    def _watch_signal(self, name: str | None) -> None:
        if self._signal is not None:
            self._signal.remove()
        # Also where faults are forbidden: there the signal would end the process.
        self._signal = None if name is None else KillSignal(name, self._halt, self.stop)

    def _halt(self, reason: str) -> None:
        # In a signal's handler, which may take no lock.
        self._halted = reason

    def _take_keys(self, control: FaultControlOptions, reason: str) -> None:
        keys = () if reason or control.baggage is None else keys_of(control.baggage)
        if keys == self._orders.keys and control.baggage is not None:
            self._orders.max_lifetime = control.baggage.max_lifetime
            return
        lifetime = 0.0 if control.baggage is None else control.baggage.max_lifetime
        orders = Orders(keys, compile=self.compile, max_lifetime=lifetime, clock=self._wall)
        orders.refused.update(self._orders.refused)
        self._orders = orders
        self.extra = self._brought if keys else None

    def _brought(self, plan: FaultPlan, phase: Phase, headers: Mapping[str, str]) -> Sequence[Rule]:
        """The rules that the current baggage asks for, or else that of the request."""
        value = carried(FAULT_BAGGAGE)
        if value is not None:
            return self._orders.rules(value)
        header = headers.get("baggage")
        return () if header is None else self._orders.rules_in(header)

    def _closed_by_file(self) -> str:
        path = self._control.kill_file
        return "" if path is None or not is_there(path) else f"the file {path} is there"
