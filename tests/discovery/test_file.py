"""Endpoints from a file, however it is replaced."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest

from meshlib import ConfigurationError, DiscoveryError, Endpoint
from meshlib.discovery import FileDiscovery, Supervisor, Timing, watch_file
from meshlib.discovery import _file_watcher as watcher
from support import FakeClock

PATIENCE = 30.0
"""Seconds after which a change that was not seen fails a test."""


async def soon(iterator: AsyncIterator[Any]) -> Any:
    """The next thing that *iterator* sends."""
    with anyio.fail_after(PATIENCE):
        return await anext(iterator)


def watching(path: Path) -> Any:
    """What the file at *path* holds, as a context that ends the watch."""
    contents: Any = watch_file(path)
    return aclosing(contents)


def urls(endpoints: Sequence[Endpoint]) -> list[str]:
    """The URLs of *endpoints*."""
    return [endpoint.url for endpoint in endpoints]


def replace(path: Path, text: str) -> None:
    """Write *text* to *path* as editors and deployments do: by a rename."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)


@pytest.fixture(params=["events", "polling"])
def eyes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways in which a change is noticed."""
    if request.param == "polling":

        def refuse(*args: object) -> None:
            raise OSError("inotify watch limit reached")

        monkeypatch.setattr(watcher, "RustNotify", refuse)
        monkeypatch.setattr(watcher, "_POLL", 0.01)
    else:
        # A look at times must not be what makes these tests pass.
        monkeypatch.setattr(watcher, "_CHECK", 3600.0)
        monkeypatch.setattr(watcher, "_POLL", 3600.0)
    return str(request.param)


async def test_written_and_replaced_content_is_seen(tmp_path: Path, eyes: str) -> None:
    """Writing in place and renaming over it are both changes."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"1")
    async with watching(path) as contents:
        assert b"1" == await soon(contents)
        path.write_bytes(b"2")
        seen = await soon(contents)
        while seen == b"":  # between truncating and writing
            seen = await soon(contents)
        assert b"2" == seen
        replace(path, "3")
        assert b"3" == await soon(contents)


async def test_deleted_file_is_told_once_and_seen_again(tmp_path: Path, eyes: str) -> None:
    """A file that is gone is an error, and its return is a change."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"1")
    async with watching(path) as contents:
        assert b"1" == await soon(contents)
        path.unlink()
        assert isinstance(await soon(contents), FileNotFoundError)
        replace(path, "1")
        assert b"1" == await soon(contents)


async def test_swapped_link_is_seen(tmp_path: Path, eyes: str) -> None:
    """A mounted ConfigMap changes by a link to its directory, not by the file."""
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.txt").write_text(version)
    (tmp_path / "..data").symlink_to("v1")
    path = tmp_path / "a.txt"
    path.symlink_to("..data/a.txt")
    async with watching(path) as contents:
        assert b"v1" == await soon(contents)
        (tmp_path / "..new").symlink_to("v2")
        (tmp_path / "..new").replace(tmp_path / "..data")
        assert b"v2" == await soon(contents)
        replace(tmp_path / "v2" / "a.txt", "v3")
        assert b"v3" == await soon(contents)


async def test_link_on_the_way_is_seen(tmp_path: Path, eyes: str) -> None:
    """A link to a directory above the file may be what is swapped."""
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.txt").write_text(version)
    (tmp_path / "current").symlink_to("v1")
    async with watching(tmp_path / "current" / "a.txt") as contents:
        assert b"v1" == await soon(contents)
        (tmp_path / "new").symlink_to("v2")
        (tmp_path / "new").replace(tmp_path / "current")
        assert b"v2" == await soon(contents)


async def test_missing_directory_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be watched yet, a look at times finds it."""
    monkeypatch.setattr(watcher, "_POLL", 0.01)
    path = tmp_path / "etc" / "a.txt"
    async with watching(path) as contents:
        assert isinstance(await soon(contents), FileNotFoundError)
        path.parent.mkdir()
        path.write_bytes(b"1")
        seen = await soon(contents)
        assert b"1" == (seen or await soon(contents))


async def test_same_content_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event after which the file says what it said before is none."""
    told: list[Any] = [b"1", b"1", OSError(2, "a"), OSError(2, "b"), OSError(5, "c"), b"2"]
    monkeypatch.setattr(watcher.FileWatcher, "read", lambda self, wait: told.pop(0))
    async with watching(tmp_path / "a.txt") as contents:
        assert [b"1", "a", "c", b"2"] == [
            getattr(content, "strerror", content)
            for content in [await soon(contents) for _ in range(4)]
        ]


async def test_shared_watch_that_begins_again_tells_news_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When another reader takes the watch over, what all know already is no new version."""
    from meshlib.discovery import _shared_file

    scripts = [[b"1", RuntimeError("lost")], [b"1", b"2"]]

    async def scripted(path: str) -> Any:
        for step in scripts.pop(0):
            if isinstance(step, Exception):
                raise step
            yield step

    monkeypatch.setattr(_shared_file, "watch_file", scripted)
    shared = _shared_file.SharedFile("x")
    shared.join()
    assert (1, b"1") == await shared.newer(0)
    with pytest.raises(RuntimeError, match="lost"):
        await shared.newer(1)
    assert (2, b"2") == await shared.newer(1)
    await shared.leave()


async def test_watch_that_breaks_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the notifier costs a moment, not the watch."""
    made: list[object] = []

    class Breaking:
        def __init__(self, *args: object) -> None:
            made.append(self)

        def watch(self, *args: object) -> set[object]:
            if len(made) == 1:
                path.write_bytes(b"2")
                raise RuntimeError("lost")
            return set()

        def close(self) -> None: ...

    monkeypatch.setattr(watcher, "RustNotify", Breaking)
    monkeypatch.setattr(watcher, "_POLL", 0.0)
    path = tmp_path / "a.txt"
    path.write_bytes(b"1")
    async with watching(path) as contents:
        assert b"1" == await soon(contents)
        assert b"2" == await soon(contents)

    assert 2 == len(made)


async def test_cancelled_wait_ends_at_once_and_frees_the_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait is abandoned when cancelled, and its thread closes what it used."""
    closed = threading.Event()
    notify = watcher.RustNotify

    class Notify:
        def __init__(self, *args: Any) -> None:
            self.inner = notify(*args)

        def watch(self, *args: Any) -> object:
            return self.inner.watch(*args)

        def close(self) -> None:
            self.inner.close()
            closed.set()

    monkeypatch.setattr(watcher, "RustNotify", Notify)
    (tmp_path / "a.txt").write_bytes(b"1")
    async with watching(tmp_path / "a.txt") as contents:
        assert b"1" == await soon(contents)
        async with anyio.create_task_group() as group:
            group.start_soon(anext, contents)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()

    assert closed.wait(PATIENCE)


def test_stopped_watcher_stays_stopped(tmp_path: Path) -> None:
    """Stopping twice is fine, and reading after it leaves nothing open."""
    (tmp_path / "a.txt").write_bytes(b"1")
    stopped = watcher.FileWatcher(tmp_path / "a.txt")
    stopped.stop()
    stopped.stop()

    assert b"1" == stopped.read(False)
    assert stopped._notify is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "users: ['http://a', {url: 'http://b', weight: 2}]"),
        ("a.yaml", "services: {Users: {endpoints: ['http://a', {url: 'http://b', weight: 2}]}}"),
        ("a.json", '{"services": {"users": ["http://a", {"url": "http://b", "weight": 2}]}}'),
        ("a.toml", "users = ['http://a', {url = 'http://b', weight = 2}]"),
    ],
)
async def test_file_lists_endpoints(tmp_path: Path, name: str, text: str) -> None:
    """Every format and both layouts say the same."""
    (tmp_path / name).write_text(text)
    async with aclosing(FileDiscovery(tmp_path / name).watch("users")) as snapshots:  # type: ignore[type-var]  # the protocol promises an iterator, and this is a generator
        assert (Endpoint("http://a"), Endpoint("http://b", weight=2)) == await soon(snapshots)


async def test_service_that_is_not_in_the_file_has_no_endpoints(tmp_path: Path) -> None:
    """The file answers for every service; one may also be a heading without a list."""
    (tmp_path / "a.yaml").write_text("users: {}\nservices: ['http://s']")
    source = FileDiscovery(tmp_path / "a.yaml")
    for service, expected in (("users", ()), ("orders", ()), ("services", ("http://s",))):
        generator: Any = source.watch(service)
        async with aclosing(generator) as snapshots:
            assert list(expected) == urls(await soon(snapshots))


async def test_only_changes_of_the_service_are_sent(tmp_path: Path, eyes: str) -> None:
    """All services share one watch, and each hears only of its own endpoints."""
    path = tmp_path / "a.yaml"
    replace(path, "a: ['http://a1']\nb: ['http://b1']")
    source = FileDiscovery(path)
    send, receive = anyio.create_memory_object_stream[tuple[str, list[str]]](100)

    async def follow(service: str) -> None:
        generator: Any = source.watch(service)
        async with aclosing(generator) as snapshots:
            async for endpoints in snapshots:
                await send.send((service, urls(endpoints)))

    async with anyio.create_task_group() as group:
        with send, receive:
            group.start_soon(follow, "a")
            group.start_soon(follow, "b")
            first = {(await soon(receive))[0], (await soon(receive))[0]}
            assert {"a", "b"} == first
            replace(path, "a: ['http://a2']\nb: ['http://b1']")
            assert ("a", ["http://a2"]) == await soon(receive)
            replace(path, "a: ['http://a2']\nb: ['http://b2']")
            assert ("b", ["http://b2"]) == await soon(receive)
            group.cancel_scope.cancel()


async def test_one_reader_may_leave_while_another_waits(tmp_path: Path) -> None:
    """When the one who waits for all is cancelled, the next one takes over."""
    path = tmp_path / "a.yaml"
    replace(path, "a: ['http://a1']")
    source = FileDiscovery(path)
    one: Any = source.watch("a")
    other: Any = source.watch("a")
    async with aclosing(one), aclosing(other):
        await soon(one)
        await soon(other)
        async with anyio.create_task_group() as group:
            group.start_soon(anext, one)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        replace(path, "a: ['http://a2']")
        assert ["http://a2"] == urls(await soon(other))


class Supervised:
    """A supervisor over a file, whose events a test can wait for."""

    def __init__(self, path: Path) -> None:
        send, self.heard = anyio.create_memory_object_stream[Any](100)
        clock = FakeClock()
        self.supervisor = Supervisor(
            FileDiscovery(path),
            "users",
            publish=lambda endpoints: send.send_nowait(urls(endpoints)),
            on_event=lambda event: send.send_nowait(event.error),  # type: ignore[attr-defined]  # only DiscoveryFailed is sent
            timing=Timing(clock, clock.asleep, random.Random(1)),
        )
        self.send = send


async def test_bad_file_keeps_the_watch_alive(tmp_path: Path, eyes: str) -> None:
    """A broken file is told, changes nothing, and the next good version is seen."""
    path = tmp_path / "a.yaml"
    replace(path, "users: ['http://a']")
    bench = Supervised(path)
    with bench.send, bench.heard:
        async with anyio.create_task_group() as group:
            group.start_soon(bench.supervisor.run)
            assert ["http://a"] == await soon(bench.heard)

            replace(path, "users: [")
            error = await soon(bench.heard)
            assert isinstance(error, DiscoveryError)
            assert str(path) in str(error)

            replace(path, "users: ['b:1']")
            error = await soon(bench.heard)
            assert f"{path}: users[0]" in str(error)

            path.unlink()
            assert "no such file" in str(await soon(bench.heard))

            replace(path, "users: ['http://b']")
            assert ["http://b"] == await soon(bench.heard)
            assert bench.supervisor.status.error is None
            group.cancel_scope.cancel()


async def test_bad_file_is_told_again_at_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that stays bad is not told once and forgotten."""
    from meshlib.discovery import _file

    monkeypatch.setattr(_file, "_REMINDER", 0.0)
    source = FileDiscovery(tmp_path / "a.yaml")
    for _ in range(2):
        generator: Any = source.watch("users")
        with pytest.raises(DiscoveryError, match="no such file"):
            await soon(generator)


async def test_document_is_parsed_once_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred services in one file do not cost a hundred parses."""
    from meshlib.discovery import _file

    parsed: list[bytes] = []
    parse = _file.parse_document
    monkeypatch.setattr(_file, "parse_document", lambda c, name: parsed.append(c) or parse(c, name))
    (tmp_path / "a.yaml").write_text("a: ['http://a']")
    source = FileDiscovery(os.fspath(tmp_path / "a.yaml"))
    for service in ("a", "b", "c"):
        generator: Any = source.watch(service)
        async with aclosing(generator) as snapshots:
            await soon(snapshots)

    assert 1 == len(parsed)


def test_path_is_needed() -> None:
    """What is no path is refused when the source is made."""
    with pytest.raises(ConfigurationError, match="path is needed"):
        FileDiscovery(3)  # type: ignore[arg-type]  # that is the test
