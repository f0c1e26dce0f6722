"""
The state of meshes where several processes tell their metrics together.

There Prometheus asks one of them, which reads what all have written to files. So each
writes its state, while anything happens in it and for as long as it lives.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import Any

from prometheus_client import Counter, Gauge
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ..._fork import survive_fork
from .._gauges import Meshes
from .._observed import OBSERVED, last, observe
from ._names import label_names, metric_name

_LOGGER = logging.getLogger("meshlib")
_INTERVAL = 1.0
"""Seconds between two writings; scrapes are seldom more frequent."""
_MODES: dict[Any, Any] = {max: "livemax", min: "livemin", last: "livemostrecent"}


class SharedState(Collector):
    """
    Writes the state of *meshes* of this process, and reads that of all of them.

    What adds up in one process adds up in all of them. A thread writes from the first event
    on, so a parent that only forks has neither a thread nor a state. Thread-safe.
    """

    def __init__(self, meshes: Meshes) -> None:
        self._meshes = meshes
        self._metrics: dict[str, Any] = {}
        for one in OBSERVED:
            name, labels = metric_name(one.name, one.unit), label_names(one.attributes)
            metric: Any
            if one.counts:
                metric = Counter(name, one.description, labels, registry=None)
            else:
                mode = _MODES.get(one.merge, "livesum")
                metric = Gauge(name, one.description, labels, registry=None, multiprocess_mode=mode)
            self._metrics[one.name] = metric
        self._before: dict[str, dict[tuple[str, ...], float]] = {}
        self.renew()
        survive_fork(self)

    def renew(self) -> None:
        """A forked child has neither its parent's thread nor its calls in flight."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def __call__(self, event: object) -> None:
        """Something happens in this process; from now on its state is written."""
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._write_on, name="meshlib-prometheus", daemon=True
                    )
                    self._thread.start()

    def describe(self) -> Iterable[Metric]:
        """Nothing: the names are in files, and may be those of other libraries, too."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The metrics of all processes, this one's as they are now."""
        self.write()
        files: Any = MultiProcessCollector
        return list(files(None).collect())

    def write(self) -> None:
        """Write the state of this process."""
        measured = self._meshes.measured()
        with self._lock:
            for one in OBSERVED:
                metric, now = self._metrics[one.name], observe(one, measured)
                before = self._before.get(one.name, {})
                self._before[one.name] = now
                if one.counts:
                    for values, number in now.items():
                        metric.labels(*values).inc(max(0.0, number - before.get(values, 0.0)))
                    continue
                for values, number in now.items():
                    metric.labels(*values).set(number)
                if one.merge is not min:  # where 0 would be the worst that there is
                    for values in before.keys() - now.keys():
                        metric.labels(*values).set(0)

    def _write_on(self) -> None:
        never = threading.Event()
        while not never.wait(_INTERVAL):
            try:
                self.write()
            except Exception:
                _LOGGER.exception("the state of this process cannot be written for Prometheus")
                return
