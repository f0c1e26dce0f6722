"""A mesh whose time passes at once, and the scenarios on it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from meshlib import Mesh, MeshClient
from support import FakeClock


class Time(FakeClock):
    """A clock that also ends the waits of a mesh, so that nothing takes real time."""

    def wait(self, event: threading.Event, seconds: float) -> None:
        """Let *seconds* pass at once, unless *event* is set already."""
        if not event.is_set():
            self.sleep(seconds if seconds < 1e9 else 0.0)


class Shop:
    """Two endpoints that answer in 2 ms with *status*, and a client of them."""

    def __init__(self, time: Time, **service: Any) -> None:
        self.time = time
        self.status = 200
        self.sent: list[httpx.Request] = []
        endpoints = ["https://10.0.0.1", "https://10.0.0.2"]
        self.mesh = Mesh(
            "shop",
            services={"pay": {"endpoints": endpoints, **service}},
            clock=time,
            rng=random.Random(1),
        )
        self.client = MeshClient(mesh=self.mesh, transport=httpx.MockTransport(self._answer))

    def call(self) -> httpx.Response:
        """One call of the service."""
        return self.client.get("http://pay/x")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        self.time.advance(0.002)
        return httpx.Response(self.status, content=b"x" * 100)


@pytest.fixture
def time() -> Time:
    """Time that passes only when somebody waits."""
    return Time()


@pytest.fixture
def shop(time: Time) -> Iterator[Callable[..., Shop]]:
    """Make a `Shop` with settings of its service; it is closed with the test."""
    made: list[Shop] = []

    def make(**service: Any) -> Shop:
        made.append(Shop(time, **service))
        return made[-1]

    yield make
    for one in made:
        one.client.close()
        one.mesh.close()
