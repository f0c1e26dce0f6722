"""
The state of meshes for one process: read when Prometheus asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .._gauges import Meshes
from .._metrics import MeshMetrics
from .._observed import OBSERVED, observe
from ._names import label_names, metric_name


class StateCollector(Collector):
    """Makes the metrics of *meshes* that show a state, of one measurement of each mesh."""

    def __init__(self, meshes: Meshes) -> None:
        self._meshes = meshes

    def describe(self) -> Iterable[Metric]:
        """The metrics without their values, for a registry that looks for duplicates."""
        return families([])

    def collect(self) -> Iterable[Metric]:
        """The metrics of now."""
        return families(self._meshes.measured())


def families(measured: list[MeshMetrics]) -> Iterator[Metric]:
    """Every metric of state, of the meshes that were *measured*."""
    for one in OBSERVED:
        kind: Any = CounterMetricFamily if one.counts else GaugeMetricFamily
        name, labels = metric_name(one.name, one.unit), label_names(one.attributes)
        family = kind(name, one.description, labels=labels)
        for values, number in observe(one, measured).items():
            family.add_metric(values, number)
        yield family
