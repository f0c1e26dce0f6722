"""
OpenTelemetry gauges: the state of meshes, read when a meter provider collects.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Meter, Observation

from .._fork import survive_fork
from ._canary_gauges import observe_canaries
from ._conventions import INSTRUMENTATION, SCHEMA
from ._metrics import MeshMetrics, ServiceMetrics

_STATES = ("closed", "open", "half_open", "isolated")
_FOUND = ("healthy", "unhealthy", "unknown", "unchecked")


class Gauges:
    """
    Observes every mesh that it is given, through one meter.

    A meter keeps the first callback of an instrument and drops later ones, so there is one
    of these for each meter provider, however many meshes and listeners there are. Meshes
    are held weakly. Thread-safe.
    """

    def __init__(self, meter: Meter) -> None:
        self._meshes: tuple[weakref.ref[Any], ...] = ()
        self.renew()
        meter.create_observable_gauge(
            "meshlib.in_flight",
            [self._observer(_in_flight)],
            unit="{call}",
            description="Calls that are in flight.",
        )
        meter.create_observable_gauge(
            "meshlib.retry_budget",
            [self._observer(_budget)],
            unit="{retry}",
            description="Retries that could be made now.",
        )
        meter.create_observable_gauge(
            "meshlib.breakers",
            [self._observer(_breakers)],
            unit="{endpoint}",
            description="Endpoints whose breaker is in a state.",
        )
        meter.create_observable_gauge(
            "meshlib.checks",
            [self._observer(_checks)],
            unit="{endpoint}",
            description="Endpoints that active checks found in a state.",
        )
        meter.create_observable_gauge(
            "meshlib.discovery.age",
            [self._observer(_discovery_age, worst=True)],
            unit="s",
            description="Seconds since the endpoints were known to be right; 0 while they are.",
        )
        meter.create_observable_gauge(
            "meshlib.discovery.held",
            [self._observer(_discovery_held)],
            unit="{endpoint}",
            description="Endpoints that are kept though the last list lacks them.",
        )
        meter.create_observable_counter(
            "meshlib.mirror.copies",
            [self._mirrors(_copies)],
            unit="{request}",
            description="Copies of calls: those offered to a mirror, and what became of them.",
        )
        meter.create_observable_counter(
            "meshlib.mirror.comparisons",
            [self._mirrors(_comparisons)],
            unit="{comparison}",
            description="Answers to copies that were compared with those to the calls.",
        )
        observe_canaries(meter, self._measured)
        survive_fork(self)

    def _measured(self) -> Iterator[MeshMetrics]:
        for known in self._meshes:
            mesh = known()
            if mesh is not None:
                yield mesh.metrics()

    def add(self, mesh: Any) -> None:
        """Observe *mesh* for as long as it lives."""
        with self._lock:
            self._meshes = (*self._without(mesh), weakref.ref(mesh))

    def remove(self, mesh: Any) -> None:
        """Observe *mesh* no more."""
        with self._lock:
            self._meshes = self._without(mesh)

    def renew(self) -> None:
        """A forked child may not wait for a lock that a thread of its parent held."""
        self._lock = threading.Lock()

    def _without(self, mesh: Any) -> tuple[weakref.ref[Any], ...]:
        return tuple(known for known in self._meshes if known() not in (None, mesh))

    def _mirrors(
        self, counts: Callable[[Any], Iterable[tuple[str, int]]]
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            sums: Counter[tuple[str, str, str, str]] = Counter()
            for known in self._meshes:
                mesh = known()
                if mesh is not None:
                    for service_name, mirrors in mesh.mirroring.counts().items():
                        for name, mirror in mirrors.items():
                            for state, count in counts(mirror):
                                sums[mesh.name, service_name, name, state] += count
            for (mesh_name, service_name, name, state), count in sums.items():
                yield Observation(
                    count,
                    {
                        "meshlib.mesh": mesh_name,
                        "meshlib.service": service_name,
                        "meshlib.mirror": name,
                        "state": state,
                    },
                )

        return observe

    def _observer(
        self,
        counts: Callable[[ServiceMetrics], Iterable[tuple[str, float]]],
        *,
        worst: bool = False,
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            # Two meshes may have one name, as a sync and an async client of an application
            # that do not share theirs: of two observations with the same attributes only
            # one would be kept.
            sums: dict[tuple[str, str, str], float] = {}
            for known in self._meshes:
                mesh = known()
                if mesh is not None:
                    measured = mesh.metrics()
                    for service in measured.services.values():
                        for state, count in counts(service):
                            key = (measured.name, service.name, state)
                            before = sums.get(key, 0)
                            sums[key] = max(before, count) if worst else before + count
            for (mesh_name, service_name, state), count in sums.items():
                about = {"meshlib.mesh": mesh_name, "meshlib.service": service_name}
                yield Observation(count, {**about, "state": state} if state else about)

        return observe


def _copies(mirror: Any) -> Iterable[tuple[str, int]]:
    yield "offered", mirror.offered
    yield "sent", mirror.sent
    yield "failed", mirror.failed
    yield "dropped", sum(mirror.dropped.values())


def _comparisons(mirror: Any) -> Iterable[tuple[str, int]]:
    yield "equal", mirror.compared - mirror.different
    yield "different", mirror.different


def _in_flight(service: ServiceMetrics) -> Iterable[tuple[str, int]]:
    yield "", service.in_flight


def _budget(service: ServiceMetrics) -> Iterable[tuple[str, int]]:
    yield "", service.budget_balance


def _discovery_age(service: ServiceMetrics) -> Iterable[tuple[str, float]]:
    if service.discovery_age is not None:
        yield "", service.discovery_age


def _discovery_held(service: ServiceMetrics) -> Iterable[tuple[str, int]]:
    if service.discovery_age is not None:
        yield "", service.discovery_held


def _breakers(service: ServiceMetrics) -> Iterable[tuple[str, int]]:
    states = Counter(endpoint.breaker for endpoint in service.endpoints.values())
    for state in _STATES:  # also those that no endpoint is in, which alerts compare with 0
        yield state, states[state]


def _checks(service: ServiceMetrics) -> Iterable[tuple[str, int]]:
    states = Counter(endpoint.checked for endpoint in service.endpoints.values())
    for state in _FOUND:
        yield state, states[state]


class _Registry:
    """The gauges of each meter provider."""

    def __init__(self) -> None:
        self._of_global: Gauges | None = None
        self._of: weakref.WeakKeyDictionary[Any, Gauges] = weakref.WeakKeyDictionary()
        self.renew()
        survive_fork(self)

    def renew(self) -> None:
        self._lock = threading.Lock()

    def gauges(self, provider: Any) -> Gauges:
        with self._lock:
            if provider is None or provider is metrics.get_meter_provider():
                if self._of_global is None:
                    self._of_global = Gauges(metrics.get_meter(INSTRUMENTATION, schema_url=SCHEMA))
                return self._of_global
            if provider not in self._of:
                self._of[provider] = Gauges(provider.get_meter(INSTRUMENTATION, schema_url=SCHEMA))
            return self._of[provider]


_REGISTRY = _Registry()


def gauges_of(provider: Any = None) -> Gauges:
    """The gauges of *provider*, or of the configured one."""
    return _REGISTRY.gauges(provider)
