"""What becomes of keys when a real etcd or Consul breaks, forgets, or refuses."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.to_thread
import pytest

from meshlib import StoreError
from meshlib.config.store import (
    ConsulStore,
    EtcdStore,
    Stored,
    StoreKey,
    _follow,
    follow,
    run_blocking,
    store_at,
)
from support.real import free_port, wait_until
from support.real.consul import ConsulAgent
from support.real.etcd import Cluster, Member, users
from support.real.relay import Relay

SLOW = pytest.mark.parametrize("anyio_backend", ["asyncio"])
"""For what takes its time, and is the same on either event loop."""
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that comes back is found at once."""
    monkeypatch.setattr(_follow, "_LONGEST", 0.2)


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    """One etcd for all tests of this module."""
    with Member(tmp_path_factory.mktemp("etcd")) as member:
        yield member


@pytest.fixture(scope="module")
def consul(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    """One agent, which keeps what it knows."""
    with ConsulAgent(tmp_path_factory.mktemp("consul"), dev=False) as agent:
        yield agent


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A key of its own for each test."""
    return "meshlib/" + "".join(c if c.isalnum() else "-" for c in request.node.name)


class Seen:
    """What was followed, in order."""

    def __init__(self) -> None:
        self.contents: list[bytes | None] = []
        self._changed = anyio.Event()

    def add(self, stored: Stored | None) -> None:
        """Note it."""
        self.contents.append(None if stored is None else stored.content)
        self._changed.set()
        self._changed = anyio.Event()

    async def until(self, content: bytes | None) -> None:
        """Wait until *content* is the last."""
        with anyio.fail_after(PATIENCE):
            while not self.contents or self.contents[-1] != content:
                await self._changed.wait()


@asynccontextmanager
async def following(key: StoreKey) -> AsyncIterator[Seen]:
    """Follow *key* within the context."""
    seen = Seen()

    async def run() -> None:
        async with aclosing(cast("Any", follow(key))) as contents:
            async for stored in contents:
                seen.add(stored)

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        yield seen
        group.cancel_scope.cancel()


async def put(key: StoreKey, content: bytes) -> None:
    """Put *content*, whatever is there; try while the server is not quite there."""

    async def attempt() -> bool:
        try:
            stored = await key.get()
            version = None if stored is None else stored.version
            return await key.compare_and_set(content, version)
        except StoreError:
            return False

    def done() -> bool:
        return run_blocking(attempt, timeout=PATIENCE)

    await anyio.to_thread.run_sync(wait_until, f"{content!r} is written", done)


@SLOW
async def test_a_server_that_comes_back_is_followed_on(
    etcd: Member, consul: ConsulAgent, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The content stays what it was, is not told anew, and its next change is seen."""
    for server, store in ((etcd, EtcdStore(etcd.url)), (consul, ConsulStore(consul.url))):
        caplog.clear()
        key = StoreKey(store, name)
        await put(key, b"one")
        with caplog.at_level(logging.INFO, "meshlib"):
            async with following(key) as seen:
                await seen.until(b"one")
                server.kill()
                with pytest.raises(StoreError, match=key.location):
                    await key.get()
                await anyio.to_thread.run_sync(server.start)
                await put(key, b"two")
                await seen.until(b"two")
        assert [b"one", b"two"] == seen.contents
        told = [one.message for one in caplog.records if key.location in one.message]
        assert ["cannot be followed" in told[0], "can be read again" in told[-1]] == [True, True]
        assert 2 == len(told)


@SLOW
async def test_compaction_loses_no_change(etcd: Member, name: str) -> None:
    """A watch that was away while its changes were compacted reads the key again."""
    with Relay(int(etcd.url.rpartition(":")[2])) as relay:
        key = StoreKey(EtcdStore(relay.url, timeout=1.0), name)
        direct = StoreKey(EtcdStore(etcd.url), name)
        await put(direct, b"one")
        async with following(key) as seen:
            await seen.until(b"one")
            relay.cut()
            await put(direct, b"two")
            etcd.compact(etcd.set(name, "three"))
            relay.mend()
            await seen.until(b"three")
            await put(direct, b"four")
            await seen.until(b"four")
    assert [b"one", b"three", b"four"] == seen.contents


@SLOW
async def test_an_agent_that_forgot_everything_is_followed_on(tmp_path: Path, name: str) -> None:
    """Its indexes begin anew, lower than before; nothing that happens then is missed."""
    with ConsulAgent(tmp_path) as agent:
        key = StoreKey(ConsulStore(agent.url), name)
        for number in range(20):
            await put(key, b"%d" % number)
        async with following(key) as seen:
            await seen.until(b"19")
            agent.kill()
            await anyio.to_thread.run_sync(agent.start)
            await seen.until(None)
            await put(key, b"new")
            await seen.until(b"new")


@SLOW
async def test_a_cluster_counts_on_without_its_leader(tmp_path: Path, name: str) -> None:
    """Every number that was written was written once, though a member died meanwhile."""
    with Cluster(tmp_path) as cluster:
        key = StoreKey(EtcdStore(cluster.urls, timeout=2.0), name)
        written: list[int] = []
        halfway = anyio.Event()

        async def count() -> None:
            while len(written) < 60:
                try:
                    stored = await key.get()
                    value, version = (0, None)
                    if stored is not None:
                        value, version = int(stored.content), cast("Any", stored.version)
                    if await key.compare_and_set(b"%d" % (value + 1), version):
                        written.append(value + 1)
                except StoreError:
                    continue  # the next member is asked
                if len(written) >= 20:
                    halfway.set()

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(count)
                await halfway.wait()
                cluster.leader_first()[0].kill()
    assert len(written) == len(set(written))


RACE = """
import sys, anyio
from meshlib.config.store import store_at

async def race(url, rounds):
    key = store_at(url)
    for number in range(rounds):
        while True:  # until it is the turn of this number
            stored = await key.get()
            value, version = int(stored.content), stored.version
            if value == number:
                if await key.compare_and_set(b"%d" % (number + 1), version):
                    print(number)
            if value >= number:
                break

anyio.run(race, sys.argv[1], int(sys.argv[2]))
"""


@SLOW
async def test_processes_win_each_version_once(
    etcd: Member, consul: ConsulAgent, name: str
) -> None:
    """Four processes race for each of ten numbers, and each number has one winner."""
    for server, kind in ((etcd, "etcd"), (consul, "consul")):
        url = f"{server.url.replace('http', kind)}/{name}"
        key = store_at(url)
        await put(key, b"0")
        command = [sys.executable, "-c", RACE, url, "10"]

        def race(command: list[str] = command) -> list[int]:
            running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
            told = [one.communicate(timeout=PATIENCE)[0] for one in running]
            assert [0] * 4 == [one.returncode for one in running]
            return [int(line) for text in told for line in text.split()]

        assert list(range(10)) == sorted(await anyio.to_thread.run_sync(race))


async def test_who_may_not_is_told(etcd: Member, name: str) -> None:
    """A refusal is an error that names the key, and not the password."""
    with users(etcd, shop="secret"):
        key = StoreKey(EtcdStore(etcd.url, username="shop", password="secret"), name)
        for act in (key.get(), key.delete(), key.compare_and_set(b"", None)):
            with pytest.raises(StoreError, match="permission denied") as caught:
                await act
            assert key.location == caught.value.store
            assert "secret" not in str(caught.value)
        with pytest.raises(StoreError, match="permission denied"):
            await key.store.names(f"{name}/")
        with pytest.raises(StoreError, match="permission denied"):
            await anext(cast("Any", key.follow()))
        with pytest.raises(StoreError, match="set username and password"):
            await StoreKey(EtcdStore(etcd.url), name).get()


async def test_an_agent_that_is_away_is_told() -> None:
    """Every operation says so, and where it was."""
    key = StoreKey(ConsulStore(f"http://127.0.0.1:{free_port()}", token="secret"), "a")
    for act in (key.get(), key.delete(), key.compare_and_set(b"", None), key.store.names("a/")):
        with pytest.raises(StoreError, match=key.location) as caught:
            await act
        assert "secret" not in str(caught.value)
    with pytest.raises(StoreError, match=key.location):
        await anext(cast("Any", key.follow()))


async def test_a_store_is_used_from_anywhere(etcd: Member, consul: ConsulAgent, name: str) -> None:
    """Two loops in two threads, and a loop that ended before."""
    for store in (EtcdStore(etcd.url), ConsulStore(consul.url)):
        key = StoreKey(store, name)
        wins: list[bool] = []

        def write(key: StoreKey = key, wins: Any = wins) -> None:
            wins.append(run_blocking(key.compare_and_set, b"one", None, timeout=PATIENCE))

        threads = [threading.Thread(target=write) for _ in range(2)]

        def run(threads: Any = threads) -> None:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        await anyio.to_thread.run_sync(run)
        assert [False, True] == sorted(wins)
        stored = await key.get()
        assert stored is not None


@pytest.mark.parametrize("kind", ["etcd", "consul"])
def test_a_forked_child_uses_the_store_of_its_parent(
    etcd: Member, consul: ConsulAgent, kind: str, name: str
) -> None:
    """Nothing of a store belongs to the process that made it."""
    store: Any = EtcdStore(etcd.url) if kind == "etcd" else ConsulStore(consul.url)
    key = StoreKey(store, name)
    assert run_blocking(key.compare_and_set, b"parent", None, timeout=PATIENCE)
    child = os.fork()
    if child == 0:  # pragma: no cover -- in a process without a tracer
        try:
            read: Any = run_blocking(key.get, timeout=PATIENCE)
            run_blocking(key.compare_and_set, b"child", read.version, timeout=PATIENCE)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    stored = run_blocking(key.get, timeout=PATIENCE)
    assert stored is not None
    assert b"child" == stored.content
