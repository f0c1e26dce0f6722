"""Lists and watches of a real API server, and what it does to them."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import pytest

from meshlib import DiscoveryError, MeshClient
from meshlib.discovery import Timing
from meshlib.discovery.kubernetes import KubernetesDiscovery
from meshlib.discovery.kubernetes._answers import Server
from meshlib.discovery.kubernetes._api import Reach, SlicesApi
from meshlib.discovery.kubernetes._login import Login
from meshlib.discovery.kubernetes._slices import SliceReader
from support import ServerProcess
from support.real import wait_until
from support.real.following import first, following
from support.real.kubernetes import Cluster
from support.real.relay import Relay
from support.source import ROOT

LEAVING = {"ready": False, "serving": True, "terminating": True}


class Zero(random.Random):
    """Chances that are always the lowest."""

    def random(self) -> float:
        """Nothing."""
        return 0.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One API server for all tests of this module; each has a service of its own."""
    with Cluster(tmp_path_factory.mktemp("kubernetes")) as made:
        yield made


@pytest.fixture
def service(request: pytest.FixtureRequest, anyio_backend_name: str) -> str:
    """A name that no other test uses."""
    name = request.node.originalname.removeprefix("test_").replace("_", "-")
    return f"{name[:40]}-{anyio_backend_name}"


@pytest.fixture
def relay(cluster: Cluster) -> Iterator[Relay]:
    """A line to the server that can be cut."""
    with Relay(cluster.port) as made:
        yield made


def source(cluster: Cluster, relay: Relay | None = None, **settings: Any) -> KubernetesDiscovery:
    """A source for *cluster*, over *relay* if there is one."""
    url = "" if relay is None else f"https://127.0.0.1:{urlsplit(relay.url).port}"
    file = cluster.kubeconfig(f"kubeconfig-{urlsplit(url).port or ''}", url=url)
    return KubernetesDiscovery(kubeconfig=file, **settings)


def api(cluster: Cluster, name: str, reader: SliceReader | None = None, **reach: Any) -> SlicesApi:
    """The slices of the service *name*, without what the source makes of them."""
    server = Server(
        Login(files=(cluster.kubeconfig("kubeconfig-of-api"),)),
        timeout=10.0,
        service=name,
        source="kubernetes",
    )
    return SlicesApi(
        server,
        reader or SliceReader(name, "kubernetes"),
        name=name,
        namespace=None,
        reach=Reach(**reach),
        timing=Timing(rng=Zero()),
    )


async def test_changes_of_several_slices_are_seen(cluster: Cluster, service: str) -> None:
    """Slices of a service are joined, in pages and by events, and those of others are not."""
    for number in range(3):
        cluster.put_slice(service, f"{service}-{number}", f"10.0.0.{number}")
    cluster.put_slice(f"{service}-2", f"{service}-other", "10.9.9.9")
    async with following(source(cluster, page_size=1), service) as seen:
        await seen.until_urls(*(f"http://10.0.0.{n}:80" for n in range(3)))
        cluster.put_slice(service, f"{service}-1", "10.0.0.1", "10.0.0.2", "10.0.0.7")
        cluster.delete_slice(f"{service}-0")
        await seen.until_urls(*(f"http://10.0.0.{n}:80" for n in (1, 2, 7)), within=1.0)
        cluster.delete_slice(f"{service}-1")
        cluster.delete_slice(f"{service}-2")
        await seen.until_urls(within=1.0)


async def test_an_unknown_service_is_empty(cluster: Cluster) -> None:
    """Without slices there are no endpoints, which the server says, and nobody need guess."""
    assert () == await first(source(cluster), "nothing-here")


async def test_a_namespace_stands_in_the_name_or_in_a_setting(
    cluster: Cluster, service: str
) -> None:
    """The name wins over the setting, and the setting over the kubeconfig."""
    for number, namespace in enumerate(["default", "shop", "depot"]):
        cluster.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        cluster.put_slice(service, f"{service}-x", f"10.1.0.{number}", namespace=namespace)
    found = [
        [endpoint.url for endpoint in await first(source(cluster, **settings), name)]
        for settings, name in [
            ({}, service),
            ({"namespace": "shop"}, service),
            ({"namespace": "shop"}, f"{service}.depot.svc.cluster.local"),
            ({"service": f"{service}.shop"}, "anything"),
        ]
    ]
    assert [[f"http://10.1.0.{n}:80"] for n in (0, 1, 2, 1)] == found


async def test_terminating_endpoints_serve_when_nobody_else_does(
    cluster: Cluster, service: str
) -> None:
    """They are used once no endpoint is ready, and until one is."""
    leaving = {"addresses": ["10.2.0.1"], "conditions": LEAVING}
    cluster.put_slice(service, service, leaving, "10.2.0.2")
    async with following(source(cluster), service) as seen:
        await seen.until_urls("http://10.2.0.2:80")
        away = {"addresses": ["10.2.0.2"], "conditions": {"ready": False}}
        cluster.put_slice(service, service, leaving, away)
        await seen.until_urls("http://10.2.0.1:80")
        cluster.put_slice(service, service, leaving, "10.2.0.3")
        await seen.until_urls("http://10.2.0.3:80")


async def test_a_watch_goes_on_when_the_server_ends_it(
    cluster: Cluster, relay: Relay, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    """After `timeoutSeconds` the next watch begins where the last one was, without a new list."""
    caplog.set_level(logging.DEBUG, "meshlib")
    cluster.put_slice(service, service, "10.3.0.1")
    async with following(source(cluster, relay, watch_timeout=1), service) as seen:
        await seen.until_urls("http://10.3.0.1:80")
        await anyio.to_thread.run_sync(lambda: _wait_for(relay, 4))
        cluster.put_slice(service, service, "10.3.0.2")
        await seen.until_urls("http://10.3.0.2:80", within=1.0)
    assert "a watch ended" in caplog.text
    assert "listing again" not in caplog.text


def _wait_for(relay: Relay, connections: int) -> None:
    wait_until(f"{connections} connections", lambda: relay.connections >= connections)


async def test_a_watch_goes_on_when_it_is_cut(cluster: Cluster, relay: Relay, service: str) -> None:
    """What changed while there was no connection is not missed, and no failure is told."""
    cluster.put_slice(service, service, "10.4.0.1")
    async with following(source(cluster, relay), service) as seen:
        await seen.until_urls("http://10.4.0.1:80")
        cluster.put_slice(service, service, "10.4.0.2")
        await seen.until_urls("http://10.4.0.2:80")  # so the watch has begun
        relay.cut()
        cluster.put_slice(service, service, "10.4.0.3")
        relay.mend()
        await seen.until_urls("http://10.4.0.3:80")


async def test_a_version_that_is_gone_makes_a_new_list(
    cluster: Cluster,
    relay: Relay,
    service: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a restart and a compaction the server says 410 in the stream; nothing fails."""
    caplog.set_level(logging.DEBUG, "meshlib")
    slow = source(cluster, relay)
    login, stopped, back = slow._login.session, anyio.Event(), anyio.Event()
    cluster.put_slice(service, service, "10.5.0.1")
    async with following(slow, service) as seen:
        await seen.until_urls("http://10.5.0.1:80")
        cluster.put_slice(service, service, "10.5.0.2")
        await seen.until_urls("http://10.5.0.2:80")

        async def wait_and_login() -> Any:
            stopped.set()
            await back.wait()
            return await login()

        monkeypatch.setattr(slow._login, "session", wait_and_login)
        relay.cut()
        await stopped.wait()
        cluster.put_slice(service, service, "10.5.0.3")
        cluster.put_slice(service, f"{service}-more", "10.5.0.4")
        cluster.forget()
        cluster.kill()
        await anyio.to_thread.run_sync(cluster.start)
        relay.mend()
        back.set()
        await seen.until_urls("http://10.5.0.3:80", "http://10.5.0.4:80")
    assert "listing again: the version is too old" in caplog.text


async def test_pages_that_expire_are_listed_at_once(cluster: Cluster, service: str) -> None:
    """The mark of a next page is 410 after a compaction; the whole list has no pages."""

    class Forgetting(SliceReader):
        """Lets the server forget its versions after the first page."""

        pages = 0

        def version(self, document: Any) -> str:
            """The version, which is about to be forgotten."""
            self.pages += 1
            if self.pages == 1:
                cluster.forget()
            return super().version(document)

    for number in range(3):
        cluster.put_slice(service, f"{service}-{number}", f"10.6.0.{number}")
    reader = Forgetting(service, "kubernetes")
    documents, version = await api(cluster, service, reader, page=1).fetch()
    assert 3 == len(documents)
    assert version
    assert 2 == reader.pages


@contextmanager
def bustle(cluster: Cluster, name: str) -> Iterator[None]:
    """Others change their slices all the time; without that 1.20 sends no bookmarks."""
    over = threading.Event()

    def write() -> None:
        for number in count():
            cluster.put_slice("somebody", name, f"10.9.{number // 250}.{number % 250}")
            if over.wait(0.05):
                return

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            yield
        finally:
            over.set()
            writing.result()


async def test_a_bookmark_moves_the_version_on(cluster: Cluster, service: str) -> None:
    """Though nothing of the service changed, the next watch need not begin where the last did."""
    cluster.put_slice(service, service, "10.7.0.1")
    slices = api(cluster, service, watch_timeout=3.0)
    _, version = await slices.fetch()
    marks: list[Any] = []
    with bustle(cluster, service):
        async with aclosing(slices.watch(version)) as batches:
            while not marks:
                batch = await anext(batches)
                marks = [event["object"] for event in batch if event["type"] == "BOOKMARK"]
    assert int(version) < int(marks[0]["metadata"]["resourceVersion"])


async def test_bookmarks_say_that_the_list_is_current(cluster: Cluster, service: str) -> None:
    """Each gives the same list again, by which its age is measured."""
    cluster.put_slice(service, service, "10.8.0.1")
    slow = source(cluster, watch_timeout=3, _timing=Timing(rng=Zero()))
    with bustle(cluster, f"{service}-else"):
        async with following(slow, service) as seen:
            await seen.until(lambda: len(seen.lists) > 1, within=2.5)
            assert seen.lists[0] == seen.lists[1]


async def test_a_server_that_does_not_answer_is_a_failure(cluster: Cluster, service: str) -> None:
    """The error names the address and says how long was waited."""
    cluster.program.freeze()
    try:
        with pytest.raises(
            DiscoveryError, match=rf"{cluster.url} .*within 0\.2 s|Timeout"
        ) as error:
            await first(source(cluster, timeout=0.2), service)
    finally:
        cluster.program.thaw()
    assert (service, "kubernetes") == (error.value.service, error.value.source)


async def test_a_server_that_is_away_is_a_failure(cluster: Cluster, relay: Relay) -> None:
    """The error names the address, and where that came from."""
    unreachable = source(cluster, relay)
    relay.__exit__()
    with pytest.raises(
        DiscoveryError, match=r"https://127\.0\.0\.1:\d+ .*kubeconfig.*ConnectError"
    ):
        await first(unreachable, "anything")


def test_the_example_runs(cluster: Cluster, tmp_path: Path) -> None:
    """It calls the pods of a Service by its name."""
    with ServerProcess("pod-1") as pod:
        cluster.put_slice(
            "users", "users-1", "127.0.0.1", ports=[{"name": "http", "port": pod.port}]
        )
        done = subprocess.run(
            [sys.executable, "-W", "error", str(ROOT / "examples/discover_kubernetes.py")],
            cwd=tmp_path,
            env={"KUBECONFIG": cluster.kubeconfig("example"), "PATH": "", "HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert 0 == done.returncode, f"{done.stdout}\n{done.stderr}"
    assert "pod-1" in done.stdout


def test_a_mesh_calls_a_service_of_another_namespace(cluster: Cluster) -> None:
    """`name.namespace` is a service like any other, whose name is used by default discovery."""
    with ServerProcess("pod-2") as pod:
        cluster.create("/api/v1/namespaces", {"metadata": {"name": "shop"}})
        cluster.put_slice(
            "basket",
            "basket-1",
            "127.0.0.1",
            namespace="shop",
            ports=[{"name": "http", "port": pod.port}],
        )
        spec = {"kubernetes": {"kubeconfig": cluster.kubeconfig("other"), "namespace": "shop"}}
        with MeshClient(discovery=spec) as client:
            assert "pod-2" in client.get("http://basket/").text
