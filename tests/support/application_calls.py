"""One call of an application as data, so that sync and async clients make the same one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

_ANY = {"date", "server", "via"}
"""Headers that a server adds by itself."""


class Pieces:
    """A request body in *chunks*, whose length nobody knows."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks

    def of_thread(self) -> Iterator[bytes]:
        """The chunks, for a sync client."""
        yield from self.chunks

    async def of_task(self) -> AsyncIterator[bytes]:
        """The chunks, for an async client."""
        for chunk in self.chunks:
            yield chunk


@dataclass(frozen=True)
class Ask:
    """A request, and how much of its answer is read: all of it, or until *leave_at* is seen."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    content: Any = None
    leave_at: bytes | None = None
    timeout: float = 20.0

    def request(self, client: Any, base: str) -> httpx.Request:
        """The request to the server at *base*, whose name is the same at all of them."""
        headers = {"host": "service.test", **self.headers}
        content = self.content
        if isinstance(content, Pieces):
            of_task = isinstance(client, httpx.AsyncClient)
            content = content.of_task() if of_task else content.of_thread()
        request: httpx.Request = client.build_request(
            self.method, base + self.path, headers=headers, content=content, timeout=self.timeout
        )
        return request


@dataclass
class Seen:
    """What came of an `Ask`: a response, whole, left or broken off, or only an error."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    version: bytes = b""
    error: str = ""

    def _head(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.version = response.extensions["http_version"]
        self.headers = sorted(
            (name.lower(), value)
            for name, value in response.headers.raw
            if name.lower().decode() not in _ANY
        )

    def without_framing(self) -> Seen:
        """The same but for how the end of the body is told, which servers differ in."""
        framing = (b"transfer-encoding", b"content-length", b"connection", b"keep-alive")
        headers = [pair for pair in self.headers if pair[0] not in framing]
        return Seen(self.status, headers, self.body, b"", self.error)


def call(ask: Ask, base: str, transport: httpx.BaseTransport | None = None) -> Seen:
    """What a sync client sees."""
    seen = Seen()
    with httpx.Client(transport=transport, trust_env=False) as client:
        try:
            response = client.send(ask.request(client, base), stream=True)
            seen._head(response)
            try:
                for chunk in response.iter_raw():
                    seen.body += chunk
                    if ask.leave_at is not None and ask.leave_at in seen.body:
                        break
            finally:
                response.close()
        except httpx.HTTPError as exc:
            seen.error = type(exc).__name__
    return seen


async def acall(ask: Ask, base: str, transport: httpx.AsyncBaseTransport | None = None) -> Seen:
    """What an async client sees."""
    seen = Seen()
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        try:
            response = await client.send(ask.request(client, base), stream=True)
            seen._head(response)
            try:
                async for chunk in response.aiter_raw():
                    seen.body += chunk
                    if ask.leave_at is not None and ask.leave_at in seen.body:
                        break
            finally:
                await response.aclose()
        except httpx.HTTPError as exc:
            seen.error = type(exc).__name__
    return seen
