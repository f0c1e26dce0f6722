"""
Is an endpoint fit, and is this process.

An active check asks an endpoint, beside the calls, whether it is fit: by HTTP, TCP, TLS,
gRPC, a command or a function. So many results in a row change what is held of it, and a
*monitor* checks all endpoints of a service, each at its own time, and publishes the
changes. That is apart from breakers and ejections, which judge by calls.

The other way round `ProcessHealth` answers those who probe this process: is it alive, is
it ready for calls, has it started. It keeps named checks, remembers their results for a
while and makes each only once at a time.
"""

from __future__ import annotations

from ._checker import CheckFailedError
from ._load_probe import LoadProbe
from ._monitor import HealthMonitor
from ._options import (
    BodyOptions,
    GrpcCheckOptions,
    HealthCheckOptions,
    HttpCheckOptions,
    TcpCheckOptions,
    TlsCheckOptions,
    TrustOptions,
)
from ._process import ProcessHealth
from ._report import CheckResult, HealthReport, Probe, Status
from ._status import CheckStatus

__all__ = [
    "BodyOptions",
    "CheckFailedError",
    "CheckResult",
    "CheckStatus",
    "GrpcCheckOptions",
    "HealthCheckOptions",
    "HealthMonitor",
    "HealthReport",
    "HttpCheckOptions",
    "LoadProbe",
    "Probe",
    "ProcessHealth",
    "Status",
    "TcpCheckOptions",
    "TlsCheckOptions",
    "TrustOptions",
]
