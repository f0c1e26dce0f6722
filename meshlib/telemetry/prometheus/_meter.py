"""
What looks like a meter of OpenTelemetry, and makes metrics of prometheus-client.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from prometheus_client import CollectorRegistry, Counter, Histogram

from .._observed import MESH
from ._names import RECORDED, label_names, metric_name

_LOGGER = logging.getLogger("meshlib")
_OTHER = "_other"
"""The value of every label of what is told together once there are too many series."""


class Series:
    """
    One metric with its series, of which there are at most *most* and one for the rest.

    Thread-safe. Series are never taken back: counters of Prometheus must not fall.
    """

    __slots__ = ("_attributes", "_children", "_metric", "_most", "_name")

    def __init__(self, metric: Any, attributes: tuple[str, ...], most: int, name: str) -> None:
        self._metric = metric
        self._attributes = attributes
        self._children: dict[tuple[str, ...], Any] = {}
        self._most = most
        self._name = name

    def child(self, about: Mapping[str, Any]) -> Any:
        """The series of what has these attributes."""
        key = tuple([_text(about.get(name, "")) for name in self._attributes])
        found = self._children.get(key)
        if found is not None:
            return found
        if len(self._children) >= self._most:
            key = (_OTHER,) * len(key)
            if key not in self._children:
                _LOGGER.warning(
                    "%s has %d series; further ones are told together", self._name, self._most
                )
        # Threads that come at once make the same.
        child = self._children[key] = self._metric.labels(*key)
        return child


def _text(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    return str(value)


class DurationSeries(Series):
    """A histogram, as `Histogram` of OpenTelemetry is used."""

    __slots__ = ("_exemplars",)

    def __init__(self, *arguments: Any, exemplars: bool) -> None:
        super().__init__(*arguments)
        self._exemplars = exemplars

    def record(
        self, amount: float, attributes: Mapping[str, Any], context: Context | None = None
    ) -> None:
        """Take *amount* into account, and the trace of *context* as an example of it."""
        exemplar = _exemplar(context) if self._exemplars else None
        self.child(attributes).observe(amount, exemplar)


class CountSeries(Series):
    """A counter, as `Counter` of OpenTelemetry is used."""

    __slots__ = ()

    def add(self, amount: float, attributes: Mapping[str, Any]) -> None:
        """Count *amount* more."""
        self.child(attributes).inc(amount)


def _exemplar(context: Context | None) -> dict[str, str] | None:
    """The ids of a trace that is kept; one that nobody samples leads nowhere."""
    about = trace.get_current_span(context).get_span_context()
    if not about.is_valid or not about.trace_flags.sampled:
        return None
    return {
        "trace_id": trace.format_trace_id(about.trace_id),
        "span_id": trace.format_span_id(about.span_id),
    }


class Meter:
    """
    Makes each metric once, however many meshes record to it.

    Into *registry*, or into none where the metrics of several processes are read from
    their files. *buckets* are the upper edges of those of every histogram, in seconds.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None,
        *,
        buckets: Sequence[float],
        most: int,
        exemplars: bool,
    ) -> None:
        self._registry = registry
        self._buckets = tuple(buckets)
        self._most = most
        self._exemplars = exemplars
        self._made: dict[str, Any] = {}

    def create_histogram(
        self,
        name: str,
        *,
        unit: str,
        description: str,
        explicit_bucket_boundaries_advisory: Sequence[float],
    ) -> DurationSeries:
        """The histogram called *name*; the advice counts for less than what was configured."""
        made: DurationSeries | None = self._made.get(name)
        if made is None:
            metric = metric_name(name, unit)
            histogram = Histogram(
                metric,
                description,
                label_names(RECORDED[name]),
                registry=self._registry,
                buckets=self._buckets,
            )
            attributes = (MESH, *RECORDED[name])
            made = self._made[name] = DurationSeries(
                histogram, attributes, self._most, metric, exemplars=self._exemplars
            )
        return made

    def create_counter(self, name: str, unit: str, description: str) -> CountSeries:
        """The counter called *name*."""
        made: CountSeries | None = self._made.get(name)
        if made is None:
            metric = metric_name(name, unit)
            labels = label_names(RECORDED[name])
            counter = Counter(metric, description, labels, registry=self._registry)
            made = self._made[name] = CountSeries(
                counter, (MESH, *RECORDED[name]), self._most, metric
            )
        return made
