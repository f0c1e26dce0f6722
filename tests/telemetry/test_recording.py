"""What becomes of events and states of the server's half, by OpenTelemetry."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider

from meshlib._context import Priority
from meshlib.events import (
    CertificateLoaded,
    CertificateRejected,
    ConfigurationApplied,
    ConfigurationRejected,
    FaultInjected,
    LoopStalled,
    RequestRefused,
    RequestServed,
)
from meshlib.telemetry import MeshMetrics
from meshlib.telemetry._gauges import gauges_of
from meshlib.telemetry._recording import Recording

Read = Callable[[], dict[str, list[Any]]]


@pytest.fixture
def record(meters: MeterProvider) -> Recording:
    """Records the events of the mesh `shop`."""
    return Recording(meters.get_meter("meshlib"), "shop")


def request(**changed: Any) -> RequestServed:
    """A request that was served well."""
    said = {
        "service": "shop",
        "method": "GET",
        "route": "/users/{id}",
        "status": 200,
        "error": None,
        "elapsed": 0.1,
        "request": None,
    }
    return RequestServed(**{**said, **changed})


def test_requests_are_timed_by_the_conventions(record: Recording, read: Read) -> None:
    """By their route, not their path; what the caller did wrong is no error."""
    record(request())
    record(request(status=404))
    record(request(status=503, route="", method="BREW", fault="slow"))
    record(request(status=None, error=ValueError()))
    points = {
        (
            p.attributes["http.request.method"],
            p.attributes.get("http.route"),
            p.attributes.get("http.response.status_code"),
            p.attributes.get("error.type"),
            p.attributes.get("meshlib.fault"),
        ): p
        for p in read()["http.server.request.duration"]
    }
    assert {
        ("GET", "/users/{id}", 200, None, None),
        ("GET", "/users/{id}", 404, None, None),
        ("_OTHER", None, 503, "503", "slow"),
        ("GET", "/users/{id}", None, "ValueError", None),
    } == set(points)
    assert all(
        (0.1, "shop") == (p.sum, p.attributes["meshlib.mesh"]) and p.count == 1
        for p in points.values()
    )


def test_refusals_are_counted_by_reason_and_priority(record: Recording, read: Read) -> None:
    """Those that are shed first are to be seen."""
    for priority in (Priority.SHEDDABLE, None):
        served = None if priority is None else SimpleNamespace(priority=priority)
        said = {"service": "shop", "method": "GET", "route": "", "status": 503, "request": served}
        record(RequestRefused(reason="shed", **said))
    assert {("shed", "sheddable", 1), ("shed", "", 1)} == {
        (p.attributes["reason"], p.attributes["priority"], p.value)
        for p in read()["meshlib.inbound.refused"]
    }


def test_certificates_and_configurations_are_counted(record: Recording, read: Read) -> None:
    """What was taken, and what was refused."""
    record(
        CertificateLoaded(
            certificate="tls.crt", identity="shop", fingerprint="f", not_after=1.0, number=1
        )
    )
    record(CertificateRejected(certificate="tls.crt", error=ValueError()))
    record(ConfigurationApplied(changed=()))
    record(ConfigurationRejected(error=ValueError()))
    seen = read()
    for name, results in {
        "meshlib.certificate.loads": {"loaded", "rejected"},
        "meshlib.configurations": {"applied", "rejected"},
    }.items():
        assert results == {p.attributes["result"] for p in seen[name] if p.value == 1}
    assert "tls.crt" == seen["meshlib.certificate.loads"][0].attributes["meshlib.certificate"]


def test_stalls_of_loops_are_timed(record: Recording, read: Read) -> None:
    """They concern the whole process, and no service."""
    record(LoopStalled(duration=0.25))
    (point,) = read()["meshlib.loop.stall.duration"]
    assert (1, 0.25) == (point.count, point.sum)
    assert "meshlib.service" not in point.attributes


def test_an_inbound_fault_is_counted_as_others_are(record: Recording, read: Read) -> None:
    """By its phase."""
    record(
        FaultInjected(
            service="shop",
            rule="slow",
            delay=1.0,
            status=None,
            error=None,
            kind="delay",
            phase="inbound",
        )
    )
    (fault,) = read()["meshlib.faults"]
    assert ("slow", "inbound") == (fault.attributes["rule"], fault.attributes["phase"])


class Told:
    """A mesh that says what the test wants."""

    name = "shop"

    def __init__(self, inbound: Any, **certificates: float) -> None:
        self._said = MeshMetrics(
            name="shop", services={}, inbound=inbound, certificates=certificates
        )

    def metrics(self) -> MeshMetrics:
        """What was said."""
        return self._said


def test_what_is_served_and_certificates_are_observed(meters: MeterProvider, read: Read) -> None:
    """Of two meshes with one name what is in flight adds up, and the first to expire counts."""
    one = Told(SimpleNamespace(in_flight=2, limit=10), tls=50.0, never=math.inf)
    same = Told(SimpleNamespace(in_flight=3, limit=None), tls=40.0)
    neither = Told(None)
    for mesh in (one, same, neither):
        gauges_of(meters).add(mesh)
    seen = {name: [(dict(p.attributes), p.value) for p in found] for name, found in read().items()}
    about = {"meshlib.mesh": "shop"}
    assert [(about, 5)] == seen["meshlib.inbound.in_flight"]
    assert [(about, 10)] == seen["meshlib.inbound.limit"]
    expiry = about | {"meshlib.certificate": "tls"}
    assert [(expiry, 40.0)] == seen["meshlib.certificate.expiry_timestamp"]


def test_a_mesh_is_measured_once_for_all_instruments(meters: MeterProvider, read: Read) -> None:
    """And again for the next collection."""
    measured: list[None] = []

    class Counted(Told):
        def metrics(self) -> MeshMetrics:
            measured.append(None)
            return super().metrics()

    mesh = Counted(None)
    gauges_of(meters).add(mesh)
    for collections in (1, 2):
        read()
        assert collections == len(measured)
