"""What every source must do with its real server, while calls go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from meshlib import MeshClient
from meshlib.events import DiscoveryFailed
from support import ServerProcess
from support.real import Backend, backend, wait_until
from support.traffic import Traffic

NAMES = ["consul", "dns", "docker", "etcd", "kubernetes", "registry"]


@pytest.fixture(scope="module", params=NAMES)
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real server of each kind, one after the other."""
    with backend(request.param, tmp_path_factory.mktemp(request.param)) as made:
        yield made


@pytest.fixture
def replicas() -> Iterator[list[ServerProcess]]:
    """Three processes that serve."""
    with ServerProcess("a") as a, ServerProcess("b") as b, ServerProcess("c") as c:
        yield [a, b, c]


def endpoints(client: MeshClient, service: str) -> dict[str, Any]:
    """The endpoints that are known now, by URL."""
    found = client.mesh.metrics().services.get(service)
    return {} if found is None else {one.url: one for one in found.endpoints.values()}


def test_endpoints_appear_change_and_vanish(real: Backend, replicas: list[ServerProcess]) -> None:
    """Each change reaches the calls within the source's time, and fails none of them."""
    a, b, c = (replica.url for replica in replicas)
    service = "shifting"
    real.put(service, a)
    with MeshClient(services={service: {"discovery": real.spec}}) as client:
        client.get(f"http://{service}/").raise_for_status()
        with Traffic(client, service) as traffic:
            real.put(service, b)
            real.put(service, c)
            wait_until(
                "three endpoints", lambda: endpoints(client, service).keys() == {a, b, c}, real.lag
            )
            real.put(service, c, weight=3)
            wait_until(
                "the new weight",
                lambda: (
                    client.mesh.service(service).targets[0] is not None
                    and {t.endpoint.weight for t in client.mesh.service(service).targets}
                    == {1.0, 3.0}
                ),
                real.lag,
            )
            real.remove(service, a)
            wait_until(
                "two endpoints", lambda: endpoints(client, service).keys() == {b, c}, real.lag
            )
            gone, before = traffic.calls, traffic.calls
            wait_until("more calls", lambda: traffic.calls > gone + 20)
        assert [] == traffic.failures
        assert before > 0
    for url in (b, c):
        real.remove(service, url)


def test_calls_outlive_the_server(real: Backend, replicas: list[ServerProcess]) -> None:
    """While the server is away the last endpoints serve, and their age is told; then it heals."""
    a, b, c = (replica.url for replica in replicas)
    service = "steady"
    real.put(service, a)
    real.put(service, b)
    failed = threading.Semaphore(0)

    def listen(event: Any) -> None:
        if isinstance(event, DiscoveryFailed):
            failed.release()

    services = {service: {"discovery": real.spec}}
    with MeshClient(services=services, listeners=[listen]) as client:
        wait_until(
            "two endpoints",
            lambda: (
                client.get(f"http://{service}/").is_success
                and endpoints(client, service).keys() == {a, b}
            ),
            real.lag + 5.0,
        )
        with Traffic(client, service) as traffic:
            real.kill()
            try:
                for _ in range(2):
                    assert failed.acquire(timeout=60.0)
                measured = client.mesh.metrics().services[service]
                assert measured.discovery_age is not None
                assert measured.discovery_age > 0.0
                assert measured.discovery_error
                assert {a, b} == endpoints(client, service).keys()
            finally:
                real.start()
            if not real.survives:
                real.put(service, a)
                real.put(service, b)
            real.put(service, c)
            wait_until("the server is heard again", lambda: c in endpoints(client, service), 60.0)
        assert [] == traffic.failures
    for url in (a, b, c):
        real.remove(service, url)
