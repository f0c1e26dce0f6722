"""
Metrics by OpenTelemetry, from the events of a mesh.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import metrics

from ..events import Event
from ._conventions import INSTRUMENTATION, SCHEMA
from ._gauges import gauges_of
from ._recording import Recording


def record_metrics(mesh: Any, *, provider: Any = None) -> Callable[[], None]:
    """
    Record the events and the state of *mesh*, or of the mesh of a client.

    To the configured meter provider, or to *provider*. The function returned ends that.
    """
    mesh = getattr(mesh, "mesh", mesh)
    stop_listening = mesh.listen(OpenTelemetryMetrics(mesh, provider=provider))

    def stop() -> None:
        stop_listening()
        gauges_of(provider).remove(mesh)

    return stop


class OpenTelemetryMetrics:
    """
    A listener that records to the configured meter provider, or to *provider*.

    Given to a client as `MeshClient(..., listeners=[OpenTelemetryMetrics()])`, before or
    after the provider is configured. `http.client.request.duration`, by the semantic
    conventions, is of attempts, `meshlib.call.duration` of calls with all their attempts
    and backoffs, both in seconds up to the response headers. Beside them it counts
    `meshlib.attempts`, `.retries`, `.retries.refused`, `.hedges`, `.rejections`,
    `.faults`, `.faults.answered`, `.fallbacks`, `.breaker.transitions` and more. Of an
    attempt that was cancelled nobody knows how long it would have taken, so it is counted
    but in no histogram.

    Given a *mesh* or a client, or told to `observe` one, it also has gauges of its state:
    the calls in flight, the retry budget, the endpoints in each state of their breakers.
    Given one, it names it with everything else, too. Thread-safe.
    """

    def __init__(self, mesh: Any = None, *, provider: Any = None) -> None:
        meter = metrics.get_meter(INSTRUMENTATION, meter_provider=provider, schema_url=SCHEMA)
        self._provider = provider
        mesh = getattr(mesh, "mesh", mesh)
        self._record = Recording(meter, None if mesh is None else mesh.name)
        if mesh is not None:
            self.observe(mesh)

    def observe(self, mesh: Any) -> None:
        """Have gauges of *mesh*, or of the mesh of a client, for as long as it lives."""
        gauges_of(self._provider).add(getattr(mesh, "mesh", mesh))

    def __call__(self, event: Event) -> None:
        """Record *event*."""
        self._record(event)
