"""
Documents out of what Istio and the Gateway API are told.

VirtualServices, DestinationRules and HTTPRoutes are read by a *part* of them at a time,
which keeps account of every field: it was used, or it is reported with what comes nearest.
A rule never takes more calls here than it did there: where one of its conditions cannot be
said, the match is left out, and reported.
"""

from __future__ import annotations

from ._import import Imported, import_istio

__all__ = ["Imported", "import_istio"]
