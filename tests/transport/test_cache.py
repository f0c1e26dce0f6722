"""The last good response, for a service that falls back to it."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from meshlib import AsyncMeshClient, Mesh, MeshClient
from meshlib.transport._cache import MAX_BODY
from support import FakeClock

GOOD = gzip.compress(b"good")


class Up:
    """Answers as it is told, in memory or as a stream."""

    def __init__(self) -> None:
        self.status = 200
        self.streamed = True
        self.body = GOOD
        self.headers = {"content-encoding": "gzip"}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """The answer of now."""
        if self.status != 200:
            return httpx.Response(self.status)
        body: Any = iter([self.body]) if self.streamed else self.body
        return httpx.Response(200, headers=self.headers, content=body)

    async def later(self, request: httpx.Request) -> httpx.Response:
        """The same for an asynchronous client."""

        async def chunks() -> AsyncIterator[bytes]:
            yield self.body

        if self.status != 200:
            return httpx.Response(self.status)
        return httpx.Response(200, headers=self.headers, content=chunks())


@pytest.fixture
def up() -> Up:
    """The service."""
    return Up()


@pytest.fixture
def mesh(clock: FakeClock) -> Iterator[Mesh]:
    """A mesh whose service falls back to what it said within a minute."""
    service = {
        "endpoints": ["http://10.0.0.1:80"],
        "fallback": {"cached": 60},
        "retry": False,
        "breaker": False,
    }
    with Mesh("shop", services={"prices": service}, clock=clock) as made:
        yield made


@pytest.fixture
def client(mesh: Mesh, up: Up) -> MeshClient:
    """A client of it."""
    return MeshClient(mesh=mesh, transport=httpx.MockTransport(up))


@pytest.mark.parametrize("streamed", [True, False])
def test_a_failing_service_is_answered_for(client: MeshClient, up: Up, streamed: bool) -> None:
    """With what it said last, decoded as it was then, and marked in the report."""
    up.streamed = streamed
    assert "good" == client.get("prices", "/a").text
    up.status = 503
    answer = client.get("prices", "/a")
    assert (200, "good") == (answer.status_code, answer.text)
    assert "cached" == answer.extensions["mesh"].fallback


@pytest.mark.anyio
async def test_an_asynchronous_client_shares_it(mesh: Mesh, client: MeshClient, up: Up) -> None:
    """What one client was told, another one of the same mesh falls back to."""
    asynchronous = AsyncMeshClient(mesh=mesh, transport=httpx.MockTransport(up.later))
    assert "good" == (await asynchronous.get("prices", "/a")).text
    up.status = 503
    assert "good" == (await asynchronous.get("prices", "/a")).text
    assert "good" == client.get("prices", "/a").text


def test_old_answers_are_not_given(client: MeshClient, up: Up, clock: FakeClock) -> None:
    """After its time the failure itself is returned."""
    client.get("prices", "/a")
    up.status = 503
    clock.advance(61)
    assert 503 == client.get("prices", "/a").status_code


def test_nobody_gets_what_another_was_told(client: MeshClient, up: Up) -> None:
    """Authorization and cookies are part of what is looked up."""
    client.get("prices", "/a", headers={"authorization": "ada"})
    up.status = 503
    assert 503 == client.get("prices", "/a", headers={"authorization": "eve"}).status_code
    assert 200 == client.get("prices", "/a", headers={"authorization": "ada"}).status_code


def test_what_must_not_be_kept_is_not(client: MeshClient, up: Up) -> None:
    """`no-store`, other methods, and bodies above a megabyte."""
    up.headers = {"cache-control": "no-store"}
    up.body = b"secret"
    client.get("prices", "/a")
    up.headers = {}
    client.post("prices", "/b")
    up.body = b"x" * (MAX_BODY + 1)
    client.get("prices", "/c")
    up.status = 503
    assert [503] * 3 == [client.get("prices", path).status_code for path in ("/a", "/b", "/c")]


def test_half_a_body_is_not_kept(client: MeshClient, up: Up) -> None:
    """Only what came whole is worth giving to somebody else."""
    with client.stream("GET", "prices", "/a"):
        pass  # closed unread
    up.status = 503
    assert 503 == client.get("prices", "/a").status_code
