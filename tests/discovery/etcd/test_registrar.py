"""Instances that register at a real etcd, and what becomes of them."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import anyio.to_thread
import pytest

from meshlib import DiscoveryError, Endpoint, register
from meshlib.discovery.etcd import EtcdDiscovery, EtcdRegistrar
from meshlib.discovery.registration import Instance
from support.real import wait_until
from support.real.etcd import PREFIX, Member, encoded
from support.real.following import first, following

SLOW = pytest.mark.parametrize("anyio_backend", ["asyncio"])
"""For what takes its time, and is the same on either event loop."""
A, B = (f"http://127.0.0.1:{port}" for port in (8001, 8002))
KEY = f"{PREFIX}/users/a"


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    """One etcd for all tests of this module."""
    with Member(tmp_path_factory.mktemp("etcd")) as member:
        yield member


@pytest.fixture(autouse=True)
def empty(etcd: Member) -> Iterator[None]:
    """Nothing is registered after a test."""
    yield
    etcd.delete(f"{PREFIX}/", f"{PREFIX}0")


def instance(url: str = A, **settings: Any) -> Instance:
    """An instance of the service `users`."""
    return Instance(service="users", endpoint=Endpoint(url, **settings), id="a", ttl=60.0)


def lease_of(etcd: Member, key: str = KEY) -> str:
    """The lease that *key* lives by."""
    return str(etcd.call("/kv/range", {"key": encoded(key)})["kvs"][0]["lease"])


async def test_what_is_registered_is_found(etcd: Member) -> None:
    """The value says all that the endpoint does, and the source reads it back."""
    endpoint = Endpoint(A, weight=2.0, priority=1, kind="edge", metadata={"zone": "a"})
    async with EtcdRegistrar(etcd.url).session() as session:
        await session.register(Instance(service="users", endpoint=endpoint, id="a", ttl=60.0))
        (found,) = etcd.call("/kv/range", {"key": encoded(KEY)})["kvs"]
        assert {
            "url": A,
            "weight": 2.0,
            "priority": 1,
            "kind": "edge",
            "metadata": {"zone": "a"},
        } == json.loads(base64.b64decode(found["value"]))
        assert [endpoint] == list(await first(EtcdDiscovery(etcd.url), "users"))
        await session.deregister(instance())
    assert [] == etcd.keys(f"{PREFIX}/")


async def test_the_lease_is_a_second_shorter(etcd: Member) -> None:
    """A lease may end half a second late, and the time to live is kept all the same."""
    registrar = EtcdRegistrar([etcd.url], prefix="/elsewhere/")
    async with registrar.session() as session:
        await session.register(instance())
        lease = lease_of(etcd, "/elsewhere/users/a")
        assert "59" == etcd.call("/lease/timetolive", {"ID": lease})["grantedTTL"]
        await session.deregister(instance())


async def test_an_instance_keeps_its_lease(etcd: Member) -> None:
    """Registered again, it is another value under the same lease; another ttl needs another."""
    async with EtcdRegistrar(etcd.url).session() as session:
        await session.register(instance())
        lease = lease_of(etcd)
        await session.register(instance(B))
        assert [B] == [one.url for one in await first(EtcdDiscovery(etcd.url), "users")]
        assert lease == lease_of(etcd)
        longer = Instance(service="users", endpoint=Endpoint(B), id="a", ttl=90.0)
        await session.register(longer)
        assert lease != lease_of(etcd)


async def test_renewing_keeps_the_lease_alive(etcd: Member) -> None:
    """A heartbeat gives the lease its whole time again."""
    async with EtcdRegistrar(etcd.url).session() as session:
        assert not await session.renew(instance())
        await session.register(instance())
        assert await session.renew(instance())


async def test_a_lease_that_ended_is_noticed(etcd: Member) -> None:
    """The heartbeat says so, and the instance registers with another lease."""
    async with EtcdRegistrar(etcd.url).session() as session:
        await session.register(instance())
        etcd.call("/lease/revoke", {"ID": lease_of(etcd)})
        assert not await session.renew(instance())
        await session.register(instance())
        assert [KEY] == etcd.keys(f"{PREFIX}/users/")
        etcd.call("/lease/revoke", {"ID": lease_of(etcd)})
        # Without a heartbeat in between the loss shows when the value is put.
        await session.register(instance())
        assert [KEY] == etcd.keys(f"{PREFIX}/users/")
        etcd.call("/lease/revoke", {"ID": lease_of(etcd)})
        await session.deregister(instance())


async def test_a_key_that_somebody_deleted_is_noticed(etcd: Member) -> None:
    """A lease outlives its key, which is put again."""
    async with EtcdRegistrar(etcd.url).session() as session:
        await session.register(instance())
        lease = lease_of(etcd)
        etcd.delete(KEY)
        assert not await session.renew(instance())
        await session.register(instance())
        assert lease == lease_of(etcd)


async def test_a_successor_is_left_alone(etcd: Member) -> None:
    """Whoever took over the key keeps it when its former owner leaves."""
    registrar = EtcdRegistrar(etcd.url)
    async with registrar.session() as old, registrar.session() as new:
        await old.register(instance())
        await new.register(instance(B))
        assert await old.renew(instance())
        await old.deregister(instance())
        assert [B] == [one.url for one in await first(EtcdDiscovery(etcd.url), "users")]
        assert await new.renew(instance(B))


async def test_a_key_of_unknown_lease_is_deleted(etcd: Member) -> None:
    """What another session registered is forgotten as well, and what nobody did is no error."""
    registrar = EtcdRegistrar(etcd.url)
    async with registrar.session() as session:
        await session.register(instance())
    async with registrar.session() as session:
        for _ in range(2):
            await session.deregister(instance())
            assert [] == etcd.keys(f"{PREFIX}/users/")


async def test_a_server_that_is_away_is_an_error(etcd: Member) -> None:
    """Each method raises, with the service and the address."""
    registrar = EtcdRegistrar("http://127.0.0.1:1")
    async with registrar.session() as session:
        for method in (session.register, session.deregister):
            with pytest.raises(DiscoveryError, match=r"etcd answers: http://127\.0\.0\.1:1: ") as e:
                await method(instance())
            assert ("users", "etcd") == (e.value.service, e.value.source)


@SLOW
async def test_a_restart_is_survived(etcd: Member) -> None:
    """A server that kept its data knows the lease; one that lost them is told again."""
    async with EtcdRegistrar(etcd.url).session() as session:
        await session.register(instance())
        etcd.kill()
        with pytest.raises(DiscoveryError, match="no member of etcd answers"):
            await session.renew(instance())
        await anyio.to_thread.run_sync(etcd.start)
        assert await session.renew(instance())
        etcd.kill()
        shutil.rmtree(etcd.data)
        await anyio.to_thread.run_sync(etcd.start)
        assert not await session.renew(instance())
        await session.register(instance())
        assert [KEY] == etcd.keys(f"{PREFIX}/users/")


def test_a_server_that_lost_everything_is_told_again(etcd: Member) -> None:
    """The heartbeat of a running registration does so by itself."""
    with register("users", A, at={"etcd": {"addresses": etcd.url}}, ttl=1.0) as registration:
        assert registration.wait(30.0)
        etcd.kill()
        shutil.rmtree(etcd.data)
        etcd.start()
        wait_until("it is registered again", lambda: etcd.keys(f"{PREFIX}/users/") != [])
    assert [] == etcd.keys(f"{PREFIX}/users/")


PROCESS = """
    import sys
    from meshlib import register

    at = {"etcd": {"addresses": sys.argv[1]}}
    with register("users", "http://127.0.0.1:8001", at=at, ttl=3.0) as registration:
        print(registration.wait(30.0), flush=True)
        sys.stdin.read()
"""


@SLOW
async def test_a_killed_process_vanishes_within_its_time(etcd: Member) -> None:
    """Nobody says goodbye for it, and everybody knows when its time to live is over."""
    async with following(EtcdDiscovery(etcd.url), "users") as seen:
        process = started(etcd)
        try:
            await seen.until_urls(A)
            assert process.stdout is not None
            assert b"True\n" == await anyio.to_thread.run_sync(process.stdout.readline)
        finally:
            process.kill()
            process.communicate()
        assert {A} == seen.urls
        await seen.until(lambda: seen.lists[-1] == (), within=3.0)


def started(etcd: Member) -> subprocess.Popen[bytes]:
    """A process that registers itself, and says so."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROCESS), etcd.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
