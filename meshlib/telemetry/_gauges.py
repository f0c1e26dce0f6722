"""
OpenTelemetry instruments of state, read when a meter provider collects.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Meter, Observation

from .._fork import survive_fork
from ._conventions import INSTRUMENTATION, SCHEMA
from ._metrics import MeshMetrics
from ._observed import OBSERVED, Observed, attributes_of, observe


class Meshes:
    """
    The meshes that something observes. They are held weakly. Thread-safe.

    Each of them is measured once for all instruments of a collection: a measurement
    serves an instrument once, and is taken again for one that comes a second time.
    """

    def __init__(self) -> None:
        self._meshes: tuple[weakref.ref[Any], ...] = ()
        self._measured: list[MeshMetrics] = []
        self._served: set[str] | None = None
        self.renew()
        survive_fork(self)

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
        self._served = None

    def measured(self) -> list[MeshMetrics]:
        """The metrics of each of them, now."""
        return [mesh.metrics() for known in self._meshes if (mesh := known()) is not None]

    def measured_for(self, instrument: str) -> list[MeshMetrics]:
        """The metrics of each of them, not older than the last time for this *instrument*."""
        served = self._served
        if served is None or instrument in served:
            self._measured = self.measured()
            self._served = served = set()
        served.add(instrument)
        return self._measured

    def _without(self, mesh: Any) -> tuple[weakref.ref[Any], ...]:
        return tuple(known for known in self._meshes if known() not in (None, mesh))


class Gauges(Meshes):
    """
    Observes every mesh that it is given, through one meter.

    A meter keeps the first callback of an instrument and drops later ones, so there is one
    of these for each meter provider, however many meshes and listeners there are.
    """

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        for one in OBSERVED:
            create: Callable[..., Any] = meter.create_observable_gauge
            if one.counts:
                create = meter.create_observable_counter
            create(one.name, [self._observer(one)], unit=one.unit, description=one.description)

    def _observer(self, one: Observed) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observed(_: CallbackOptions) -> Iterable[Observation]:
            for values, number in observe(one, self.measured_for(one.name)).items():
                yield Observation(number, attributes_of(one, values))

        return observed


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
