"""The stream of events, and the application mounted in others."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from meshlib.discovery._timing import Timing
from meshlib.discovery.registry import _feed, _watch, registry_app
from meshlib.discovery.registry._sse import Event, EventDecoder
from support import FakeClock
from support.asgi import Stream, client_of, streaming
from support.real import wait_until

USERS = "/v1/services/users"
WATCH = f"{USERS}/watch"


@pytest.fixture
def app(tmp_path: Path) -> Any:
    """A registry without a lifespan."""
    return registry_app(tmp_path / "registry.db", keep_alive=0.2)


async def put(app: Any, name: str, prefix: str = "", **more: Any) -> None:
    """Register an instance."""
    async with client_of(app) as http:
        place = f"{prefix}{USERS}/instances/{name}"
        answer = await http.put(place, json={"url": f"http://{name}:80", **more})
        assert answer.is_success


def events(stream: Stream) -> list[Event]:
    """The events that *stream* has brought."""
    decoder = EventDecoder()
    return [event for chunk in stream.chunks for event in decoder.feed(chunk) if event is not None]


def urls(event: Event) -> list[str]:
    """What *event* lists."""
    return [instance["url"] for instance in json.loads(event.data)["instances"]]


async def test_streams_the_list_and_each_later_one(app: Any) -> None:
    """Whole each time, the first at once, with the cursor as its id."""
    await put(app, "a")
    async with streaming(app, WATCH) as stream:
        await stream.until(lambda: len(events(stream)) == 1)
        assert 200 == stream.status
        (first,) = events(stream)
        document = json.loads(first.data)
        assert ("instances", document["cursor"]) == (first.kind, first.id)
        assert ["http://a:80"] == urls(first)
        await put(app, "b")
        await stream.until(lambda: len(events(stream)) == 2)
        assert ["http://a:80", "http://b:80"] == urls(events(stream)[-1])


async def test_begins_with_a_word(app: Any) -> None:
    """A list that the watcher knows is not repeated, but it hears that the watch stands."""
    await put(app, "a")
    async with streaming(app, WATCH) as stream:
        await stream.until(lambda: events(stream))
        cursor = events(stream)[0].id
    async with streaming(app, WATCH, {"Last-Event-ID": cursor}) as stream:
        assert b"retry: 1000\n: watching\n\n" == (await stream.first(1))[0]
        await put(app, "b")
        await stream.until(lambda: events(stream))
        assert ["http://a:80", "http://b:80"] == urls(events(stream)[0])
    for other in ("7", cursor + "0", ""):
        async with streaming(app, WATCH, {"Last-Event-ID": other}) as stream:
            await stream.until(lambda stream=stream: events(stream))
            assert ["http://a:80", "http://b:80"] == urls(events(stream)[0])


async def test_keeps_alive(app: Any) -> None:
    """A comment says that a silent registry lives."""
    async with streaming(app, WATCH) as stream:
        assert [b": keep-alive\n\n"] * 2 == (await stream.first(4))[2:4]
        assert 1 == len(events(stream))


async def test_a_slow_watcher_gets_the_newest(app: Any) -> None:
    """What changed while it took nothing is one list, and nothing queues for it."""
    async with streaming(app, WATCH) as stream:
        await stream.first(2)
        stream.hold()
        await put(app, "a")
        for weight in range(1, 51):
            await put(app, "a", weight=weight)
        await anyio.wait_all_tasks_blocked()
        stream.go_on()
        await stream.until(lambda: events(stream) and '"weight":50.0' in events(stream)[-1].data)
        # The empty list, one that it was being handed, and the newest.
        assert len(events(stream)) <= 3


async def test_changes_gather(tmp_path: Path) -> None:
    """Fifty instances that come while a watcher rests from its last list are one list."""
    rests: list[float] = []
    rested = anyio.Event()

    async def sleep(seconds: float) -> None:
        if seconds == _feed._POLL:
            await anyio.sleep_forever()
        rests.append(seconds)
        await rested.wait()

    app = registry_app(tmp_path / "registry.db", _timing=Timing(sleep=sleep))
    await put(app, "first")
    async with streaming(app, WATCH) as stream:
        await stream.first(2)
        await anyio.wait_all_tasks_blocked()
        for number in range(50):
            await put(app, str(number))
        await anyio.wait_all_tasks_blocked()
        assert 1 == len(events(stream))
        rested.set()
        await stream.first(3)
        await anyio.wait_all_tasks_blocked()
        assert [1, 51] == [len(urls(event)) for event in events(stream)]
    assert 0.05 < rests[0] < rests[1] < 0.06


async def test_a_watcher_that_stalls_is_given_up(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection may be dead without anybody having said so."""
    monkeypatch.setattr(_watch, "_STALLED", 0.05)
    async with streaming(app, WATCH) as stream:
        await stream.first(2)
        stream.hold()
        await put(app, "a")
        await stream.over.wait()


async def test_a_watcher_whose_server_says_by_an_error_that_it_left(app: Any) -> None:
    """The watch ends, and nothing is reported."""
    async with streaming(app, WATCH) as stream:
        await stream.first(2)
        stream.broken = True
        await put(app, "a")
        await stream.over.wait()


async def test_a_head_request_does_not_stream(app: Any) -> None:
    """It is answered and over."""
    async with client_of(app) as http:
        answer = await http.head(WATCH)
        assert "text/event-stream; charset=utf-8" == answer.headers["content-type"]


async def test_the_dead_vanish_from_a_watch(tmp_path: Path, clock: FakeClock) -> None:
    """Without a lifespan, and without another request."""
    timing = Timing(clock=clock, sleep=clock.asleep)
    app = registry_app(tmp_path / "registry.db", _timing=timing)
    await put(app, "a", ttl=5)
    async with streaming(app, WATCH) as stream:
        await stream.until(lambda: len(events(stream)) == 2)
        assert [["http://a:80"], []] == [urls(event) for event in events(stream)]


async def test_a_registry_that_ends_lets_its_watchers_go(app: Any) -> None:
    """A server waits for its connections, and these would never end; then it serves again."""
    async with app.router.lifespan_context(app):
        await put(app, "a")
        async with anyio.create_task_group() as group:
            stream = Stream(app, WATCH)
            group.start_soon(stream.run)
            await stream.first(2)
            app.state.api.feed.close()
            await stream.over.wait()
    async with app.router.lifespan_context(app), streaming(app, WATCH) as stream:
        await stream.first(2)
        assert ["http://a:80"] == urls(events(stream)[0])


async def test_the_lifespan_removes_the_dead(tmp_path: Path, clock: FakeClock) -> None:
    """From the database, while nobody asks."""
    timing = Timing(clock=clock, sleep=clock.asleep)
    app = registry_app(tmp_path / "registry.db", _timing=timing)
    async with app.router.lifespan_context(app):
        await put(app, "a", ttl=5)
        ledger = app.state.api.ledger
        await anyio.to_thread.run_sync(wait_until, "it is gone", lambda: not ledger.services())
    assert not (tmp_path / "registry.db-wal").exists()


@pytest.mark.parametrize("kind", ["starlette", "fastapi"])
@pytest.mark.parametrize("lifespan", [False, True])
async def test_mounts_in_another_application(
    tmp_path: Path, clock: FakeClock, kind: str, lifespan: bool
) -> None:
    """Starlette runs no lifespan of what is mounted; it works without, and with one."""
    timing = Timing(clock=clock)
    registry = registry_app(tmp_path / "registry.db", token="s", _timing=timing)

    @asynccontextmanager
    async def outer(app: Any) -> AsyncIterator[None]:
        async with registry.router.lifespan_context(registry):
            yield

    host: Any
    if kind == "starlette":
        host = Starlette(
            routes=[Mount("/registry", registry)], lifespan=outer if lifespan else None
        )
    else:
        host = FastAPI(lifespan=outer if lifespan else None)
        host.mount("/registry", registry)
    async with host.router.lifespan_context(host):
        token = {"Authorization": "Bearer s"}
        async with client_of(host, headers=token) as http:
            place = f"/registry{USERS}/instances/a"
            assert 201 == (await http.put(place, json={"url": "http://a:80"})).status_code
            assert 204 == (await http.post(f"{place}/heartbeat")).status_code
            assert 1 == len((await http.get(f"/registry{USERS}")).json()["instances"])
            assert 404 == (await http.get(f"/registry{USERS}/nope")).status_code
            assert 422 == (await http.put(place, json={})).status_code
            assert 200 == (await http.get("/registry/healthz")).status_code
        async with client_of(host) as http:
            assert 401 == (await http.get(f"/registry{USERS}")).status_code
        async with streaming(host, f"/registry{WATCH}", token) as stream:
            await stream.first(2)
            assert ["http://a:80"] == urls(events(stream)[0])


def test_every_request_may_have_its_own_loop(tmp_path: Path, clock: FakeClock) -> None:
    """As a test client has it that is not entered; what is known belongs to no loop."""
    app = registry_app(tmp_path / "registry.db", _timing=Timing(clock=clock))

    async def listed() -> list[Any]:
        async with client_of(app) as http:
            found: list[Any] = (await http.get(USERS)).json()["instances"]
            return found

    anyio.run(put, app, "a")
    assert 1 == len(anyio.run(listed))
    clock.advance(15.0)
    assert [] == anyio.run(listed)


async def test_many_watchers_share_one_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each change is encoded once, whoever watches."""
    from meshlib.discovery.registry import _ledger

    encoded = 0
    real = _ledger.encode

    def counted(*args: Any) -> Any:
        nonlocal encoded
        encoded += 1
        return real(*args)

    app = registry_app(tmp_path / "registry.db")
    await put(app, "a")
    monkeypatch.setattr(_ledger, "encode", counted)
    async with anyio.create_task_group() as group:
        streams = [Stream(app, WATCH) for _ in range(300)]
        for stream in streams:
            group.start_soon(stream.run)
        for stream in streams:
            await stream.until(lambda stream=stream: events(stream))
        await put(app, "b")
        for stream in streams:
            await stream.until(lambda stream=stream: len(events(stream)) == 2)
        for stream in streams:
            stream.gone.set()
    assert 2 == encoded
    chunks = [chunk for stream in streams for chunk in stream.chunks if b"http://b" in chunk]
    assert 300 == len(chunks)
    assert 1 == len(set(map(id, chunks)))
