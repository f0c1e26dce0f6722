"""A real registry that is killed, cut off, shared, frozen and emptied."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import pytest

from meshlib import DiscoveryError, MeshClient, register
from meshlib.discovery.registry import RegistryDiscovery
from meshlib.discovery.registry._sse import EventDecoder
from meshlib.events import DiscoveryFailed
from support import ServerProcess
from support.real import wait_until
from support.real.registry import Backend
from support.real.relay import Relay
from support.source import ROOT


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A registry for those tests that do it no harm."""
    with Backend(tmp_path_factory.mktemp("registry")) as made:
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Backend]:
    """A registry of the test's own."""
    with Backend(tmp_path) as made:
        yield made


def known(client: MeshClient, service: str) -> set[str]:
    """The URLs that *client* uses for *service*."""
    return {target.endpoint.url for target in client.mesh.service(service).targets}


def test_a_kill_loses_nothing(own: Backend) -> None:
    """What was answered is stored, with its revision; a cursor of before is still known."""
    for number in range(50):
        own.put("users", f"http://10.0.0.{number}:80", metadata={"zone": "a"})
    before = own.http.get("/v1/services/users")
    own.kill()
    own.start()
    after = own.http.get("/v1/services/users")
    assert before.json() == after.json()
    tag = {"If-None-Match": before.headers["etag"]}
    assert 304 == own.http.get("/v1/services/users", headers=tag).status_code


def test_a_process_killed_without_goodbye_goes_within_its_time(own: Backend) -> None:
    """From the registry, and from a mesh that watches it; with its last heartbeat it began."""
    with ServerProcess("a") as stays, ServerProcess("b") as goes:
        own.put("users", stays.url)
        program = (
            "import sys, threading; from meshlib import register\n"
            "url, at = sys.argv[1:]\n"
            "made = register('users', url, at={'registry': {'address': at}}, ttl=1.5)\n"
            "made.start(); print(made.wait(30.0), flush=True); threading.Event().wait()\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program, goes.url, own.url],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert "True\n" == process.stdout.readline()
            with MeshClient(services={"users": {"discovery": own.spec}}) as client:
                client.get("http://users/")
                wait_until("both", lambda: known(client, "users") == {stays.url, goes.url})
                # It lives by its heartbeats for longer than one of its times.
                seen = own.http.get("/v1/services/users", params={"after": "", "wait": 0}).json()
                own.http.get("/v1/services/users", params={"after": seen["cursor"], "wait": 2.0})
                assert {stays.url, goes.url} == known(client, "users")
                process.kill()
                wait_until("one", lambda: known(client, "users") == {stays.url}, 1.5 + 1.0)
            assert {stays.url} == own.urls("users")
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def test_who_was_lost_with_the_database_comes_back(own: Backend) -> None:
    """Nobody is called in vain, and nobody is missed, while all register again."""
    at = {"registry": {"address": own.url}}
    failures: list[BaseException] = []
    with (
        ServerProcess("a") as a,
        ServerProcess("b") as b,
        register("users", a.url, at=at, ttl=3.0) as one,
        register("users", b.url, at=at, ttl=3.0) as two,
        MeshClient(services={"users": {"discovery": own.spec}}) as client,
    ):
        assert one.wait(30.0)
        assert two.wait(30.0)
        client.get("http://users/")
        wait_until("both", lambda: known(client, "users") == {a.url, b.url})
        over = threading.Event()
        fewest = [2]

        def call() -> None:
            while not over.is_set():
                try:
                    client.get("http://users/").raise_for_status()
                    fewest.append(len(known(client, "users")))
                except Exception as exc:
                    failures.append(exc)
                over.wait(0.005)

        thread = threading.Thread(target=call)
        thread.start()
        try:
            own.kill()
            for file in own.database.parent.glob("registry.db*"):
                file.unlink()
            own.start()
            wait_until("both again", lambda: own.urls("users") == {a.url, b.url})
        finally:
            over.set()
            thread.join()
        assert [] == failures
        assert 2 == min(fewest)
    assert set() == own.urls("users")


def test_a_stopped_registry_expires_nobody(own: Backend) -> None:
    """Heartbeats that came while it was stopped count when it goes on."""
    own.put("users", "http://10.0.0.1:80", ttl=1.5)
    watch = own.http.get("/v1/services/users").json()
    own.program.freeze()
    # Longer than its time to live, and in real time, which is what the process goes by.
    assert not threading.Event().wait(2.5)
    own.program.thaw()
    place = own.place("users", "http://10.0.0.1:80")
    assert 204 == own.http.post(f"{place}/heartbeat").status_code
    answer = own.http.get("/v1/services/users", params={"after": watch["cursor"], "wait": 0.5})
    assert 1 == len(answer.json()["instances"])
    answer = own.http.get("/v1/services/users", params={"after": watch["cursor"], "wait": 30.0})
    assert [] == answer.json()["instances"]


async def test_two_processes_at_one_database(own: Backend, tmp_path: Path) -> None:
    """A watcher at one sees what is written at the other, and may change over between two."""
    with Backend(tmp_path, database=own.database) as other:
        source = RegistryDiscovery([other.url, own.url])
        async with aclosing(source.watch("users")) as lists:
            assert 0 == len(await anext(lists))
            own.put("users", "http://10.0.0.1:80", ttl=2.0)
            while not (found := await anext(lists)):
                pass
            assert ["http://10.0.0.1:80"] == [endpoint.url for endpoint in found]
            for _ in range(6):  # its heartbeats come now here and now there
                for backend in (own, other):
                    place = backend.place("users", "http://10.0.0.1:80")
                    assert 204 == backend.http.post(f"{place}/heartbeat").status_code
            own.put("users", "http://10.0.0.2:80")
            other.kill()
            with anyio.fail_after(30.0):
                while len(found) != 1 or found[0].url != "http://10.0.0.2:80":
                    found = await anext(lists)


def test_an_event_stream_that_is_cut(shared: Backend) -> None:
    """By a proxy between, again and again: no failure is reported, and no change missed."""
    failures: list[Any] = []

    def listen(event: Any) -> None:
        if isinstance(event, DiscoveryFailed):
            failures.append(event)

    with Relay(urlsplit(shared.url).port or 0) as proxy:
        services = {"cut": {"discovery": {"registry": {"address": proxy.url}}}}
        with MeshClient(services=services, listeners=[listen]) as client:
            shared.put("cut", "http://10.0.0.1:80")
            client.mesh.explain("http://cut/")
            wait_until("one", lambda: len(known(client, "cut")) == 1)
            for number in range(2, 4):
                proxy.cut()
                proxy.mend()
                shared.put("cut", f"http://10.0.0.{number}:80")
                wait_until("one more", lambda n=number: len(known(client, "cut")) == n, 5.0)
    assert [] == failures


def test_draining_instances_get_no_new_calls(shared: Backend) -> None:
    """They are shown by the registry, and left out by the source."""
    a, b = "http://10.0.0.1:80", "http://10.0.0.2:80"
    shared.put("drained", a)
    shared.put("drained", b)
    with MeshClient(services={"drained": {"discovery": shared.spec}}) as client:
        client.mesh.explain("http://drained/")
        wait_until("both", lambda: known(client, "drained") == {a, b})
        shared.put("drained", b, state="draining")
        wait_until("one", lambda: known(client, "drained") == {a}, 1.0)
        assert {a, b} == shared.urls("drained")
        shared.put("drained", b)
        wait_until("both again", lambda: known(client, "drained") == {a, b}, 1.0)


def test_a_watcher_that_takes_nothing_costs_nothing(shared: Backend) -> None:
    """Its socket is full; the registry goes on, and tells it the newest when it reads."""
    metadata = {"text": "x" * 30_000}
    with (
        httpx.Client(base_url=shared.url, trust_env=False, timeout=30.0) as slow,
        slow.stream("GET", "/v1/services/slow/watch") as stream,
    ):
        for number in range(30):
            for name in range(20):
                changed = {**metadata, "n": str(number)}
                shared.put("slow", f"http://10.0.0.{name}:80", metadata=changed)
        decoder, newest, lists = EventDecoder(), set(), 0
        for chunk in stream.iter_bytes():
            for event in filter(None, decoder.feed(chunk)):
                instances = json.loads(event.data)["instances"]
                newest, lists = {one["metadata"]["n"] for one in instances}, lists + 1
            if newest == {"29"}:
                break
    # There were 600 lists of up to 600 kB to be told.
    assert lists < 60


async def test_tokens_of_files(tmp_path: Path) -> None:
    """The program reads them, and its clients are let in by them."""
    write, read = tmp_path / "write", tmp_path / "read"
    write.write_text("w1\nw2\n")
    read.write_text("r1\n")
    options = ["--token-file", str(write), "--read-token-file", str(read)]
    with Backend(tmp_path, options, token="w2") as registry:
        registry.put("users", "http://10.0.0.1:80")
        for token in ("w1", "r1"):
            source = RegistryDiscovery(registry.url, token=token)
            async with aclosing(source.watch("users")) as lists:
                assert 1 == len(await anext(lists))
        source = RegistryDiscovery(registry.url, token="wrong")
        async with aclosing(source.watch("users")) as lists:
            with pytest.raises(DiscoveryError, match="401 Unauthorized: the bearer token"):
                await anext(lists)
        at = {"registry": {"address": registry.url, "token_file": str(read)}}
        with register("users", "http://10.0.0.2:80", at=at) as registration:
            said = "403 Forbidden: this token may only read"
            await anyio.to_thread.run_sync(
                wait_until, "refused", lambda: said in str(registration.status.error)
            )
        log = registry.log.read_text()
    assert not {word for word in ("w1", "w2", "r1", "wrong") if word in log}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_cleanly_at_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    """With a watcher that would stay for ever; its connection ends properly, and all is stored."""
    with Backend(tmp_path) as registry:
        registry.put("users", "http://10.0.0.1:80")
        with registry.http.stream("GET", "/v1/services/users/watch") as stream:
            chunks = stream.iter_bytes()
            next(chunks)
            os.kill(registry.program.pid, number)
            for _ in chunks:
                pass
        process = registry.program._process
        assert process is not None
        assert 0 == process.wait(10.0)
        assert "" == registry.log.read_text().replace(f"{registry.url}\n", "")
        assert [registry.database] == list(tmp_path.glob("registry.db*"))
        registry.program.kill()
        registry.start()
        assert {"http://10.0.0.1:80"} == registry.urls("users")
