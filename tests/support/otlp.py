"""A receiver of OTLP over HTTP, which keeps what it gets."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from .application_servers import uvicorn_server

_KINDS = {
    "/v1/traces": (ExportTraceServiceRequest, ExportTraceServiceResponse),
    "/v1/metrics": (ExportMetricsServiceRequest, ExportMetricsServiceResponse),
}


class Receiver:
    """What has arrived so far: requests as they were decoded, to be read from any thread."""

    def __init__(self) -> None:
        self.url = ""
        self.headers: list[dict[str, str]] = []
        self._traces: list[Any] = []
        self._metrics: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Take one export, as an ASGI application."""
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        request, response = _KINDS[scope["path"]]
        decoded = request.FromString(body)
        self.headers.append(headers)
        (self._traces if request is ExportTraceServiceRequest else self._metrics).append(decoded)
        content = (b"content-type", b"application/x-protobuf")
        await send({"type": "http.response.start", "status": 200, "headers": [content]})
        await send({"type": "http.response.body", "body": response().SerializeToString()})

    def spans(self) -> list[tuple[dict[str, Any], Any]]:
        """Every span, with the attributes of its resource."""
        return [
            (_plain(batch.resource.attributes), span)
            for request in list(self._traces)
            for batch in request.resource_spans
            for scope in batch.scope_spans
            for span in scope.spans
        ]

    def metrics(self) -> list[tuple[dict[str, Any], Any]]:
        """Every metric, with the attributes of its resource."""
        return [
            (_plain(batch.resource.attributes), metric)
            for request in list(self._metrics)
            for batch in request.resource_metrics
            for scope in batch.scope_metrics
            for metric in scope.metrics
        ]


@contextmanager
def otlp_receiver() -> Iterator[Receiver]:
    """A receiver on a loopback port."""
    receiver = Receiver()
    with uvicorn_server(receiver) as url:
        receiver.url = url
        yield receiver


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: one.value.string_value for one in attributes}
