"""A cluster of three real members, which fail while they are watched."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import anyio.to_thread
import httpx
import pytest

from meshlib import DiscoveryError, Endpoint
from meshlib.discovery._timing import Timing
from meshlib.discovery.etcd import EtcdDiscovery, EtcdRegistrar
from meshlib.discovery.registration import Instance
from support.real.etcd import PREFIX, Cluster, Member
from support.real.following import following

A, B, C = (f"http://127.0.0.1:{port}" for port in (8001, 8002, 8003))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three members for all tests of this module; each test leaves them alive."""
    with Cluster(tmp_path_factory.mktemp("etcd")) as members:
        yield members


class First(random.Random):
    """A chance that always falls on the first."""

    def randrange(self, *arguments: object) -> int:
        """The first of whatever there is."""
        return 0


FIRST = Timing(rng=First())


async def test_another_member_takes_over(cluster: Cluster, anyio_backend_name: str) -> None:
    """The member that is watched, and leads, dies; the next one goes on, nothing is reported."""
    members = cluster.leader_first()
    watched, other, _ = members
    service = f"takes-over-{anyio_backend_name}"
    other.set(f"{PREFIX}/{service}/a", A)
    source = EtcdDiscovery([member.url for member in members], _timing=FIRST)
    async with following(source, service) as seen:
        await seen.until_urls(A)
        watched.kill()
        try:
            await anyio.to_thread.run_sync(patiently_set, other, f"{PREFIX}/{service}/b", B)
            await seen.until_urls(A, B)
            assert seen.error is None
        finally:
            await anyio.to_thread.run_sync(watched.start)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # it takes a while
async def test_a_frozen_member_is_left(cluster: Cluster) -> None:
    """A member that accepts and says nothing is left for the next one after its time."""
    frozen, other, _ = cluster.members
    other.set(f"{PREFIX}/frozen/a", A)
    source = EtcdDiscovery(cluster.urls, timeout="500ms", idle_timeout="300ms", _timing=FIRST)
    async with following(source, "frozen") as seen:
        await seen.until_urls(A)
        frozen.program.freeze()
        try:
            await anyio.to_thread.run_sync(patiently_set, other, f"{PREFIX}/frozen/b", B)
            await seen.until_urls(A, B)
            assert seen.error is None
        finally:
            frozen.program.thaw()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # it takes a while
async def test_a_lease_is_kept_by_any_member(cluster: Cluster) -> None:
    """The registrar goes on with another member, and its lease with it."""
    first, second, third = cluster.members
    instance = Instance(service="kept", endpoint=Endpoint(A), id="a", ttl=60.0)
    registrar = EtcdRegistrar(cluster.urls, _timing=FIRST)
    async with registrar.session() as session:
        await session.register(instance)
        first.kill()
        try:
            with anyio.fail_after(30.0):
                while not await renewed(session, instance):
                    pass
            assert [f"{PREFIX}/kept/a"] == third.keys(f"{PREFIX}/kept/")
        finally:
            await anyio.to_thread.run_sync(first.start)
        await session.deregister(instance)
    assert [] == second.keys(f"{PREFIX}/kept/")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # it takes a while
async def test_a_member_without_the_others_knows_nothing(cluster: Cluster) -> None:
    """One member of three has no leader; that is a failure, not an old answer."""
    left, second, third = cluster.members
    left.set(f"{PREFIX}/alone/a", A)
    source = EtcdDiscovery(left.url, _timing=Timing(sleep=no_pause))
    async with following(source, "alone") as seen:
        await seen.until_urls(A)
        second.kill()
        third.kill()
        try:
            error = await seen.until_error()
        finally:
            await anyio.to_thread.run_sync(start_all, second, third)
        assert isinstance(error, DiscoveryError)
        assert f"{left.url}: etcdserver: no leader" in str(error)


async def no_pause(seconds: float) -> None:
    """Wait for no election."""


async def renewed(session: object, instance: Instance) -> bool:
    """Whether a heartbeat got through; an election may be under way."""
    try:
        return bool(await session.renew(instance))  # type: ignore[attr-defined]  # of a session
    except DiscoveryError:
        return False


def patiently_set(member: Member, key: str, value: str) -> None:
    """Set *key* once a leader has been elected; what the old one was asked for is lost."""
    while True:
        try:
            member.set(key, value, timeout=0.3)
        except (AssertionError, httpx.TimeoutException):
            continue
        return


def start_all(*members: Member) -> None:
    """Start *members* at the same time: neither is healthy before the other is there."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(Member.start, members))
