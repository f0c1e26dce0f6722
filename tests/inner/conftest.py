"""What the tests of inner transports share."""

from __future__ import annotations

from typing import Any

import httpx
import pytest


@pytest.fixture
def anyio_backend() -> str:
    """These transports belong to asyncio."""
    return "asyncio"


@pytest.fixture(params=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Any:
    """The library whose requests are sent; a test runs once with either."""
    if request.param == "httpx":
        return httpx
    return pytest.importorskip("httpx2")
