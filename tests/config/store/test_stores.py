"""What every store does, on real servers and on both event loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

from meshlib.config.store import (
    ConsulStore,
    EtcdStore,
    FileStore,
    MemoryStore,
    Store,
    Stored,
    StoreKey,
)
from support.real.consul import ConsulAgent
from support.real.etcd import Member

PATIENCE = 30.0
"""Seconds after which a wait is given up as hanging; a passing test never gets near it."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Start each server that is asked for, once."""
    started: dict[str, Any] = {}

    def server(kind: str) -> Any:
        if kind not in started:
            directory = tmp_path_factory.mktemp(kind)
            made: Any = Member(directory) if kind == "etcd" else ConsulAgent(directory)
            started[kind] = made.__enter__()
        return started[kind]

    yield server
    for one in started.values():
        one.__exit__()


@pytest.fixture(params=["memory", "file", "etcd", "consul"])
def store(request: pytest.FixtureRequest, servers: Callable[[str], Any], tmp_path: Path) -> Store:
    """One store of each kind."""
    if request.param == "memory":
        return MemoryStore()
    if request.param == "file":
        return FileStore(tmp_path)
    url = servers(request.param).url
    return EtcdStore(url) if request.param == "etcd" else ConsulStore(url)


@pytest.fixture
def key(request: pytest.FixtureRequest, store: Store) -> StoreKey:
    """A key of its own for each test."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    return StoreKey(store, f"meshlib/{name}")


async def test_a_content_is_replaced_under_its_version(key: StoreKey) -> None:
    """None creates, an old version does nothing, the one that was read replaces."""
    assert await key.get() is None
    assert not await key.compare_and_set(b"never", (await _other(key)))
    assert await key.compare_and_set(b"one", None)
    assert not await key.compare_and_set(b"two", None)
    first = await key.get()
    assert first is not None
    assert b"one" == first.content
    assert await key.compare_and_set(b"two\x00\xff", first.version)
    assert not await key.compare_and_set(b"three", first.version)
    second = await key.get()
    assert second is not None
    assert b"two\x00\xff" == second.content
    assert second.version != first.version
    assert await key.compare_and_set(b"", second.version)
    third = await key.get()
    assert third is not None
    assert b"" == third.content


async def _other(key: StoreKey) -> Any:
    """The version of another key, which is none of this one."""
    other = key.beside("-other")
    assert await other.compare_and_set(b"other", None)
    stored = await other.get()
    assert stored is not None
    return stored.version


async def test_a_key_that_was_deleted_can_be_made_anew(key: StoreKey) -> None:
    """Deleting what is not there is no error either."""
    await key.delete()
    assert await key.compare_and_set(b"one", None)
    await key.delete()
    await key.delete()
    assert await key.get() is None
    assert await key.compare_and_set(b"two", None)


async def test_names_are_those_below_a_prefix(key: StoreKey) -> None:
    """Not those whose prefix only begins the same."""
    prefix = f"{key.key}.history/"
    assert [] == await key.store.names(prefix)
    for suffix in (".history/1", ".history/2", ".historyx", "x"):
        assert await key.beside(suffix).compare_and_set(b"x", None)
    assert [f"{prefix}1", f"{prefix}2"] == await key.store.names(prefix)


async def test_each_change_is_seen(key: StoreKey) -> None:
    """A watch begins with what is there, even if that is nothing, and goes on."""
    async with aclosing(cast("Any", key.follow())) as contents:
        with anyio.fail_after(PATIENCE):
            assert await anext(contents) is None
            assert await key.compare_and_set(b"one", None)
            stored = await anext(contents)
            assert await key.get() == stored
            assert await key.compare_and_set(b"two", stored.version)
            stored = await anext(contents)
            assert b"two" == stored.content
            await key.delete()
            assert await anext(contents) is None
            assert await key.compare_and_set(b"two", None)
            assert b"two" == (await anext(contents)).content


async def test_the_last_of_many_changes_is_seen(key: StoreKey) -> None:
    """Whoever is slow misses some, never the last."""
    last: list[Stored] = []
    done = anyio.Event()

    async def watch() -> None:
        async with aclosing(cast("Any", key.watch())) as contents:
            async for stored in contents:
                last.append(stored)
                if b"9" == stored.content:
                    done.set()
                    return

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            version = None
            for number in range(10):
                assert await key.compare_and_set(str(number).encode(), version)
                stored = await key.get()
                assert stored is not None
                version = stored.version
            await done.wait()
    numbers = [int(stored.content) for stored in last]
    assert sorted(set(numbers)) == numbers


async def test_exactly_one_wins_each_version(key: StoreKey) -> None:
    """Of several that change a content at once, also to the same one."""
    rounds, racers = 5, 6
    for number in range(rounds):
        stored = await key.get()
        version = None if stored is None else stored.version
        wins: list[bool] = []

        async def race(
            content: bytes = b"round %d" % number, version: Any = version, wins: Any = wins
        ) -> None:
            wins.append(await key.compare_and_set(content, version))

        async with anyio.create_task_group() as group:
            for _ in range(racers):
                group.start_soon(race)
        assert [False] * (racers - 1) + [True] == sorted(wins)
