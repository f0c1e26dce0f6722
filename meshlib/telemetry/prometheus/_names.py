"""
From OpenTelemetry's names to those of Prometheus, by Prometheus's conventions.
"""

from __future__ import annotations

from .._observed import MESH, SERVICE

_UNITS = {"s": "_seconds", "1": "_ratio"}
_RENAMED = {
    "error.type": "error",
    "http.request.method": "method",
    "http.response.status_code": "status",
    "http.route": "route",
}
_METHOD, _STATUS, _ERROR = "http.request.method", "http.response.status_code", "error.type"
_ENDPOINT, _OUTCOME, _ROUTE = "meshlib.endpoint", "meshlib.outcome", "meshlib.route"

RECORDED: dict[str, tuple[str, ...]] = {
    "http.client.request.duration": (SERVICE, _METHOD, _STATUS, _ERROR),
    "http.server.request.duration": ("http.route", _METHOD, _STATUS, _ERROR),
    "meshlib.attempts": (SERVICE, _ENDPOINT, _OUTCOME),
    "meshlib.breaker.transitions": (SERVICE, _ENDPOINT, "from", "to", "shadow"),
    "meshlib.call.duration": (
        SERVICE, _ROUTE, "meshlib.destination", "meshlib.tenant", _METHOD, _STATUS, _ERROR,
    ),
    "meshlib.canary.changes": (SERVICE, _ROUTE, "to"),
    "meshlib.certificate.loads": ("meshlib.certificate", "result"),
    "meshlib.configurations": ("result",),
    "meshlib.discovery.failures": (SERVICE, "source"),
    "meshlib.ejections": (SERVICE, _ENDPOINT, "shadow"),
    "meshlib.fallbacks": (SERVICE, "kind"),
    "meshlib.faults": (SERVICE, "rule", "kind", "phase"),
    "meshlib.faults.answered": (SERVICE, "rule", "kind", "outcome", "result"),
    "meshlib.hedges": (SERVICE,),
    "meshlib.inbound.refused": ("reason", "priority"),
    "meshlib.loop.stall.duration": (),
    "meshlib.mirror.duration": (SERVICE, "meshlib.mirror", _STATUS, _ERROR),
    "meshlib.rejections": (SERVICE, "reason"),
    "meshlib.retries": (SERVICE, _OUTCOME),
    "meshlib.retries.refused": (SERVICE, "reason"),
}  # fmt: skip
"""The attributes beside the mesh that become labels; the others would be too many series."""


def metric_name(name: str, unit: str) -> str:
    """The metric of an instrument, without the `_total` of a counter."""
    plain = name.replace(".", "_")
    if not plain.startswith("meshlib_"):
        plain = f"meshlib_{plain}"
    return plain + _UNITS.get(unit, "")


def label_names(attributes: tuple[str, ...]) -> tuple[str, ...]:
    """The labels of *attributes*, after the one for the mesh."""
    return tuple(_label(name) for name in (MESH, *attributes))


def _label(attribute: str) -> str:
    plain = _RENAMED.get(attribute, attribute)
    return plain.removeprefix("meshlib.").replace(".", "_")
