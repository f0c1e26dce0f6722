"""
Traces and metrics of a mesh to an OpenTelemetry collector, in OTLP.

The work is done by the OpenTelemetry SDK, which its own variables configure. Needs the
extra `otlp`.
"""

from __future__ import annotations

from ._export import OTLPExport, export_otlp

__all__ = ["OTLPExport", "export_otlp"]
