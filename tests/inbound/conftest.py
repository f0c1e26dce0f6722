"""An `Inbound` on a clock of the test, and heads of requests."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from meshlib.events import Event
from meshlib.inbound import Arrival, Head, Inbound, InboundOptions
from support import FakeClock

MakeInbound = Callable[..., Inbound]


@pytest.fixture
def events() -> list[Event]:
    """What listeners were told."""
    return []


@pytest.fixture
def make(clock: FakeClock, events: list[Event]) -> MakeInbound:
    """An `Inbound` called `orders` with these options, whose events are in `events`."""

    def made(tracing: Any = None, **options: Any) -> Inbound:
        return Inbound(
            "orders",
            InboundOptions.model_validate(options),
            clock=clock,
            rng=random.Random(3),
            emit=events.append,
            listening=True,
            tracing=tracing,
        )

    return made


Arrive = Callable[..., Arrival]


@pytest.fixture
def arrive(make: MakeInbound) -> Arrive:
    """
    What a default `Inbound` decides about a request from *peer*, trusted unless said otherwise.

    Headers are given by their names with underscores in place of hyphens.
    """
    inbound = make()

    def arrived(peer: str | None = "10.0.0.9", **headers: str) -> Arrival:
        pairs = [
            (name.replace("_", "-").encode(), value.encode("latin-1"))
            for name, value in headers.items()
        ]
        return inbound.arrive(Head("GET", "/", pairs, peer=peer))

    return arrived
