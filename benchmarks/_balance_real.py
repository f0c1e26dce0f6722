"""
The comparison of balancers with real processes: a server, the clients, and Envoy.

Everything runs over loopback, with HTTP/1.1 and connections that are kept. With Envoy each
client has a listener and a cluster of its own in one process, as a sidecar of its own has:
clusters count for themselves, and one Envoy for all would know more than sidecars do.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from _balance_figures import Run, figures
from _balance_world import World
from _processes import cpu_of, end
from _server import wait_until_it_answers
from _sidecar_proxies import envoy_binary, envoy_configuration

HERE = Path(__file__).resolve().parent
ENVOY = {"Envoy LEAST_REQUEST": "LEAST_REQUEST", "Envoy ROUND_ROBIN": "ROUND_ROBIN"}
GRACE = 40.0
"""Seconds beyond its length after which a run is given up."""


def run_once(world: World, strategy: str, warm_up: float) -> dict[str, Any] | None:
    """Run *world* with *strategy*; None where that needs a program that is not there."""
    told = {each.name: getattr(world, each.name) for each in fields(World) if each.init}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_program("_balance_server.py"))
        ports: list[int] = json.loads(_ask(server, told))
        proxies: list[int] = []
        envoy = None
        if strategy in ENVOY:
            binary = envoy_binary()
            if binary is None:
                return None
            admin, *proxies = free_ports(world.clients + 1)
            envoy = stack.enter_context(_envoy(binary, admin, ports, proxies, ENVOY[strategy]))
        clients = stack.enter_context(_program("_balance_clients.py"))
        zero = _ask(
            clients,
            {"world": told, "ports": ports, "strategy": strategy, "proxies": proxies},
        )
        assert server.stdin is not None
        server.stdin.write(zero)
        server.stdin.flush()
        said = json.loads(_last(clients, world.seconds + GRACE))
        used = cpu_of(server.pid)
        found = figures(Run(**said["run"]), world, warm_up)
        found["late"] = said["late"] * 1e3
        found["cpu"] = {
            "clients": said["cpu"] / world.seconds,
            "server": used / world.seconds,
            "envoy": 0.0 if envoy is None else cpu_of(envoy.pid) / world.seconds,
        }
        return found


def free_ports(count: int) -> list[int]:
    """So many different ports that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@contextlib.contextmanager
def _program(name: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, str(HERE / name)]
    path = {"PYTHONPATH": f"{HERE.parent}", "PATH": "/usr/bin:/bin"}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=path, cwd=HERE
    )
    try:
        yield process
    finally:
        end(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _ask(process: subprocess.Popen[bytes], what: Any) -> bytes:
    """Tell a program *what* to do; the line that it answers."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(what).encode() + b"\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} ended")
    return line


def _last(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """All that a program says until its end, which comes within so many *seconds*."""
    return process.communicate(timeout=seconds)[0]


@contextlib.contextmanager
def _envoy(
    binary: str, admin: int, ports: list[int], proxies: list[int], policy: str
) -> Iterator[subprocess.Popen[bytes]]:
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    whole: dict[str, Any] = {}
    for number, port in enumerate(proxies):
        one = envoy_configuration(port, admin, urls)
        resources = one["static_resources"]
        cluster, listener = resources["clusters"][0], resources["listeners"][0]
        cluster |= {"name": f"c{number}", "lb_policy": policy}
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        host = manager["route_config"]["virtual_hosts"][0]
        host["routes"][0]["route"] |= {"cluster": f"c{number}", "timeout": "0s"}
        if not whole:
            whole = one
        else:
            whole["static_resources"]["clusters"].append(cluster)
            whole["static_resources"]["listeners"].append(listener)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "envoy.json")
        file.write_text(json.dumps(whole), "utf-8")
        options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
        process = subprocess.Popen([binary, "-c", str(file), *options], stdout=subprocess.DEVNULL)
        try:
            wait_until_it_answers(proxies[-1], process)
            yield process
        finally:
            end(process)
