"""A real Prometheus, which scrapes a real process and evaluates the rules."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.real import wait_until
from support.real.prometheus import Prometheus
from support.source import ROOT

RULES = ROOT / "docs" / "observability" / "meshlib-alerts.yml"

PROGRAM = """
import sys

import httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import start_http_server

from meshlib import MeshClient
from meshlib.telemetry.prometheus import PrometheusMetrics

trace.set_tracer_provider(TracerProvider())
SERVICES = {
    "users": {"endpoints": ["http://10.0.0.1:1"]},
    "rates": {"endpoints": ["http://10.0.0.2:1"]},
}
transport = httpx.MockTransport(lambda r: httpx.Response(200))
client = MeshClient("shop", services=SERVICES, transport=transport)
metrics = PrometheusMetrics(client)
server, _ = start_http_server(0, "127.0.0.1")
print(f"127.0.0.1:{server.server_port}", flush=True)
client.mesh.service("rates").targets[0].breaker.isolate()
for line in sys.stdin:
    for _ in range(10):
        client.get("users", "/")
"""


@contextmanager
def application() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A process that calls ten times for each line it reads, and the address of its metrics."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def test_prometheus_scrapes_a_process(tmp_path: Path) -> None:
    """Calls have a rate and a quantile, rules are taken and evaluated, exemplars are kept."""
    with application() as (target, process), Prometheus(tmp_path, target, RULES) as prometheus:
        assert process.stdin is not None

        def work() -> None:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()

        edge = '{mesh="shop",service="users"}'

        def rate() -> bool:
            work()
            found = prometheus.query(f"rate(meshlib_call_duration_seconds_count{edge}[5s])")
            return bool(found) and float(found[0]["value"][1]) > 0.0

        wait_until("a rate of calls", rate)
        p99 = prometheus.query(
            "histogram_quantile(0.99, sum by (mesh, service, le) "
            f"(rate(meshlib_call_duration_seconds_bucket{edge}[5s])))"
        )
        assert 0.0 < float(p99[0]["value"][1]) <= 10.0
        groups = prometheus.get("rules")["groups"]
        assert [str(RULES)] == [group["file"] for group in groups]

        def pending() -> bool:
            alerts = {
                (alert["labels"]["alertname"], alert["labels"].get("service"), alert["state"])
                for alert in prometheus.get("alerts")["alerts"]
            }
            return ("MeshlibNoEndpoint", "rates", "pending") in alerts

        wait_until("the alert of a service without endpoints", pending)
        (rules,) = (group["rules"] for group in prometheus.get("rules")["groups"])
        assert {"ok"} == {rule["health"] for rule in rules}
        assert not any(
            rule["state"] != "inactive" for rule in rules if "Certificate" in rule["name"]
        )

        def exemplars() -> bool:
            query = "meshlib_call_duration_seconds_bucket"
            found = prometheus.get("query_exemplars", query=query, start="0", end="9999999999")
            labels = [one["labels"] for series in found for one in series["exemplars"]]
            return any(re.fullmatch(r"[0-9a-f]{32}", one.get("trace_id", "")) for one in labels)

        wait_until("an exemplar", exemplars)
    assert 0 == process.returncode
