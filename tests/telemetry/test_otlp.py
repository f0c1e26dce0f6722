"""Traces and metrics in OTLP, as a real receiver gets them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import metrics as metrics_api

from meshlib import ConfigurationError
from meshlib.telemetry import otlp
from meshlib.telemetry.otlp import _export, export_otlp
from support.otlp import Receiver, otlp_receiver
from support.source import ROOT

PROGRAM = """
import os
import sys

import httpx

from meshlib import MeshClient
from meshlib.telemetry.otlp import export_otlp

client = MeshClient(
    "shop",
    services={"users": ["http://10.0.0.1:1"]},
    transport=httpx.MockTransport(lambda request: httpx.Response(200)),
)
export = export_otlp(client, endpoint=sys.argv[1])
"""
FORKING = """
if os.fork():
    os.wait()
client.get("users", "/")
"""
FLUSHING = """
client.get("users", "/")
print(export.flush(), flush=True)
export.close()
export.close()
client.get("users", "/")
"""
AGAIN = """
again = export_otlp(client, endpoint="http://127.0.0.1:9")
client.get("users", "/")
print(len(again._providers), again.flush(), flush=True)
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of OTLP over HTTP."""
    with otlp_receiver() as made:
        yield made


def run(program: str, url: str, **environment: str) -> str:
    """What a process says that exports to *url* and ends by itself."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + program, url],
        env={**clean, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def names(found: list[tuple[dict[str, Any], Any]]) -> set[str]:
    """What the spans or metrics are called."""
    return {one.name for _, one in found}


def test_a_process_and_its_child_export_until_they_end(receiver: Receiver) -> None:
    """Each is an instance of its own, and loses nothing when it ends."""
    run(FORKING, receiver.url)
    spans = receiver.spans()
    assert ["GET", "GET", "GET users", "GET users"] == sorted(span.name for _, span in spans)
    assert {"shop"} == {about["service.name"] for about, _ in spans}
    assert 2 == len({about["service.instance.id"] for about, _ in spans})
    by_trace: dict[bytes, list[Any]] = {}
    for _, span in spans:
        by_trace.setdefault(span.trace_id, []).append(span)
    for one in by_trace.values():
        call, attempt = sorted(one, key=lambda span: span.name, reverse=True)
        assert attempt.parent_span_id == call.span_id
    measured = receiver.metrics()
    assert {
        "http.client.request.duration",
        "meshlib.call.duration",
        "meshlib.attempts",
        "meshlib.breakers",
    } <= names(measured)
    assert 2 == len({about["service.instance.id"] for about, _ in measured})


def test_metrics_lead_to_traces(receiver: Receiver) -> None:
    """The exemplar of a duration has the trace of the call, though no span is the current one."""
    run('client.get("users", "/")', receiver.url)
    traces = {span.trace_id for _, span in receiver.spans()}
    (duration,) = (one for _, one in receiver.metrics() if one.name == "meshlib.call.duration")
    (point,) = duration.histogram.data_points
    assert traces == {exemplar.trace_id for exemplar in point.exemplars}


def test_it_can_be_flushed_and_closed(receiver: Receiver) -> None:
    """Closed twice it is closed once, and what happens later is not sent."""
    assert "True\n" == run(FLUSHING, receiver.url)
    assert 2 == len(receiver.spans())


def test_the_environment_comes_first(receiver: Receiver) -> None:
    """Name, endpoint, headers, and what is not exported."""
    run(
        'client.get("users", "/")',
        "http://127.0.0.1:9",
        OTEL_SERVICE_NAME="till",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_EXPORTER_OTLP_HEADERS="x-key=secret",
        OTEL_METRICS_EXPORTER="none",
    )
    assert {"secret"} == {headers["x-key"] for headers in receiver.headers}
    assert [] == receiver.metrics()
    assert {("till", "test")} == {
        (about["service.name"], about["deployment.environment.name"])
        for about, _ in receiver.spans()
    }


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_TRACES_SAMPLER": "always_off", "OTEL_METRICS_EXPORTER": "none"},
        {"OTEL_SDK_DISABLED": "true"},
    ],
)
def test_what_is_switched_off_is_not_sent(receiver: Receiver, environment: dict[str, str]) -> None:
    """By the variables of the SDK."""
    run('client.get("users", "/")', receiver.url, **environment)
    assert ([], []) == (receiver.spans(), receiver.metrics())


def test_a_provider_that_is_there_stays(receiver: Receiver) -> None:
    """A second export makes none; nothing is lost to it."""
    assert "0 True\n" == run(AGAIN, receiver.url)
    assert 2 == len(receiver.spans())


def test_a_protocol_without_an_exporter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is configured; the error says what to install."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon")
    before = metrics_api.get_meter_provider()
    for wanted in ({"traces": False}, {"metrics": False}):
        with pytest.raises(ConfigurationError, match="no exporter of OTLP") as info:
            export_otlp(**wanted)  # type: ignore[arg-type] # -- they are flags
        assert "meshlib-client[otlp]" in str(info.value)
    assert metrics_api.get_meter_provider() is before


def test_the_protocol_decides_about_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over HTTP each signal has a path of its own, over gRPC there is one address."""
    made: list[dict[str, Any]] = []

    class Found:
        @staticmethod
        def load() -> Any:
            """What makes an exporter."""
            return lambda **options: made.append(options)

    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_export, "entry_points", lambda **_: (Found,))
    for protocol in ("http/protobuf", "grpc"):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", protocol)
        _export._exporter("TRACES", "http://collector:4318/")
    _export._exporter("TRACES", None)
    assert [
        {"endpoint": "http://collector:4318/v1/traces"},
        {"endpoint": "http://collector:4318/"},
        {},
    ] == made


def test_what_is_not_wanted_is_not_made() -> None:
    """Neither of them, and then there is nothing to flush."""
    export = export_otlp(traces=False, metrics=False)
    assert export.flush()
    export.close()
    assert {"OTLPExport", "export_otlp"} == set(otlp.__all__)
