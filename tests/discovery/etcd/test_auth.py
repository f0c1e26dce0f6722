"""Users and their tokens, at a real etcd that asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from meshlib import DiscoveryError, Endpoint
from meshlib.discovery.etcd import EtcdDiscovery, EtcdRegistrar
from meshlib.discovery.registration import Instance
from support.real.etcd import PREFIX, Member, root_token, users
from support.real.following import first, following
from support.real.relay import Relay

A, B = (f"http://127.0.0.1:{port}" for port in (8001, 8002))
PASSWORD = "mesh's"


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    """One etcd for all tests of this module."""
    with Member(tmp_path_factory.mktemp("etcd")) as member:
        yield member


@pytest.fixture
def root(etcd: Member) -> Iterator[str]:
    """A token of root, while only root and the user `mesh` may do anything."""
    with users(etcd, mesh=PASSWORD) as token:
        etcd.set(f"{PREFIX}/users/a", A, token)
        yield token
        etcd.call("/kv/deleterange", {"key": "AA==", "range_end": "AA=="}, root_token(etcd))


def source(etcd: Member, **settings: str) -> EtcdDiscovery:
    """A source that authenticates as the user `mesh`."""
    return EtcdDiscovery(etcd.url, **{"username": "mesh", "password": PASSWORD, **settings})  # type: ignore[arg-type]  # texts only


async def test_a_role_for_the_prefix_suffices(etcd: Member, root: str) -> None:
    """Registering and watching need to read and write the keys of services, no more."""
    registrar = EtcdRegistrar(etcd.url, username="mesh", password=PASSWORD)
    instance = Instance(service="users", endpoint=Endpoint(B), id="b", ttl=60.0)
    async with following(source(etcd), "users") as seen, registrar.session() as session:
        await seen.until_urls(A)
        await session.register(instance)
        await seen.until_urls(A, B, within=1.0)
        assert await session.renew(instance)
        await session.deregister(instance)
        await seen.until_urls(A, within=1.0)


async def test_other_keys_are_forbidden(etcd: Member, root: str) -> None:
    """What the role does not allow is an error that says so."""
    with pytest.raises(DiscoveryError, match=f"{etcd.url} refused: etcdserver: permission denied"):
        await first(source(etcd, prefix="/elsewhere"), "users")


async def test_a_wrong_password_is_said_plainly(etcd: Member, root: str) -> None:
    """The error names the user and the server, and not the password."""
    with pytest.raises(DiscoveryError) as error:
        await first(source(etcd, password="guessed"), "users")
    assert "authentication failed, invalid user ID or password (user 'mesh')" in str(error.value)
    assert etcd.url in str(error.value)
    assert "guessed" not in str(error.value)


async def test_no_user_is_said_plainly(etcd: Member, root: str) -> None:
    """A cluster that asks for a user gets one only if the settings name him."""
    with pytest.raises(DiscoveryError, match="user name is empty; set username and password"):
        await first(EtcdDiscovery(etcd.url), "users")


async def test_a_user_where_none_is_asked_for(etcd: Member) -> None:
    """Authentication that is not enabled yet is no reason to fail."""
    etcd.set(f"{PREFIX}/users/a", A)
    assert [A] == [one.url for one in await first(source(etcd), "users")]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # it takes a while
async def test_a_token_that_is_lost_is_fetched_anew(etcd: Member, root: str) -> None:
    """A server that was started again knows no token; the watch goes on, nothing is reported."""
    with Relay(int(etcd.url.rpartition(":")[2])) as relay:
        follower = EtcdDiscovery(relay.url, timeout="1m", username="mesh", password=PASSWORD)
        async with following(follower, "users") as seen:
            await seen.until_urls(A)
            etcd.set(f"{PREFIX}/users/b", B, root)
            await seen.until_urls(A, B)
            relay.cut()
            etcd.kill()
            await anyio.to_thread.run_sync(etcd.start)
            etcd.set(f"{PREFIX}/users/a", f"{A}/again", root_token(etcd))
            relay.mend()
            await seen.until_urls(f"{A}/again", B)


async def test_a_token_outlives_what_gave_it(etcd: Member) -> None:
    """Authentication that is disabled, and enabled again, is followed without a new source."""
    follower = source(etcd)
    for _ in range(2):
        with users(etcd, mesh=PASSWORD) as token:
            etcd.set(f"{PREFIX}/users/a", A, token)
            assert [A] == [one.url for one in await first(follower, "users")]
        assert [A] == [one.url for one in await first(follower, "users")]


async def test_many_watches_share_a_token(
    etcd: Member, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is checked once, however many services are watched."""
    with Relay(int(etcd.url.rpartition(":")[2])) as relay:
        follower = EtcdDiscovery(relay.url, timeout="1m", username="mesh", password=PASSWORD)
        credentials = follower._cluster.credentials
        assert credentials is not None
        fetch, fetched = credentials._fetch, []

        async def noted(authenticate: Any) -> str:
            fetched.append(1)
            return await fetch(authenticate)

        monkeypatch.setattr(credentials, "_fetch", noted)
        async with (
            following(follower, "users") as one,
            following(follower, "users") as two,
            following(follower, "others") as three,
        ):
            await one.until_urls(A)
            await two.until_urls(A)
            await three.until(lambda: three.lists == [()])
        assert [1] == fetched


async def test_a_password_file_is_read_for_each_token(
    etcd: Member, root: str, tmp_path: Path
) -> None:
    """A password that is changed in both places is used from the next token on."""
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    follower = EtcdDiscovery(etcd.url, username="mesh", password_file=str(file))
    assert [A] == [one.url for one in await first(follower, "users")]
    etcd.call("/auth/user/changepw", {"name": "mesh", "password": "another"}, root)
    file.write_text("another")
    assert [A] == [one.url for one in await first(follower, "users")]


async def test_a_password_file_that_is_missing(etcd: Member, tmp_path: Path) -> None:
    """The error names the file."""
    follower = EtcdDiscovery(etcd.url, username="mesh", password_file=str(tmp_path / "none"))
    with pytest.raises(DiscoveryError, match=r"password cannot be read: .*none"):
        await first(follower, "users")
