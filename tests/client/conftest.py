"""Every client, and a site for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from support import ScriptedServer
from support.site import site
from support.ways import WAYS, User, Way


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no certificates but those that a test names."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


@pytest.fixture(params=WAYS, ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    """How the test reaches its server; it runs once by each way."""
    found: Way = request.param
    return found


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The event loop of the way under test; a blocking client runs on asyncio's."""
    if "way" not in request.fixturenames:
        return "asyncio"
    found: Way = request.getfixturevalue("way")
    return found.loop or "asyncio"


@pytest.fixture
def server(serve: Callable[..., ScriptedServer]) -> ScriptedServer:
    """The site."""
    return serve(site())


@pytest.fixture
async def use(way: Way, server: ScriptedServer) -> AsyncIterator[Callable[..., User]]:
    """Make a `User(**options of the client)` of the site; it closes with the test."""
    async with AsyncExitStack() as stack:

        def make(url: str | None = None, **options: Any) -> User:
            user = way.make(url or server.url, **options)
            stack.push_async_callback(user.close)
            return user

        yield make


@pytest.fixture
async def user(use: Callable[..., User]) -> User:
    """A client of the site, with no option but the site's place."""
    return use()
