"""Files as a store: several processes, links, crashes, and what cannot be read."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.to_thread
import pytest

from meshlib import StoreError
from meshlib.config.store import FileStore, StoreKey, _replace
from meshlib.discovery import Timing
from support import FakeClock

PATIENCE = 30.0
COUNTER = """
import sys, anyio
from meshlib.config.store import FileStore, StoreKey

async def count(directory, times):
    key = StoreKey(FileStore(directory, timeout=60.0), "counter")
    won = 0
    while won < times:
        stored = await key.get()
        value, version = (0, None) if stored is None else (int(stored.content), stored.version)
        won += await key.compare_and_set(b"%d" % (value + 1), version)

anyio.run(count, sys.argv[1], int(sys.argv[2]))
"""


def names(directory: Path) -> set[str]:
    """What there is in *directory*."""
    return {one.name for one in directory.iterdir()}


async def test_processes_that_count_together_miss_nothing(tmp_path: Path) -> None:
    """Compare and replace is one step between processes: each number is written once."""
    processes, times = 4, 25
    command = [sys.executable, "-c", COUNTER, str(tmp_path), str(times)]

    def count() -> None:
        running = [subprocess.Popen(command) for _ in range(processes)]
        assert [0] * processes == [one.wait(PATIENCE * 2) for one in running]

    await anyio.to_thread.run_sync(count)
    assert b"100" == (tmp_path / "counter").read_bytes()
    assert {"counter", ".meshlib.lock"} == names(tmp_path)


async def test_a_config_map_that_is_swapped_is_seen(tmp_path: Path) -> None:
    """Kubernetes replaces the link that a mounted file leads through."""
    for name in ("one", "two"):
        directory = tmp_path / f"..{name}"
        directory.mkdir()
        (directory / "mesh.yaml").write_text(f"name: {name}")
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "mesh.yaml").symlink_to("..data/mesh.yaml")
    key = StoreKey(FileStore(tmp_path), "mesh.yaml")
    async with aclosing(cast("Any", key.watch())) as contents:
        with anyio.fail_after(PATIENCE):
            assert b"name: one" == (await anext(contents)).content
            (tmp_path / "..tmp").symlink_to("..two")
            (tmp_path / "..tmp").rename(tmp_path / "..data")
            stored = await anext(contents)
    assert b"name: two" == stored.content
    assert stored == await key.get()


async def test_a_file_that_others_replace_is_seen(tmp_path: Path) -> None:
    """A rename by an editor is a change like any other, and so is deleting it."""
    key = StoreKey(FileStore(tmp_path), "mesh.yaml")
    async with aclosing(cast("Any", key.follow())) as contents:
        with anyio.fail_after(PATIENCE):
            assert await anext(contents) is None
            (tmp_path / "new").write_text("one")
            (tmp_path / "new").rename(tmp_path / "mesh.yaml")
            assert b"one" == (await anext(contents)).content
            (tmp_path / "mesh.yaml").unlink()
            assert await anext(contents) is None


async def test_what_a_link_leads_to_is_replaced(tmp_path: Path) -> None:
    """The link stays, and so does the mode of the file."""
    real = tmp_path / "real" / "mesh.yaml"
    real.parent.mkdir()
    real.write_text("one")
    real.chmod(0o640)
    (tmp_path / "mesh.yaml").symlink_to(real)
    key = StoreKey(FileStore(tmp_path), "mesh.yaml")
    stored = await key.get()
    assert stored is not None
    assert await key.compare_and_set(b"two", stored.version)
    assert (tmp_path / "mesh.yaml").is_symlink()
    assert "two" == real.read_text()
    assert 0o640 == stat.S_IMODE(real.stat().st_mode)


async def test_a_new_file_has_the_mode_of_new_files(tmp_path: Path) -> None:
    """Not that of a temporary one, which nobody else could read."""
    (tmp_path / "other").touch()
    await StoreKey(FileStore(tmp_path), "mesh.yaml").compare_and_set(b"one", None)
    modes = [(tmp_path / name).stat().st_mode for name in ("other", "mesh.yaml")]
    assert modes[0] == modes[1]


async def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, say: no half of a file, and nothing beside it."""
    key = StoreKey(FileStore(tmp_path), "mesh.yaml")
    await key.compare_and_set(b"one", None)
    stored = await key.get()
    assert stored is not None

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"mesh\.yaml: No space left on device") as caught:
        await key.compare_and_set(b"two", stored.version)
    assert str(tmp_path / "mesh.yaml") == caught.value.store
    assert await key.get() == stored
    assert {"mesh.yaml", ".meshlib.lock"} == names(tmp_path)


async def test_a_lock_that_is_held_is_waited_for(tmp_path: Path) -> None:
    """Only so long; and whoever asks again finds it free."""
    waits: list[float] = []
    clock = FakeClock()
    path = tmp_path / "mesh.yaml"
    store = FileStore(tmp_path, timeout=1.0, _timing=Timing(clock=clock, sleep=cast("Any", None)))

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.advance(seconds)

    object.__setattr__(store._timing, "sleep", sleep)

    def hold(_: Path) -> Any:
        async def attempt() -> None:
            await store.compare_and_set("mesh.yaml", b"one", None)

        return attempt

    with _replace._lock(tmp_path / _replace.LOCK), pytest.raises(StoreError, match="for 1 s"):
        await hold(path)()
    assert sum(waits) >= 1.0
    assert max(waits) <= 0.1
    assert not path.exists()
    await hold(path)()
    assert "one" == path.read_text()


async def test_a_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than to replace what somebody else has just written."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(StoreError, match="POSIX systems only"):
        await FileStore(tmp_path).compare_and_set("mesh.yaml", b"one", None)


@pytest.mark.parametrize("key", ["../mesh.yaml", "/etc/passwd", "a/../../b"])
async def test_a_key_stays_below_its_directory(tmp_path: Path, key: str) -> None:
    """A key may come from a document."""
    with pytest.raises(StoreError, match="below its directory"):
        await FileStore(tmp_path).get(key)


async def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """A directory in the place of the file, a file in that of the directory."""
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").touch()
    store = FileStore(tmp_path)
    with pytest.raises(StoreError, match="directory: Is a directory"):
        await store.get("directory")
    with pytest.raises(StoreError, match="Not a directory"):
        await store.names("file/")
    with pytest.raises(StoreError, match="directory: Is a directory"):
        await anext(cast("Any", store.watch("directory")))
