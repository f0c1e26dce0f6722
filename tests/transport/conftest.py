"""Both drivers, for tests that hold for either."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support import FakeClock
from support.meshes import Caller


@pytest.fixture(params=["sync", "async"])
def caller(request: pytest.FixtureRequest, clock: FakeClock) -> Callable[..., Caller]:
    """Make a `Caller(*script, **settings)` of each driver; the test runs once with either."""

    def make(*script: Any, **settings: Any) -> Caller:
        return Caller(request.param, clock, *script, **settings)

    return make
