"""
Keeping one instance registered for as long as it serves.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import anyio

from ...events import Event, RegistrationChanged
from .._base import source_name
from .._timing import Timing
from ._base import Registrar, RegistrarSession
from ._instance import Instance

_LOGGER = logging.getLogger("meshlib")
_HEARTBEATS = 3.0
"""Heartbeats within a time to live: two may be lost without harm."""
_FIRST_PAUSE = 0.5
"""Seconds between the first failure and the next try; it doubles up to a heartbeat."""
_GOODBYE = 5.0
"""Seconds that deregistering may take; after that the time to live does it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationStatus:
    """
    How a registration is doing.

    *state* is `new`, `registered`, `lost` when the server forgot the instance, `failing`,
    or `deregistered`. *last_success* is the instant of the last answer, on the clock of
    the keeper, and *error* what has failed since.
    """

    state: str = "new"
    last_success: float | None = None
    error: BaseException | None = None


class Keeper:
    """
    Registers *instance*, sends heartbeats, and registers again what the server has lost.

    A server that is away is no reason to stop: it is tried again until `run` is cancelled,
    which deregisters the instance. `status` and `registered` may be read from any thread.
    """

    def __init__(
        self,
        registrar: Registrar,
        instance: Instance,
        on_event: Callable[[Event], object],
        *,
        timing: Timing | None = None,
    ) -> None:
        self.instance = instance
        self.status = RegistrationStatus()
        self.registered = threading.Event()
        """Set while the server is known to know the instance."""
        self._registrar = registrar
        self._on_event = on_event
        self._timing = Timing() if timing is None else timing
        self._name = source_name(registrar)

    async def run(self) -> None:
        """Keep the instance registered, for ever. Ends only by cancellation."""
        async with self._registrar.session() as session:
            try:
                await self._keep(session)
            finally:
                await self._leave(session)

    async def _keep(self, session: RegistrarSession) -> None:
        heartbeat = self.instance.ttl / _HEARTBEATS
        known, pause = False, 0.0
        while True:
            try:
                # A heartbeat that takes longer than its interval is worth no waiting.
                with anyio.fail_after(max(heartbeat, 1.0)):
                    if known and not await session.renew(self.instance):
                        known = False
                        self._tell("lost")
                    if not known:
                        await session.register(self.instance)
                        known = True
                self._tell("registered")
                pause = 0.0
                await self._timing.sleep(heartbeat * (0.9 + 0.1 * self._timing.rng.random()))
            except Exception as exc:
                self._tell("failing", exc)
                pause = min(pause * 2 or _FIRST_PAUSE, heartbeat)
                await self._timing.sleep(pause * (0.5 + self._timing.rng.random() / 2))

    async def _leave(self, session: RegistrarSession) -> None:
        """Deregister, even when it is unknown whether the server ever heard of us."""
        with anyio.move_on_after(_GOODBYE, shield=True) as scope:
            try:
                await session.deregister(self.instance)
                self._tell("deregistered")
            except Exception as exc:
                self._tell("failing", exc)
        if scope.cancelled_caught:
            self._tell("failing", TimeoutError(f"no answer to the goodbye in {_GOODBYE:g} s"))

    def _tell(self, state: str, error: BaseException | None = None) -> None:
        old = self.status
        success = old.last_success if error is not None else self._timing.clock()
        self.status = RegistrationStatus(state=state, last_success=success, error=error)
        if state == "registered":
            self.registered.set()
        elif state != "failing":
            self.registered.clear()
        if state == old.state and str(error) == str(old.error):
            return
        event = RegistrationChanged(
            service=self.instance.service,
            registrar=self._name,
            instance=self.instance.id,
            state=state,
            error=error,
        )
        try:
            self._on_event(event)
        except Exception:
            _LOGGER.exception("a listener failed on RegistrationChanged")
