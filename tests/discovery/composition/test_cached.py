"""The last endpoints on disk, for a cold start."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import anyio
import pytest

from meshlib import ConfigurationError, Endpoint
from meshlib.discovery import check_discovery, make_discovery
from meshlib.discovery._snapshot import Snapshot
from meshlib.discovery.composition import CachedDiscovery
from meshlib.discovery.composition import _cached as cached_module
from meshlib.discovery.composition._disk import Saved, load, save
from support.steered import Reader, Steered, Time, settle, until

A, B, C = (Endpoint(f"http://{name}:1") for name in "abc")
WALL = 1_700_000_000.0


@pytest.fixture
def time() -> Time:
    """Virtual time."""
    return Time()


class Bench:
    """A cached source in virtual time, on a directory of its own."""

    def __init__(self, time: Time, directory: Path) -> None:
        self.time = time
        self.directory = directory
        self.file = directory / "users.json"

    def wall(self) -> float:
        """The date."""
        return WALL + self.time.now - 1000.0

    def cached(self, source: Any, **settings: Any) -> CachedDiscovery:
        """*source* with its cache."""
        return CachedDiscovery(
            source, self.directory, _timing=self.time.timing, _wall=self.wall, **settings
        )

    def save(self, *endpoints: Endpoint, age: float) -> None:
        """Leave a file of an earlier run."""
        save(self.file, "users", endpoints, WALL - age)

    @property
    def saved(self) -> Saved | None:
        """What the file says."""
        return load(self.file.read_bytes(), "users") if self.file.exists() else None

    def holds(self, *endpoints: Endpoint, age: float = 0.0) -> bool:
        """Whether the file says just this."""
        return self.saved == Saved(endpoints, self.wall() - age)


@pytest.fixture
def bench(time: Time, tmp_path: Path) -> Bench:
    """A directory and its time."""
    return Bench(time, tmp_path)


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was warned of."""
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


async def test_lists_are_passed_on_and_written(bench: Bench, time: Time) -> None:
    """The file has the last list, and the time when it was right."""
    source = Steered("one", [A])
    async with Reader(bench.cached(source).watch("users")) as reader:
        assert [(A,)] == reader.lists
        await until(lambda: bench.holds(A))
        await until(lambda: time.next == 1.0)
        await time.advance(10)
        source.say([A, B])
        await settle()
        assert (A, B) == reader.lists[-1]
        assert (0.0, None) == (reader.lists[-1].age, reader.lists[-1].error)
        await until(lambda: bench.holds(A, B))
    assert 0 == source.open


async def test_writes_are_gathered(
    bench: Bench, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many changes within a second the last one is written; each is passed on."""
    written: list[Any] = []
    real = cached_module.save
    monkeypatch.setattr(cached_module, "save", lambda *args: (written.append(args[2]), real(*args)))
    source = Steered("one", [A])
    async with Reader(bench.cached(source).watch("users")) as reader:
        await until(lambda: bench.holds(A))
        await until(lambda: time.next == 1.0)
        source.say([A, B], [B], [B, C])
        await settle()
        assert [(A,), (A, B), (B,), (B, C)][-1] == reader.lists[-1]
        assert [(A,)] == written
        await time.advance(1.0)
        await until(lambda: bench.holds(B, C, age=1.0))
        await until(lambda: time.next == 1.0)
    assert [(A,), (B, C)] == written


async def test_last_list_is_written_when_the_watch_ends(bench: Bench, time: Time) -> None:
    """A short run leaves its file too."""
    source = Steered("one", [A])
    async with Reader(bench.cached(source).watch("users")):
        await until(lambda: bench.holds(A))
        await until(lambda: time.next == 1.0)
        source.say([B])
        await settle()
        assert bench.holds(A)
    assert bench.holds(B)


async def test_list_that_still_holds_is_written_again(bench: Bench, time: Time) -> None:
    """Or a service that never changes would look too old after a day."""
    async with Reader(bench.cached(Steered("one", [A])).watch("users")):
        await until(lambda: bench.holds(A))
        await until(lambda: time.next == 1.0)
        await time.advance(301.5)
        await until(lambda: bench.saved is not None and bench.saved.written > WALL + 300)
        assert Saved((A,), WALL + 301.0) == bench.saved


async def test_polled_list_that_still_holds_is_confirmed(bench: Bench, time: Time) -> None:
    """A source that says the same again and again has it written at times, not each time."""
    source = Steered("one", [A])
    async with Reader(bench.cached(source, max_age=400).watch("users")) as reader:
        await until(lambda: bench.holds(A))
        await until(lambda: time.next == 1.0)
        await time.advance(50)
        source.say([A])
        await settle()
        assert 2 == len(reader.lists)
        assert bench.holds(A, age=50.0)


async def test_source_that_fails_at_the_start_is_stood_in_for(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """The list of the last run is sent with its age; the failure is told all the same."""
    bench.save(A, B, age=7500.0)
    error = OSError("refused")
    async with Reader(bench.cached(Steered("one", error)).watch("users")) as reader:
        await until(lambda: reader.error)
    assert [(A, B)] == reader.lists
    assert isinstance(reader.lists[0], Snapshot)
    assert (7500.0, error) == (reader.lists[0].age, reader.lists[0].error)
    assert error is reader.error
    assert messages(caplog) == ["one for users: using 2 endpoints on disk, 2 h 5 min old: refused"]


async def test_silent_source_is_stood_in_for(
    bench: Bench, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    """After *wait*; the source goes on, and is heard as soon as it speaks."""
    bench.save(A, age=65.0)
    source = Steered("one")
    async with Reader(bench.cached(source).watch("users")) as reader:
        await time.advance(1.9)
        assert [] == reader.lists
        await time.advance(0.2)
        await until(lambda: reader.lists)
        assert 66.9 < reader.lists[0].age < 67.2  # the file is read in a thread
        source.say([B])
        await settle()
        assert [(A,), (B,)] == reader.lists
        assert 0.0 == reader.lists[1].age
        assert 1 == source.watches
        await until(lambda: bench.holds(B))
    assert ["one for users: using 1 endpoint on disk, 1 min 7 s old: it does not answer"] == (
        messages(caplog)
    )


async def test_source_that_answers_needs_no_file(bench: Bench) -> None:
    """The file is not even read."""
    bench.save(A, age=5.0)
    async with Reader(bench.cached(Steered("one", [B])).watch("users")) as reader:
        assert [(B,)] == reader.lists


async def test_empty_answer_is_an_answer(bench: Bench) -> None:
    """It replaces what is on disk: the source said that there are none."""
    bench.save(A, age=5.0)
    async with Reader(bench.cached(Steered("one", [])).watch("users")) as reader:
        assert [()] == reader.lists
        await until(bench.holds)


async def test_failure_after_an_answer_is_passed_on(bench: Bench) -> None:
    """Who watches keeps the last list, as always."""
    source, error = Steered("one", [A]), OSError("gone")
    async with Reader(bench.cached(source).watch("users")) as reader:
        source.say(error)
        await settle()
        await until(lambda: reader.error)
    assert ([(A,)], error) == (reader.lists, reader.error)
    assert bench.holds(A)


async def test_what_this_run_has_heard_is_newer_than_the_disk(
    bench: Bench, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    """Asked again, it sends the last list as old as that is, and nothing of an earlier run."""
    bench.save(A, age=9000.0)
    source = Steered("one", [B])
    cached = bench.cached(source)
    async with Reader(cached.watch("users")) as reader:
        await time.advance(100)
        source.say(OSError("gone"))
        await settle()
        await until(lambda: reader.error)
    bench.save(A, age=8000.0)
    await time.advance(30)
    source.say(OSError("refused"))
    async with Reader(cached.watch("users")) as reader:
        await until(lambda: reader.error)
    assert [(B,)] == reader.lists
    assert 30.0 == reader.lists[0].age
    assert [] == messages(caplog)


async def test_warning_comes_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A source that is down for hours is tried often, and not told each time."""
    bench.save(A, age=5.0)
    source = Steered("one", OSError("refused"), OSError("refused"))
    cached = bench.cached(source)
    for _ in range(2):
        async with Reader(cached.watch("users")) as reader:
            await until(lambda reader=reader: reader.error)
        assert [(A,)] == reader.lists
    assert 1 == len(messages(caplog))


async def test_without_a_file_the_failure_is_all(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """The first start ever has nothing to fall back on, which is no reason to warn."""
    error = OSError("refused")
    async with Reader(bench.cached(Steered("one", error)).watch("users")) as reader:
        await until(lambda: reader.error)
    assert ([], error) == (reader.lists, reader.error)
    assert [] == messages(caplog)


@pytest.mark.parametrize("what", ["corrupt", "old", "unreadable"])
async def test_useless_file_is_left_alone_with_a_warning(
    bench: Bench, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    """It is as if there were none, but a person should know."""
    if what == "corrupt":
        bench.file.write_bytes(b'{"version": 1, "serv')
    elif what == "old":
        bench.save(A, age=86401.0)
    else:
        bench.file.mkdir()
    async with Reader(bench.cached(Steered("one", OSError("refused"))).watch("users")) as reader:
        await until(lambda: reader.error)
    assert [] == reader.lists
    (message,) = messages(caplog)
    assert f"{bench.file} is of no use" in message


async def test_date_that_went_back_makes_no_negative_age(bench: Bench) -> None:
    """A file of the future is taken for a new one."""
    bench.save(A, age=-3600.0)
    async with Reader(bench.cached(Steered("one", OSError("refused"))).watch("users")) as reader:
        await until(lambda: reader.error)
    assert 0.0 < reader.lists[0].age < 1.0


async def test_disk_that_fails_fails_nothing_else(
    bench: Bench, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once; when it works again, it is used again."""
    bench.file.mkdir()
    source = Steered("one", [A])
    async with Reader(bench.cached(source).watch("users")) as reader:
        await until(lambda: messages(caplog))
        await until(lambda: time.next == 1.0)
        source.say([B])
        await time.advance(1.0)
        await until(lambda: time.next == 1.0)
        bench.file.rmdir()
        source.say([C])
        await time.advance(1.0)
        await until(lambda: bench.saved is not None)
        assert [(A,), (B,), (C,)] == reader.lists
    (message,) = messages(caplog)
    assert "the endpoints of users cannot be kept" in message


async def test_slow_disk_holds_nothing_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither reading nor writing keeps lists and failures from being passed on."""
    never = threading.Event()
    monkeypatch.setattr(cached_module, "save", lambda *args: never.wait(30))
    monkeypatch.setattr(cached_module, "load", lambda *args: never.wait(30))
    monkeypatch.setattr(cached_module, "_PATIENCE", 0.01)
    bench.save(A, age=5.0)
    source = Steered("one", [A])
    try:
        async with Reader(bench.cached(source).watch("users")) as reader:
            source.say([B])
            await settle()
            assert [(A,), (B,)] == reader.lists
        source.say(OSError("refused"))
        async with Reader(bench.cached(source).watch("users")) as reader:
            await until(lambda: reader.error)
    finally:
        never.set()
    assert "cannot be read within" in messages(caplog)[0]


async def test_closing_it_before_the_first_list_closes_the_source(bench: Bench) -> None:
    """No task and no file is left behind."""
    source = Steered("one")
    snapshots: Any = bench.cached(source).watch("users")
    with anyio.move_on_after(0.01):
        await anext(snapshots)
    assert (1, 0) == (source.watches, source.open)
    assert [] == list(bench.directory.iterdir())


async def test_services_have_files_of_their_own(bench: Bench) -> None:
    """One object caches many services."""
    cached = bench.cached({"static": {"endpoints": {"users": ["http://a:1"], "orders": []}}})
    for service in ("users", "Orders"):
        async with Reader(cached.watch(service)):
            await until(
                lambda service=service: (bench.directory / f"{service.lower()}.json").exists()
            )
    assert ["orders.json", "users.json"] == sorted(one.name for one in bench.directory.iterdir())


def test_document_makes_it(tmp_path: Path) -> None:
    """With a path and a duration."""
    spec = {"cached": {"source": "env", "path": str(tmp_path), "max_age": "12h", "wait": "1s"}}
    check_discovery(spec)
    made = make_discovery(spec)
    assert isinstance(made, CachedDiscovery)
    assert (43200.0, 1.0) == (made._max_age, made._wait)


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"source": "env"}, "path"),
        ({"source": "env", "path": ""}, "path"),
        ({"source": "env", "path": 3}, "path"),
        ({"source": "env", "path": "x", "max_age": "1x"}, "max_age"),
        ({"source": "env", "path": "x", "wait": None}, "wait"),
        ({"source": {"file": {}}, "path": "x"}, "source.file.path"),
    ],
)
def test_wrong_setting_is_named(settings: Any, path: str) -> None:
    """Each with its place."""
    with pytest.raises(ConfigurationError) as caught:
        make_discovery({"cached": settings})
    assert f"discovery.cached.{path}" == caught.value.path


def test_nested_source_is_checked() -> None:
    """A document is refused before anything is made of it."""
    with pytest.raises(ConfigurationError) as caught:
        check_discovery({"cached": {"source": "evn", "path": "x"}})
    assert "discovery.cached.source" == caught.value.path
