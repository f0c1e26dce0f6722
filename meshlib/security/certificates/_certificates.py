"""
Files of a certificate and of roots, and what of them is in force.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from ..._clock import Clock, monotonic, wall
from ..._exceptions import CertificateError
from ..._fork import survive_fork
from ...events import CertificateExpiring, CertificateLoaded, CertificateRejected, Event
from ..identity import PeerIdentity
from ._contexts import CheckedContext, try_out
from ._examine import Facts, examine
from ._expiry import Expiry
from ._material import Material, State, files_of, is_settled, read_material, states_of
from ._options import CertificateOptions
from ._rotation import PATIENCE, Rotation, Step

_LOOK = 1.0
"""Seconds between looks by those who make connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStatus:
    """
    What is in force, for metrics; instants are seconds since the epoch.

    *not_after* is None without a certificate, *roots_not_after* that of the root which ends
    first; None without any. *loaded* counts what was in force so far, *problem* says why
    what the files hold is not.
    """

    name: str
    identity: str
    fingerprint: str
    not_after: float | None
    roots_not_after: float | None
    loaded: int
    rejected: int
    problem: str = ""


def nobody(event: Event) -> None:
    """Nobody listens."""


class Certificates:
    """
    The certificate, key and roots that *options* name, and their successors.

    Made, it has read them; raises CertificateError when that was not possible. `look`
    reads them again; so does whoever makes a connection, at most once a second. Thread-safe,
    also in a forked child. *patience* is how many seconds files may be at odds before
    that is told.
    """

    def __init__(
        self,
        options: CertificateOptions,
        *,
        emit: Callable[[Event], None] = nobody,
        clock: Clock = monotonic,
        wall: Clock = wall,
        patience: float = PATIENCE,
    ) -> None:
        self.name = options.cert or ", ".join(options.ca) or "the roots of the system"
        self.files = files_of(options)
        self.on_use: Callable[[Certificates], object] | None = None
        """Called once, by the next that makes a connection."""
        self.number = 0
        self.rejected = 0
        self._options = options
        self._emit = emit
        self._clock = clock
        self._wall = wall
        self._rotation = Rotation(patience)
        self._contexts: weakref.WeakSet[CheckedContext] = weakref.WeakSet()
        self._states: tuple[State, ...] = ()
        self._settled = False
        self._next_look = 0.0
        self.renew()
        self.material = Material()
        self.facts = Facts()
        self._expiry = Expiry(0.0, float("inf"))
        self._begin()
        survive_fork(self)

    def _begin(self) -> None:
        material, found = self._read()
        if isinstance(found, CertificateError):
            raise found
        self._rotation.step(material.digest, found, self._wall())
        for event in self._take(material, found):
            self._emit(event)

    @property
    def identity(self) -> PeerIdentity | None:
        """Whose certificate is in force; None without one."""
        return self.facts.identity

    @property
    def expires_at(self) -> float:
        """When the certificate in force ends, in seconds since the epoch."""
        return self.facts.not_after

    @property
    def waiting(self) -> bool:
        """Whether the files hold something that is not in force, and may yet be."""
        return self._rotation.waiting

    def status(self) -> CertificateStatus:
        """What is in force now."""
        facts, problem = self.facts, self._rotation.problem
        return CertificateStatus(
            name=self.name,
            identity="" if facts.identity is None else str(facts.identity),
            fingerprint="" if facts.identity is None else facts.identity.fingerprint,
            not_after=_instant(facts.not_after),
            roots_not_after=_instant(facts.roots_not_after),
            loaded=self.number,
            rejected=self.rejected,
            problem="" if problem is None else str(problem),
        )

    def look(self, wait: bool = True) -> bool:
        """
        Read the files again if they may have changed; whether others are in force now.

        Without *wait* it returns at once when another thread is at it.
        """
        if not self._lock.acquire(blocking=wait):
            return False
        number = self.number
        try:
            self._next_look = self._clock() + _LOOK
            events = self._look()
        finally:
            self._lock.release()
        for event in events:
            self._emit(event)
        return self.number != number

    def look_if_due(self) -> None:
        """Look, unless that was done within the last second; for who makes a connection."""
        begin, self.on_use = self.on_use, None
        if begin is not None:
            begin(self)
        if self._clock() >= self._next_look:
            self.look(wait=False)

    def context(self, make: Callable[[Material], CheckedContext]) -> CheckedContext:
        """What *make* makes of what is in force; *outdated* once that is replaced."""
        while True:
            number = self.number
            context = make(self.material)
            with self._guard:
                if number == self.number:
                    self._contexts.add(context)
                    return context

    def renew(self) -> None:
        """A forked child may not wait for a lock that a thread of its parent held."""
        self._lock = threading.Lock()
        self._guard = threading.Lock()

    def _look(self) -> list[Event]:
        now = self._wall()
        states = states_of(self.files)
        events: list[Event] = []
        if states != self._states or self._rotation.waiting or not self._settled:
            material, found = self._read(states)
            step = self._rotation.step(_digest(material, found), found, now)
            if step is Step.TAKE and isinstance(found, Facts):
                events += self._take(material, found)
            elif step is Step.REFUSE and self._rotation.problem is not None:
                self.rejected += 1
                error = self._rotation.problem
                events.append(CertificateRejected(certificate=self.name, error=error))
        left = self._expiry.due(now)
        if left is not None:
            events.append(
                CertificateExpiring(
                    certificate=self.name,
                    identity=str(self.facts.identity),
                    not_after=self.facts.not_after,
                    remaining=left,
                )
            )
        return events

    def _read(
        self, states: tuple[State, ...] | None = None
    ) -> tuple[Material, Facts | CertificateError]:
        self._states = states_of(self.files) if states is None else states
        self._settled = is_settled(self._states, self._wall())
        material = Material()
        try:
            material = read_material(self._options)
            found = examine(material)
            try_out(self._options, material)
            return material, found
        except CertificateError as exc:
            if exc.file:
                return material, exc
            return material, CertificateError(exc.message, file=self.name, reason=exc.reason)

    def _take(self, material: Material, facts: Facts) -> list[Event]:
        self.material, self.facts = material, facts
        self._expiry = Expiry(facts.not_before, facts.not_after)
        with self._guard:
            self.number += 1
            replaced, self._contexts = list(self._contexts), weakref.WeakSet()
        for context in replaced:
            context.outdated = True
        identity = facts.identity
        return [
            CertificateLoaded(
                certificate=self.name,
                identity="" if identity is None else str(identity),
                fingerprint="" if identity is None else identity.fingerprint,
                not_after=facts.not_after,
                number=self.number,
            )
        ]


def _digest(material: Material, found: Facts | CertificateError) -> str:
    if isinstance(found, CertificateError) and found.reason in ("unreadable", "password"):
        return f"{found} {material.digest}"
    return material.digest


def _instant(value: float) -> float | None:
    return None if value == float("inf") else value
