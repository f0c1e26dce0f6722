"""Half a minute without any server of discovery, and not one failed call."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import partial

import pytest

from meshlib import MeshClient
from support import ServerProcess
from support.real import Backend, backend, wait_until
from support.traffic import Traffic

NAMES = ["consul", "dns", "docker", "etcd", "kubernetes", "registry"]
OUTAGE = 30.0
"""Seconds; long enough for every time-out, lease and backoff to show."""


def test_half_a_minute_without_servers(tmp_path_factory: pytest.TempPathFactory) -> None:
    """
    The last endpoints serve on, however old; their age is measured; afterwards all heal.

    All servers are away at the same time, so that the half minute is spent once.
    """
    with ExitStack() as stack:
        servers: dict[str, Backend] = {}
        for name in NAMES:
            # A short path: those of Unix sockets may have a hundred characters.
            servers[name] = stack.enter_context(backend(name, tmp_path_factory.mktemp(name)))
        a, b, c = (stack.enter_context(ServerProcess(name)).url for name in "abc")
        for name, server in servers.items():
            server.put(f"on-{name}", a)
            server.put(f"on-{name}", b)
        services = {f"on-{name}": {"discovery": server.spec} for name, server in servers.items()}
        client = stack.enter_context(MeshClient(services=services))

        def is_known(name: str, urls: set[str]) -> bool:
            return urls <= {one.endpoint.url for one in client.mesh.service(f"on-{name}").targets}

        for name, server in servers.items():
            wait_until(f"{name} is heard", partial(is_known, name, {a, b}), server.lag + 30)
        traffic = [stack.enter_context(Traffic(client, service)) for service in services]
        for server in servers.values():
            server.kill()
        try:
            wait_until(
                "every list is old",
                lambda: all(
                    (one.discovery_age or 0.0) >= OUTAGE
                    for one in client.mesh.metrics().services.values()
                ),
                patience=OUTAGE * 3,
            )
            for service in client.mesh.metrics().services.values():
                assert service.discovery_error, service.name
                assert {a, b} == {one.url for one in service.endpoints.values()}, service.name
        finally:
            starting = [threading.Thread(target=server.start) for server in servers.values()]
            for thread in starting:
                thread.start()
            for thread in starting:
                thread.join()
        for name, server in servers.items():
            for url in (c,) if server.survives else (a, b, c):
                server.put(f"on-{name}", url)
        for name in servers:
            wait_until(f"{name} is heard again", partial(is_known, name, {c}), 90.0)
        before = [one.calls for one in traffic]
        wait_until(
            "more calls",
            lambda: all(one.calls > was + 20 for one, was in zip(traffic, before, strict=True)),
        )
    assert {} == {one.service: one.failures[:3] for one in traffic if one.failures}, "calls failed"
