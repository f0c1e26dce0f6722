"""What the tests at a real agent share; each module has an agent `consul` of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.real.consul import ConsulAgent
from support.real.relay import Relay


@pytest.fixture
def service(request: pytest.FixtureRequest, consul: ConsulAgent) -> Iterator[str]:
    """A service of its own for each test; its instances are taken out after it."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name).strip("-")
    yield name
    consul.drop_all(name)


@pytest.fixture
def relay(consul: ConsulAgent) -> Iterator[Relay]:
    """A line to the agent that can be cut."""
    with Relay(int(consul.url.rpartition(":")[2])) as line:
        yield line
