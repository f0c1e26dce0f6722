"""Both drivers, for tests that hold for either."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from support import FakeClock
from support.meshes import Caller
from support.wires import Wired


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    """The driver under test; the test runs once with either."""
    return str(request.param)


@pytest.fixture
def caller(kind: str, clock: FakeClock) -> Callable[..., Caller]:
    """Make a `Caller(*script, **settings)` of the driver under test."""

    def make(*script: Any, **settings: Any) -> Caller:
        return Caller(kind, clock, *script, **settings)

    return make


@pytest.fixture
async def wired(kind: str) -> AsyncIterator[Callable[..., Wired]]:
    """Make a `Wired(*urls, **settings)` of the driver under test; it closes with the test."""
    async with AsyncExitStack() as stack:

        def make(*urls: str, **settings: Any) -> Wired:
            made = Wired(kind, *urls, **settings)
            stack.push_async_callback(made.close)
            return made

        yield make
