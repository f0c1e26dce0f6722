"""Metrics of several processes that serve one port: gunicorn's workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.real import Program, free_port, wait_until
from support.real.prometheus import promtool
from support.source import ROOT

pytest.importorskip("gunicorn", reason="gunicorn is not installed")

APPLICATION = """
import os

import httpx

from meshlib import MeshClient
from meshlib.telemetry.prometheus import PrometheusMetrics

client = MeshClient(
    "shop",
    services={"users": ["http://10.0.0.1:1"]},
    transport=httpx.MockTransport(lambda request: httpx.Response(200)),
)
metrics = PrometheusMetrics(client)
expose = metrics.wsgi_app()


def app(environ, start_response):
    if environ["PATH_INFO"] == "/metrics":
        return expose(environ, start_response)
    client.get("users", "/")
    start_response("200 OK", [("content-type", "text/plain")])
    return [str(os.getpid()).encode()]
"""
SETTINGS = """
from meshlib.telemetry.prometheus import child_exit

workers = 2
preload_app = True
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Two workers that were forked off a process which had made the client and its metrics."""
    (tmp_path / "served.py").write_text(APPLICATION, "utf-8")
    (tmp_path / "settings.py").write_text(SETTINGS, "utf-8")
    (tmp_path / "metrics").mkdir()
    address = f"127.0.0.1:{free_port()}"

    def ready() -> bool:
        try:
            return httpx.get(f"http://{address}/metrics", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    program = Program(
        [
            *(sys.executable, "-m", "gunicorn", "--config", str(tmp_path / "settings.py")),
            *("--bind", address, "--pythonpath", f"{ROOT},{tmp_path}", "served:app"),
        ],
        ready=ready,
        log=tmp_path / "gunicorn.log",
        env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")},
    )
    with program:
        yield f"http://{address}"


def read(url: str) -> tuple[str, dict[str, list[tuple[dict[str, str], float]]]]:
    """What any of the workers tells, as text and by the names of the samples."""
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return text, found


def test_workers_tell_their_metrics_together(url: str, tmp_path: Path) -> None:
    """Whichever is asked; of one that has ended the counts stay and the state goes."""
    served: Counter[int] = Counter()

    def both() -> bool:
        served[int(httpx.get(url, trust_env=False).text)] += 1
        return len(served) == 2

    wait_until("both workers have served", both)
    edge = {"mesh": "shop", "service": "users"}

    def limit() -> float:
        found = read(url)[1].get("meshlib_bulkhead_limit", [])
        return sum(value for labels, value in found if labels == edge)

    wait_until("both have told their state", lambda: limit() == 2000.0)
    text, seen = read(url)
    (calls,) = seen["meshlib_call_duration_seconds_count"]
    assert (sum(served.values()), edge) == (calls[1], {k: calls[0][k] for k in edge})
    states = {labels["state"]: value for labels, value in seen["meshlib_breakers"]}
    assert {"closed": 2.0, "open": 0.0, "half_open": 0.0, "isolated": 0.0} == states
    assert all("pid" not in labels for found in seen.values() for labels, _ in found)
    assert "" == promtool("check", "metrics", stdin=text.encode())
    ended = next(iter(served))
    os.kill(ended, signal.SIGTERM)
    files = tmp_path / "metrics"
    assert [*files.glob("gauge_live*")]
    wait_until("its state is gone", lambda: not [*files.glob(f"gauge_live*_{ended}.db")])
    (calls,) = read(url)[1]["meshlib_call_duration_seconds_count"]
    assert sum(served.values()) == calls[1]


ALONE = """
import os
import sys

from meshlib import Mesh
from meshlib.telemetry import MirrorMetrics
from meshlib.telemetry._metrics import CanaryMetrics, MeshMetrics
from meshlib.telemetry.prometheus import PrometheusMetrics, child_exit
from meshlib.telemetry.prometheus import _shared
from prometheus_client import generate_latest

_shared._INTERVAL = 0.01
canary = CanaryMetrics(
    revision="2", state="progressing", weight=0.25, failed=0, reachable=True, store="process"
)


class Told:
    # Metrics that the test says, in the place of a mesh.
    name = "shop"
    said = 1
    canaries = {"new": canary}
    broken = False

    def listen(self, listener):
        self.listener = listener
        return lambda: None

    def metrics(self):
        if self.broken:
            raise RuntimeError("cannot be measured")
        with Mesh(services={"users": ["http://10.0.0.1:1"]}) as mesh:
            users = mesh.metrics().services["users"]
        from dataclasses import replace
        mirror = MirrorMetrics(offered=self.said, sent=0, failed=0, compared=0, different=0)
        users = replace(users, mirrors={"a/b": mirror}, canaries=self.canaries)
        certificates = {"tls.crt": 7.0} if self.canaries else {}
        return MeshMetrics(name="shop", services={"users": users}, certificates=certificates)


def line(start):
    text = generate_latest(metrics.registry).decode()
    return [each for each in text.splitlines() if each.startswith(start)][0].rpartition(" ")[2]


told = Told()
metrics = PrometheusMetrics(told, exemplars=True)
copies = 'meshlib_mirror_copies_total{mesh="shop",mirror="a/b",service="users",state="offered"}'
weight = "meshlib_canary_weight_ratio{"
assert ("1.0", "0.25") == (line(copies), line(weight))
told.said = 3
assert "3.0" == line(copies)  # what was counted since, not all of it again
told.said, told.canaries = 2, {}
assert ("3.0", "0.0") == (line(copies), line(weight))  # counts never fall, what is gone is 0
assert "7.0" == line("meshlib_certificate_expiry_timestamp_seconds{")  # but for what is least

shared = metrics._shared
shared(object())
first = shared._thread
shared(object())
assert first is shared._thread and first.daemon
told.broken = True
first.join(30)
assert not first.is_alive()  # it has logged why
shared.renew()
assert shared._thread is None
told.broken = False


class Worker:
    pid = os.getpid()


def states():
    return [name for name in os.listdir(os.environ["PROMETHEUS_MULTIPROC_DIR"]) if "live" in name]


assert states()
child_exit(None, Worker)
assert not states()
del os.environ["PROMETHEUS_MULTIPROC_DIR"]
child_exit(None, Worker)
print("done", flush=True)
"""


def test_the_state_of_a_process_is_written_as_it_changes(tmp_path: Path) -> None:
    """In a process of its own: prometheus-client decides when it is imported."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "done\n" == done.stdout, done.stderr
    assert "cannot be written for Prometheus" in done.stderr
