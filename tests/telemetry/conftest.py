"""Collectors in memory, with providers of their own, so that nothing global is set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


@pytest.fixture
def provider() -> TracerProvider:
    """A tracer provider that exports nothing as yet."""
    return TracerProvider(shutdown_on_exit=False)


@pytest.fixture
def spans(provider: TracerProvider) -> Callable[[], list[ReadableSpan]]:
    """The spans that have ended, in the order of their ends."""
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return lambda: list(exporter.get_finished_spans())


@pytest.fixture
def reader() -> InMemoryMetricReader:
    """Collects what a meter provider was told."""
    return InMemoryMetricReader()


@pytest.fixture
def meters(reader: InMemoryMetricReader) -> Iterator[MeterProvider]:
    """A meter provider that ends with the test."""
    made = MeterProvider([reader], shutdown_on_exit=False)
    yield made
    made.shutdown()


@pytest.fixture
def read(reader: InMemoryMetricReader, meters: MeterProvider) -> Callable[[], dict[str, list[Any]]]:
    """The data points of every metric, by its name."""

    def points() -> dict[str, list[Any]]:
        data = reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    return points
