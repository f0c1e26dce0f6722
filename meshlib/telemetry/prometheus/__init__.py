"""
Metrics of meshes for Prometheus, through prometheus-client.

What happens is recorded from events, what is is read when Prometheus asks. Several processes
that serve one port, as gunicorn's workers do, tell their metrics together when
`PROMETHEUS_MULTIPROC_DIR` names a directory: there every process also writes its state,
once a second while anything happens in it. Needs the extra `prometheus`.
"""

from __future__ import annotations

from ._exposing import PrometheusMetrics, child_exit

__all__ = ["PrometheusMetrics", "child_exit"]
