"""
The server's half of a mesh: made when something in this process first serves requests.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from .._clock import Clock
from ..config import MeshConfig
from ..faults import FaultInjector
from ..inbound import Inbound, InboundMetrics, Parts
from ..security.tokens import KeyRing
from ..telemetry import Propagation, ServerTracing
from ._background import Background
from ._tasks import Tasks

if TYPE_CHECKING:
    from ._mesh import Mesh

_KEYS = "keys"


class PlannedServing(NamedTuple):
    """What another configuration means for the requests that are served."""

    inbound: Inbound
    parts: Parts


class Serving:
    """
    Holds the `Inbound` of *mesh*, or none while nothing serves. Thread-safe.

    Its faults are stopped by whatever stops those of calls.
    """

    def __init__(self, mesh: Mesh, background: Background, wall_clock: Clock) -> None:
        self._mesh = mesh
        self._wall = wall_clock
        self._lock = threading.Lock()
        self._made: Inbound | None = None
        self._tasks = Tasks(background)
        self._keys: KeyRing | None = None
        """Whose keys are kept up to date."""

    @property
    def inbound(self) -> Inbound:
        """What decides about requests; made when it is first asked for."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
                self._keep_keys()
            return self._made

    def counts(self) -> InboundMetrics | None:
        """What has become of requests; None while nothing serves."""
        return None if self._made is None else self._made.counts()

    def plan(self, config: MeshConfig, propagation: Propagation) -> PlannedServing | None:
        """What `take` puts in force; raises ConfigurationError for what is wrong."""
        if self._made is None:
            return None
        tracing: ServerTracing | None = self._made.parts.tracing
        if propagation is not self._mesh.making.propagation:
            tracing = self._tracing(propagation)
        return PlannedServing(self._made, self._made.prepare(config.inbound, tracing))

    def take(self, planned: PlannedServing | None) -> None:
        """Go by what was planned."""
        if planned is not None:
            planned.inbound.take(planned.parts)
        elif self._made is not None:  # made meanwhile, of the configuration before
            made, mesh = self._made, self._mesh
            made.take(made.prepare(mesh.config.inbound, made.parts.tracing))
        self._keep_keys()

    def close(self) -> None:
        """The keys of tokens stay as they are."""
        self._tasks.close()

    def renew(self) -> None:
        """A forked child starts with no request in flight, and fetches keys for itself."""
        self._lock = threading.Lock()
        self._tasks.renew()
        self._keys = None
        if self._made is not None:
            self._made.renew()
            self._keep_keys()

    def _keep_keys(self) -> None:
        """Have the keys of tokens fetched in the background, where tokens are looked at."""
        tokens = None if self._made is None else self._made.parts.tokens
        keys = None if tokens is None else tokens.keys
        if keys is self._keys:
            return
        self._keys = keys
        self._tasks.stop(_KEYS)
        if keys is not None:
            self._tasks.start(_KEYS, lambda: keys.run)

    def _make(self) -> Inbound:
        mesh = self._mesh
        faults = FaultInjector(rng=mesh.rng, clock=mesh.clock, wall_clock=self._wall)
        mesh.faults.lead(faults)
        return Inbound(
            mesh.name,
            mesh.config.inbound,
            clock=mesh.clock,
            rng=mesh.rng,
            emit=mesh.emit,
            listening=mesh.listening,
            faults=faults,
            tracing=self._tracing(mesh.making.propagation),
            wall_clock=self._wall,
        )

    def _tracing(self, propagation: Propagation) -> ServerTracing:
        return ServerTracing(propagation, clock=self._mesh.clock)
