"""Calls that are made with a token."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx
import pytest

from meshlib import (
    AsyncMeshClient,
    ConfigurationError,
    CredentialsError,
    DeadlineExceededError,
    Mesh,
    MeshClient,
    MeshError,
    ServiceConfig,
)
from meshlib.security.tokens import Token
from support import Reply, replies
from support import ScriptedServer as Site


@contextmanager
def calling(server: Site, token: Any, **service: Any) -> Iterator[MeshClient]:
    """A client of a service whose calls have this token."""
    settings = {"endpoints": [server.url], "token": token, **service}
    with MeshClient("orders", services={"users": settings}) as client:
        yield client


def shown(server: Site) -> list[str | None]:
    """What each request showed."""
    return [request.headers.get("authorization") for request in server.requests]


def test_a_token_of_a_file_is_shown(tmp_path: Path) -> None:
    """As Kubernetes gives it: in a file, with a line break at its end."""
    file = tmp_path / "token"
    file.write_text("of-the-file\n")
    with Site(replies(200)) as server, calling(server, {"file": str(file)}) as client:
        assert client.get("http://users/").status_code == 200
    assert shown(server) == ["Bearer of-the-file"]


def test_a_token_of_a_variable_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is given by the environment."""
    monkeypatch.setenv("USERS_TOKEN", "of-the-variable")
    with (
        Site(replies(200)) as server,
        calling(server, {"variable": "USERS_TOKEN"}) as client,
    ):
        client.get("http://users/")
    assert shown(server) == ["Bearer of-the-variable"]


async def _given() -> Token:
    return Token("of-a-coroutine", 60.0)


@pytest.mark.parametrize(
    ("function", "word"), [(lambda: "of-a-function", "of-a-function"), (_given, "of-a-coroutine")]
)
def test_a_token_of_a_function_is_asked_for_once(function: Any, word: str) -> None:
    """A function may be blocking or not; its token serves all calls."""
    asked: list[int] = []

    def counting() -> Any:
        asked.append(1)
        return function()

    with Site(replies(200)) as server, calling(server, counting) as client:
        for _ in range(3):
            client.get("http://users/")
    assert shown(server) == [f"Bearer {word}"] * 3
    assert len(asked) == 1


@pytest.mark.anyio
async def test_tasks_that_come_at_once_share_one_token() -> None:
    """The first waits, and the others with it: it is asked for once."""
    asked: list[int] = []

    def function() -> str:
        asked.append(1)
        return "shared"

    with Site(replies(200)) as server:
        settings = {"users": {"endpoints": [server.url], "token": function}}
        async with (
            AsyncMeshClient("orders", services=settings) as client,
            anyio.create_task_group() as group,
        ):
            for _ in range(10):
                group.start_soon(client.get, "http://users/")
    assert shown(server) == ["Bearer shared"] * 10
    assert len(asked) == 1


def test_the_callers_own_authorization_wins() -> None:
    """In a header, by `auth=`, and in the URL; the token need not even be there."""

    def never() -> str:
        raise RuntimeError("there is none")

    with Site(replies(200)) as server, calling(server, never) as client:
        client.get("http://users/", headers={"Authorization": "Own x"})
        client.get("http://users/", auth=("a", "b"))
        client.get("http://c:d@users/")
    assert shown(server) == ["Own x", "Basic YTpi", "Basic Yzpk"]


def test_a_token_stays_with_its_service() -> None:
    """After a redirect to another service, or outside, it is not shown."""
    with Site(replies(200)) as outside, Site(replies(200)) as other:
        to_other = _redirect("http://other/a")
        to_outside = _redirect(f"{outside.url}/b")
        with Site(replies(to_other, to_outside)) as server:
            services: Any = {
                "users": {"endpoints": [server.url], "token": lambda: "mine"},
                "other": [other.url],
            }
            with MeshClient("orders", services=services, follow_redirects=True) as client:
                assert client.get("http://users/").status_code == 200
                assert client.get("http://users/").status_code == 200
    assert shown(server) == ["Bearer mine"] * 2
    assert shown(other) == shown(outside) == [None]


def _redirect(where: str) -> Reply:
    return Reply(302, headers={"Location": where})


def test_a_token_of_the_defaults_is_not_for_outside_origins() -> None:
    """Services inherit it, and one of them may have none; others' servers never see it."""
    with Site(replies(200)) as server, Site(replies(200)) as outside:
        config: Any = {
            "defaults": {"token": lambda: "ours"},
            "services": {"users": [server.url], "open": {"endpoints": [server.url], "token": None}},
        }
        with MeshClient("orders", config=config) as client:
            client.get("http://users/")
            client.get("http://open/")
            client.get(outside.url)
    assert shown(server) == ["Bearer ours", None]
    assert shown(outside) == [None]


class Rotated:
    """A function that gives another token each time."""

    def __init__(self, *words: str) -> None:
        self.words = list(words)

    def __call__(self) -> str:
        """The next one; the last again and again."""
        return self.words.pop(0) if len(self.words) > 1 else self.words[0]


@pytest.mark.parametrize("shortcuts", [True, False])
def test_a_401_leads_to_one_refresh_and_one_more_attempt(shortcuts: bool) -> None:
    """The breaker does not hear of it, and the budget does not pay."""
    with (
        Site(replies(401, 200)) as server,
        calling(server, Rotated("old", "new"), retry={"max_attempts": 1}) as client,
    ):
        client.shortcuts = shortcuts
        response = client.post("http://users/", json={})
        report = response.extensions["mesh"]
        assert response.status_code == 200
        assert [attempt.status for attempt in report.attempts] == [401, 200]
        metrics = client.mesh.metrics().services["users"]
        (endpoint,) = metrics.endpoints.values()
        assert endpoint.breaker == "closed"
    assert shown(server) == ["Bearer old", "Bearer new"]


@pytest.mark.anyio
async def test_a_401_in_a_task_leads_to_one_more_attempt() -> None:
    """The twin."""
    with Site(replies(401, 200)) as server:
        settings: Any = {"users": {"endpoints": [server.url], "token": Rotated("old", "new")}}
        async with AsyncMeshClient("orders", services=settings) as client:
            assert (await client.get("http://users/")).status_code == 200
    assert shown(server) == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize("words", [("same",), ("old", "new")])
def test_a_401_that_stays_is_the_answer(words: tuple[str, ...]) -> None:
    """The same token is not shown again, and a third one is not asked for."""
    with Site(replies(401)) as server, calling(server, Rotated(*words)) as client:
        response = client.get("http://users/")
        assert response.status_code == 401
        assert client.get("http://users/").status_code == 401
    assert len(server.requests) == len(words) + 1


def test_a_call_that_may_hedge_is_tried_again_as_well() -> None:
    """The twins of the race do so, too."""
    hedge = {"delay": "5s"}
    with (
        Site(replies(401, 200)) as server,
        calling(server, Rotated("old", "new"), hedge=hedge) as client,
    ):
        assert client.get("http://users/").status_code == 200
    assert shown(server) == ["Bearer old", "Bearer new"]


@pytest.mark.anyio
async def test_a_call_of_a_task_that_may_hedge_is_tried_again_as_well() -> None:
    """The other twin."""
    with Site(replies(401, 200)) as server:
        users: Any = {"endpoints": [server.url], "token": Rotated("old", "new"), "hedge": True}
        async with AsyncMeshClient("orders", services={"users": users}) as client:
            assert (await client.get("http://users/")).status_code == 200
    assert shown(server) == ["Bearer old", "Bearer new"]


def test_a_body_that_was_sent_is_not_sent_again() -> None:
    """So the 401 is the answer."""
    with (
        Site(replies(401, 200)) as server,
        calling(server, Rotated("old", "new")) as client,
    ):
        assert client.post("http://users/", content=iter([b"once"])).status_code == 401
    assert shown(server) == ["Bearer old"]


def test_a_401_to_somebody_elses_token_is_the_answer() -> None:
    """It was not the service's token that was refused."""
    with (
        Site(replies(401, 200)) as server,
        calling(server, Rotated("old", "new")) as client,
    ):
        assert client.get("http://users/", auth=("a", "b")).status_code == 401


def test_without_a_token_nothing_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    """The error says why, and a fallback may answer."""
    with Site(replies(200)) as server, calling(server, {"variable": "NO_SUCH"}) as client:
        with pytest.raises(CredentialsError, match="NO_SUCH"):
            client.get("http://users/")
        with pytest.raises(httpx.TransportError) as caught:
            client.get("http://users/")
        assert isinstance(caught.value, MeshError)
    assert server.requests == []
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "no token for calls to 'users': the environment has no NO_SUCH"
    ]


def test_a_first_call_waits_no_longer_than_its_deadline() -> None:
    """The function that hangs is left alone."""
    hangs = threading.Event()
    with (
        Site(replies(200)) as server,
        calling(server, hangs.wait, timeout=0.05) as client,
    ):
        with pytest.raises((CredentialsError, DeadlineExceededError)):
            client.get("http://users/")
        hangs.set()
    assert server.requests == []


def test_another_document_brings_another_token_or_none() -> None:
    """Who asked for the former one stops, and the former token goes with it."""
    with Site(replies(200)) as server:
        users: dict[str, Any] = {"endpoints": [server.url]}

        def document(**more: Any) -> dict[str, Any]:
            return {"services": {"users": {**users, **more}}}

        with MeshClient("orders", config=document(token=lambda: "first")) as client:
            client.get("http://users/")
            client.mesh.apply(document(token=lambda: "second"))
            client.get("http://users/")
            client.mesh.apply(document())
            client.get("http://users/")
            assert client.mesh.service("users").credentials is None
    assert shown(server) == ["Bearer first", "Bearer second", None]


def test_a_forked_child_keeps_the_token_and_asks_for_its_own() -> None:
    """It has no thread of its parent's."""
    site = Site(replies(200, 401, 200))
    with site as server, calling(server, Rotated("old", "new")) as client:
        client.get("http://users/")
        client.mesh.renew()
        client.get("http://users/")
    assert shown(server) == ["Bearer old", "Bearer old", "Bearer new"]


def test_services_that_say_the_same_share_a_token(tmp_path: Path) -> None:
    """So that an endpoint is asked for one token, and not for one of each service."""
    with Site(replies(200)) as server:
        token = Rotated("one", "two")
        services: Any = {
            name: {"endpoints": [server.url], "token": token} for name in ("users", "bills")
        }
        with MeshClient("orders", services=services) as client:
            client.get("http://users/")
            client.get("http://bills/")
    assert shown(server) == ["Bearer one"] * 2


def test_a_token_in_a_document_is_an_error_that_does_not_repeat_it() -> None:
    """It would stand in files, and in what they are copied to."""
    for said in ("hunter2-secret", {"fle": "x"}, {}, {"file": "a", "variable": "b"}):
        with pytest.raises(ConfigurationError) as caught:
            ServiceConfig(token=said)
        assert caught.value.path.startswith("token")
        assert "hunter2" not in str(caught.value)


def test_a_mesh_without_tokens_has_nothing_to_do_for_them() -> None:
    """The request path asks one attribute."""
    with Mesh("a", services={"users": ["http://users:1"]}) as mesh:
        assert mesh.permitting.active is False


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_that_gives_up_while_another_token_is_fetched_gives_everything_back() -> None:
    """The 401 that nobody waits for any more is closed."""
    hangs = threading.Event()
    words = ["old"]

    def function() -> str:
        return words.pop() if words else str(hangs.wait())

    with Site(replies(401, 200)) as server:
        settings: Any = {"users": {"endpoints": [server.url], "token": function}}
        async with AsyncMeshClient("orders", services=settings) as client:
            service = client.mesh.service("users")
            with anyio.move_on_after(0.2) as scope:
                await client.get("http://users/")
            assert scope.cancelled_caught
            assert service.bulkhead.in_flight == 0
            assert service.targets[0].load.in_flight == 0
            hangs.set()


@pytest.mark.anyio
async def test_a_401_that_stays_is_the_answer_in_a_task_as_well() -> None:
    """The same token is not shown again."""
    with Site(replies(401)) as server:
        settings: Any = {"users": {"endpoints": [server.url], "token": lambda: "same"}}
        async with AsyncMeshClient("orders", services=settings) as client:
            assert (await client.get("http://users/")).status_code == 401
    assert len(server.requests) == 1
