"""A call that hedges, cancelled at each of its steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from meshlib import AsyncMeshClient

pytestmark = pytest.mark.parametrize("anyio_backend", ["asyncio"])  # trio delivers otherwise


class Body(httpx.AsyncByteStream):
    """A body that knows whether it was closed."""

    def __init__(self) -> None:
        self.open = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"ok"

    async def aclose(self) -> None:
        """Note it."""
        self.open = False


class Stepwise(httpx.AsyncBaseTransport):
    """Answers after some steps of the loop."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.bodies: list[Body] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """A response whose body is kept."""
        for _ in range(self.steps):
            await asyncio.sleep(0)
        self.bodies.append(Body())
        return httpx.Response(200, stream=self.bodies[-1])


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("delay", [0.000001, 60.0])
async def test_no_response_is_lost(steps: int, delay: float) -> None:
    """Whoever cancels just when an attempt has ended leaves no connection in use."""
    transport = Stepwise(steps)
    users: dict[str, Any] = {"endpoints": ["http://a", "http://b"], "hedge": {"delay": delay}}
    async with AsyncMeshClient(services={"users": users}, transport=transport) as client:
        ended = 0
        for turn in range(60):
            call = asyncio.ensure_future(client.get("http://users/"))
            for _ in range(turn):
                await asyncio.sleep(0)
            call.cancel()
            (outcome,) = await asyncio.gather(call, return_exceptions=True)
            ended += isinstance(outcome, httpx.Response)
            assert not any(body.open for body in transport.bodies), turn
        assert 0 < ended < 60
        measured = client.mesh.metrics().services["users"]
        assert not any(one.in_flight for one in measured.endpoints.values())
