"""
Services of any size, and transports that answer without a network.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx


def endpoints(count: int) -> list[str]:
    """So many addresses."""
    return [f"http://10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}:8080" for n in range(count)]


def services_of(services: int, each: int) -> dict[str, Any]:
    """So many services, called s0, s1 and so on, of so many endpoints each."""
    return {f"s{n}": {"endpoints": endpoints(each)} for n in range(services)}


def requests_of(services: int) -> list[httpx.Request]:
    """One request for each service, as an httpx client builds it."""
    client = httpx.Client(verify=False)  # nothing is sent by it
    return [client.build_request("GET", f"http://s{n}/api/users/1") for n in range(services)]


class Body(httpx.SyncByteStream):
    """Nothing, streamed."""

    def __iter__(self) -> Any:
        yield b""

    def close(self) -> None:
        """There is nothing to close."""


class AsyncBody(httpx.AsyncByteStream):
    """Nothing, streamed."""

    async def __aiter__(self) -> Any:
        yield b""

    async def aclose(self) -> None:
        """There is nothing to close."""


class Answering(httpx.BaseTransport):
    """Answers at once."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """A new answer."""
        return httpx.Response(200, stream=Body())


class Together(httpx.AsyncBaseTransport):
    """Answers when *count* requests are there, all of them at once."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.there = 0
        self.full = asyncio.Event()
        self.answer = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Wait for the others."""
        self.there += 1
        if self.there == self.count:
            self.full.set()
        await self.answer.wait()
        return httpx.Response(200, stream=AsyncBody())
