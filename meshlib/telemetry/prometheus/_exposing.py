"""
Metrics of meshes, and the ways in which Prometheus gets at them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

try:
    import prometheus_client
except ImportError as exc:  # pragma: no cover -- the tests have it
    message = (
        "metrics for Prometheus need prometheus-client: pip install 'meshlib-client[prometheus]'"
    )
    raise ImportError(message) from exc
from prometheus_client import CollectorRegistry, multiprocess, values

from .._gauges import Meshes
from .._recording import BUCKETS, Recording
from ._meter import Meter
from ._shared import SharedState
from ._state import StateCollector

_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"


class PrometheusMetrics:
    """
    The metrics of one or several meshes, or of the meshes of clients, for Prometheus.

    Made once in a process, and given each *mesh* here or with `add`. They are in
    *registry*, by default prometheus-client's own, so what exposes that exposes them.
    *buckets* are the upper edges of those of the histograms, in seconds; *max_series* of
    one metric are kept apart, further ones are told together. With *exemplars*, who asks
    for OpenMetrics gets the id of a sampled trace with the buckets.

    With `PROMETHEUS_MULTIPROC_DIR` the metrics are those of all processes that write to
    that directory; *registry* is one of its own then, and there are no exemplars. Meshes
    are held weakly. Thread-safe.
    """

    def __init__(
        self,
        mesh: Any = None,
        *,
        registry: CollectorRegistry | None = None,
        buckets: Sequence[float] = BUCKETS,
        max_series: int = 1000,
        exemplars: bool = True,
    ) -> None:
        self._meshes = Meshes()
        self._shared: SharedState | None = None
        if is_shared():
            self.registry = CollectorRegistry() if registry is None else registry
            self._shared = SharedState(self._meshes)
            self.registry.register(self._shared)
        else:
            self.registry = prometheus_client.REGISTRY if registry is None else registry
            self.registry.register(StateCollector(self._meshes))
        self._meter = Meter(
            self.registry if self._shared is None else None,
            buckets=buckets,
            most=max_series,
            exemplars=exemplars and self._shared is None,
        )
        Recording(self._meter)  # a counter that nothing has counted yet has its name already
        if mesh is not None:
            self.add(mesh)

    def add(self, mesh: Any) -> Callable[[], None]:
        """Tell of *mesh*, or of the mesh of a client; the function returned ends that."""
        mesh = getattr(mesh, "mesh", mesh)
        self._meshes.add(mesh)
        stops = [mesh.listen(Recording(self._meter, mesh.name))]
        if self._shared is not None:
            stops.append(mesh.listen(self._shared))

        def stop() -> None:
            for each in stops:
                each()
            self._meshes.remove(mesh)

        return stop

    def asgi_app(self) -> Any:
        """An ASGI application that answers every path with the metrics; for `mount`."""
        return prometheus_client.make_asgi_app(self.registry)

    def wsgi_app(self) -> Any:
        """A WSGI application that answers every path with the metrics."""
        return prometheus_client.make_wsgi_app(self.registry)

    def serve(self, port: int = 9464, host: str = "127.0.0.1") -> Callable[[], None]:
        """
        Answer on a port of its own, in a thread; the function returned ends that.

        Others than this machine get at it with *host* `0.0.0.0`: what is told has the
        names and addresses of services, so it belongs on a network that may know them.
        """
        server, thread = prometheus_client.start_http_server(port, host, self.registry)

        def stop() -> None:
            server.shutdown()
            server.server_close()
            if thread is not threading.current_thread():
                thread.join()

        return stop


def is_shared() -> bool:
    """Whether several processes tell their metrics together, as prometheus-client decided."""
    return bool(getattr(values.ValueClass, "_multiprocess", False))


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 -- gunicorn calls it so
    """
    The hook of that name for gunicorn's configuration: a worker that ended has no state.

    Its counts stay: `from meshlib.telemetry.prometheus import child_exit`.
    """
    if os.environ.get(_DIRECTORY):
        forget: Any = multiprocess.mark_process_dead
        forget(worker.pid)
