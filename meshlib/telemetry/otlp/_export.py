"""
Setting the OpenTelemetry SDK up, once in a process.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from opentelemetry import metrics as metrics_api
from opentelemetry import trace

from ..._exceptions import ConfigurationError
from .._otel_metrics import record_metrics
from .._tracing import configured_provider

try:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
except ImportError as exc:  # pragma: no cover -- the tests have it
    message = "OTLP needs the OpenTelemetry SDK: pip install 'meshlib-client[otlp]'"
    raise ImportError(message) from exc

_LOGGER = logging.getLogger("meshlib")
_PROTOCOLS = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}


class OTLPExport:
    """What `export_otlp` has set up; ends by itself with the process."""

    def __init__(self, providers: list[Any], stop: Callable[[], None] | None) -> None:
        self._providers = providers
        self._stop = stop

    def flush(self, timeout: float = 10.0) -> bool:
        """Send what has gathered; False when that took longer than *timeout* seconds."""
        milliseconds = round(timeout * 1000)
        sent = [provider.force_flush(milliseconds) for provider in self._providers]
        return all(sent)

    def close(self) -> None:
        """Send what has gathered, and nothing after that. Idempotent."""
        stop, self._stop = self._stop, None
        providers, self._providers = self._providers, []
        for provider in providers:
            provider.shutdown()
        if stop is not None:
            stop()


def export_otlp(
    mesh: Any = None,
    *,
    endpoint: str | None = None,
    traces: bool = True,
    metrics: bool = True,
) -> OTLPExport:
    """
    Send the traces of this process, and the metrics of *mesh*, to a collector in OTLP.

    *mesh*, which may be a client, gives the service its name. *endpoint* is the base URL of
    the collector. What the environment says comes before both: `OTEL_SERVICE_NAME`,
    `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_EXPORTER_OTLP_*`, `OTEL_TRACES_EXPORTER` and
    `OTEL_METRICS_EXPORTER` (`none`: not that one), `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`,
    `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_SDK_DISABLED`. A provider that is configured
    already stays, and this one's traces or metrics go there.

    To be called once, before or after a fork: a forked child is an instance of its own.
    What has gathered is sent at exit. Raises ConfigurationError when the exporter for the
    protocol that the environment wants is not installed.
    """
    mesh = getattr(mesh, "mesh", mesh)
    made: list[Any] = []
    stop = None
    resource = _resource("" if mesh is None else mesh.name)
    if traces and _wanted("TRACES") and _is_free("tracer", configured_provider() is None):
        made.append(_tracers(resource, endpoint))
    if metrics and _wanted("METRICS"):
        if _is_free("meter", _meters_are_free()):
            made.append(_meters(resource, endpoint))
        if mesh is not None:
            stop = record_metrics(mesh)
    return OTLPExport(made, stop)


def _tracers(resource: Resource, endpoint: str | None) -> TracerProvider:
    exporter = _exporter("TRACES", endpoint)
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider


def _meters(resource: Resource, endpoint: str | None) -> MeterProvider:
    reader = PeriodicExportingMetricReader(_exporter("METRICS", endpoint))
    provider = MeterProvider([reader], resource=resource)
    metrics_api.set_meter_provider(provider)
    return provider


def _meters_are_free() -> bool:
    return type(metrics_api.get_meter_provider()).__name__ == "_ProxyMeterProvider"


def _is_free(kind: str, free: bool) -> bool:
    if not free:
        _LOGGER.info("a %s provider is configured already, and stays", kind)
    return free


def _wanted(signal: str) -> bool:
    chosen = os.environ.get(f"OTEL_{signal}_EXPORTER", "otlp").split(",")
    return any(name.strip().startswith("otlp") for name in chosen)


def _resource(name: str) -> Resource:
    said = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in said
    return Resource.create({"service.name": name} if name and not named else {})


def _exporter(signal: str, endpoint: str | None) -> Any:
    """The exporter for *signal* by the protocol of the environment, by default over HTTP."""
    protocol = (
        os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL")
        or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        or "http/protobuf"
    )
    group = f"opentelemetry_{signal.lower()}_exporter"
    found = tuple(entry_points(group=group, name=_PROTOCOLS.get(protocol, protocol)))
    if not found:
        raise ConfigurationError(
            f"there is no exporter of OTLP by {protocol!r}",
            path=f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL",
            hint="pip install 'meshlib-client[otlp]' for http/protobuf, "
            "opentelemetry-exporter-otlp-proto-grpc for grpc",
        )
    make = found[0].load()
    said = (f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    if endpoint is None or any(os.environ.get(name) for name in said):
        return make()
    if protocol == "http/protobuf":
        endpoint = f"{endpoint.rstrip('/')}/v1/{signal.lower()}"
    return make(endpoint=endpoint)
