"""Start-up and shutdown: once, in order, and with the application's own words when they fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from meshlib.testing.inprocess import ASGIEndpoint, InProcess, LifespanError
from support.applications import Journal, raw_asgi


def starlette(journal: Journal, name: str = "app", *, broken: str = "") -> Starlette:
    """An application that writes its start-up and shutdown down, or fails in one of them."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if broken == "startup":
            raise ValueError("no database")
        journal.append(f"{name} up")
        yield
        if broken == "shutdown":
            raise ValueError("still in use")
        journal.append(f"{name} down")

    async def home(request: Any) -> PlainTextResponse:
        journal.append(f"{name} asked")
        return PlainTextResponse(name)

    return Starlette(routes=[Route("/", home)], lifespan=lifespan)


async def test_an_application_at_several_places_starts_once() -> None:
    """Start-up comes before the first request, shutdown after the last, each once."""
    journal: Journal = []
    app = starlette(journal)
    places = {"http://a": app, "http://b": ASGIEndpoint(app, root_path="/x"), "http://b:81": app}
    async with httpx.AsyncClient(transport=InProcess(places)) as client:
        assert ["app up"] == journal
        for place in places:
            assert "app" == (await client.get(place)).text
    assert ["app up", "app asked", "app asked", "app asked", "app down"] == journal


async def test_unopened_transport_starts_with_the_first_of_many() -> None:
    """Requests that come at once wait for one start-up; closing shuts down."""
    journal: Journal = []
    transport = InProcess({"http://a": starlette(journal)})
    client = httpx.AsyncClient(transport=transport)
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(client.get, "http://a")
    await client.aclose()
    await transport.aclose()
    assert ["app up", *["app asked"] * 20, "app down"] == journal


def test_unopened_transport_of_a_sync_client() -> None:
    """A sync client needs no block either."""
    journal: Journal = []
    client = httpx.Client(transport=InProcess({"http://a": starlette(journal)}))
    client.get("http://a")
    client.close()
    assert ["app up", "app asked", "app down"] == journal


async def test_applications_end_in_reverse_order() -> None:
    """What was started first may be needed longest."""
    journal: Journal = []
    apps = {f"http://{name}": starlette(journal, name) for name in "abc"}
    async with InProcess(apps):
        pass
    assert ["a up", "b up", "c up", "c down", "b down", "a down"] == journal


async def test_a_block_inside_a_block_leaves_the_end_to_the_outer_one() -> None:
    """A client that is closed does not end what the test has opened."""
    journal: Journal = []
    async with InProcess({"http://a": starlette(journal)}) as transport:
        async with httpx.AsyncClient(transport=transport) as client:
            await client.get("http://a")
        await transport.aclose()
        assert ["app up", "app asked"] == journal
    assert "app down" == journal[-1]


async def test_a_closed_transport_opens_again() -> None:
    """A transport for many tests starts its applications for each of them."""
    journal: Journal = []
    transport = InProcess({"http://a": starlette(journal)})
    for _ in range(2):
        async with transport:
            pass
    assert ["app up", "app down"] * 2 == journal


async def test_opened_in_one_task_and_closed_in_another() -> None:
    """As the fixtures of some plugins are."""
    journal: Journal = []
    transport = InProcess({"http://a": starlette(journal)})
    client = httpx.AsyncClient(transport=transport)
    for step in (client.__aenter__, lambda: client.get("http://a"), client.__aexit__):
        async with anyio.create_task_group() as group:
            group.start_soon(step)
    assert ["app up", "app asked", "app down"] == journal


async def test_failed_startup_ends_what_was_started() -> None:
    """The error has the words of the application, and those before it are shut down."""
    journal: Journal = []
    apps = {"http://a": starlette(journal), "http://b": starlette(journal, broken="startup")}
    with pytest.raises(LifespanError, match="no database") as caught:
        async with InProcess(apps):
            pass
    assert "startup" == caught.value.phase
    assert "no database" in caught.value.message
    assert isinstance(caught.value.__cause__, ValueError)
    assert ["app up", "app down"] == journal


def test_failed_startup_reaches_a_sync_client() -> None:
    """Opening fails, and so does the first request of one that was not opened."""
    app = starlette([], broken="startup")
    with pytest.raises(LifespanError, match="no database"), InProcess({"http://a": app}):
        pass
    client = httpx.Client(transport=InProcess({"http://a": app}))
    for _ in range(2):
        with pytest.raises(LifespanError, match="no database"):
            client.get("http://a")
    client.close()


async def test_failed_shutdown_is_raised_after_everything_has_ended() -> None:
    """The others are shut down all the same."""
    journal: Journal = []
    apps = {"http://a": starlette(journal), "http://b": starlette(journal, broken="shutdown")}
    with pytest.raises(LifespanError, match="still in use") as caught:
        async with InProcess(apps):
            pass
    assert "shutdown" == caught.value.phase
    assert ["app up", "app up", "app down"] == journal


async def unaware(scope: Any, receive: Any, send: Any) -> None:
    """An application that knows of requests only."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"served"})


async def test_an_application_without_lifespan_is_served() -> None:
    """Raising is how the specification lets it say so."""
    async with httpx.AsyncClient(transport=InProcess({"http://a": unaware})) as client:
        assert "served" == (await client.get("http://a")).text


async def test_lifespan_on_makes_the_same_an_error() -> None:
    """Who knows that there is one is told when it breaks."""
    with pytest.raises(LifespanError, match="AssertionError"):
        async with InProcess({"http://a": ASGIEndpoint(unaware, lifespan="on")}):
            pass


async def test_lifespan_off_asks_nothing() -> None:
    """The application is not called before its first request."""
    journal: Journal = []
    async with InProcess({"http://a": ASGIEndpoint(raw_asgi(journal), lifespan="off")}):
        pass
    assert [] == journal


async def test_state_is_copied_for_each_request() -> None:
    """What one request adds to the state, another does not see; the values are the same."""
    seen: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["shared"] = []
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            await receive()  # asks once too often, and is not given a third message
        scope["state"]["own"] = scope["state"].get("own", 0) + 1
        scope["state"]["shared"].append(1)
        seen.append(scope["state"])
        await unaware(scope, receive, send)

    async with httpx.AsyncClient(transport=InProcess({"http://a": app}, grace=0.05)) as client:
        await client.get("http://a")
        await client.get("http://a")
    assert [{"shared": [1, 1], "own": 1}] * 2 == seen


async def test_shutdown_without_an_answer_is_given_up() -> None:
    """Closing does not hang on an application that does."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await anyio.sleep_forever()

    with pytest.raises(LifespanError, match=r"no answer within 0\.01 s"):
        async with InProcess({"http://a": app}, grace=0.01):
            pass


async def test_lifespan_that_breaks_while_serving_is_told_at_the_end() -> None:
    """A task of the application that dies in between is no success."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        raise ValueError("consumer died")

    with pytest.raises(LifespanError, match="consumer died"):
        async with InProcess({"http://a": app}):
            pass


async def test_cancelled_opening_leaves_nothing_running() -> None:
    """An application whose start-up hangs is ended, and those before it are shut down."""
    journal: Journal = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            journal.append("cut short")

    with anyio.move_on_after(0.01) as limit:
        async with InProcess({"http://a": starlette(journal), "http://b": app}):
            pass
    assert limit.cancelled_caught
    assert ["app up", "cut short", "app down"] == journal


async def test_closing_ends_a_startup_that_others_wait_for() -> None:
    """Their requests say why."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep_forever()

    transport = InProcess({"http://a": app})
    errors: list[LifespanError] = []

    async def get() -> None:
        try:
            await httpx.AsyncClient(transport=transport).get("http://a")
        except LifespanError as exc:
            errors.append(exc)

    async with anyio.create_task_group() as group:
        group.start_soon(get)
        await anyio.wait_all_tasks_blocked()
        await transport.aclose()
    assert ["closed before it was complete"] == [error.message for error in errors]
