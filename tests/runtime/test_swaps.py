"""A thousand configurations, one after the other, while sixty-four calls are in flight."""

from __future__ import annotations

import gc
import random
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from meshlib import AsyncMeshClient, Mesh, MeshClient
from meshlib._clock import monotonic
from meshlib._models import Verdict
from support import ScriptedServer
from support.parking import Load, Parking, parks

SWAPS = 1_000
SETTLED = 200
"""Swaps after which everything that is made once has been made."""
EACH = 32
"""Threads, and tasks."""

URLS = ("http://users/", "http://orders/", "http://people/", "http://ledger/x")


class World:
    """
    Where the endpoints of the tests are, and how clients get there.

    Without a mocked transport they make connections of their own.
    """

    def __init__(self, base: str, parking: Parking, *, mocked: bool) -> None:
        self.base = base
        self.parking = parking
        self.turn = 16 if mocked else 4
        """Calls that end, and begin anew, while a swap goes on."""
        self.client_options: dict[str, Any] = {}
        self.async_options: dict[str, Any] = {}
        if mocked:
            self.client_options["transport"] = httpx.MockTransport(self._answer)
            self.async_options["transport"] = httpx.MockTransport(self._aanswer)

    def endpoint(self, name: str) -> str:
        """The URL of the endpoint called *name*."""
        return f"{self.base}/{name}"

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/quick"):
            self.parking.park()
        return httpx.Response(200)

    async def _aanswer(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/quick"):
            await self.parking.apark()
        return httpx.Response(200)


@pytest.fixture(params=["mocked", "real"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Answers made in the process, and a server on the loopback address."""
    parking = Parking()
    if request.param == "mocked":
        yield World("http://10.0.0.1:80", parking, mocked=True)
        return
    with ScriptedServer(parks(parking)) as server:
        yield World(server.url, parking, mocked=False)
        parking.close()


ROUNDS = 20
"""Documents after which they begin anew."""


def document(endpoint: Callable[[str], str], n: int) -> dict[str, Any]:
    """
    The document number *n*.

    What `orders` is never changes. `users` changes its endpoints and policies, `people`
    is an alias that passes from one service to another, and one service is there for one
    document only.
    """
    draw = random.Random(n % ROUNDS)
    few = draw.sample(range(1, 6), draw.randrange(0, 4))
    alias, other = draw.sample(["users", "ledger"], 2)
    services: dict[str, Any] = {
        "orders": {
            "endpoints": [endpoint("o1"), endpoint("o2"), endpoint("o3")],
            "breaker": {
                "sampling_duration": "1h",
                "break_duration": "1h",
                "max_break_duration": "1h",
            },
        },
        "users": {
            "endpoints": [
                endpoint("u0"),
                *({"url": endpoint(f"u{k}"), "weight": draw.randrange(1, 4)} for k in few),
            ],
            "balancer": draw.choice(["round_robin", "random", "least_connections", "weighted"]),
            "retry": {"max_attempts": draw.randrange(1, 4)},
            "bulkhead": {"max_concurrency": draw.randrange(100, 200)},
            "breaker": {"consecutive_failures": draw.randrange(3, 6)},
            "outlier": draw.choice([True, False]),
            "routes": draw.choice(
                [
                    [],
                    [{"timeout": 110}],
                    [
                        {"name": "none", "match": {"path": {"prefix": "/none"}}, "deny": True},
                        {"name": "all", "retry": {"max_attempts": 2}},
                    ],
                ]
            ),
        },
        "ledger": {
            "endpoints": [endpoint("l0")],
            "timeout": draw.randrange(200, 220),
            "hedge": draw.choice([None, {"delay": 100}]),
            "fallback": draw.choice([None, {"cached": 60}]),
        },
        f"brief-{n % ROUNDS}": {"endpoints": [endpoint("b")], "timeout": 100},
    }
    services[alias]["aliases"] = ["people"]
    services[other]["aliases"] = ["nobody"]
    return {
        # What orders inherits stays the same, or it would be another service.
        "defaults": {"timeout": 120, "attempt_timeout": 100},
        "outside": draw.choice(["resilient", "deny"]),
        "services": services,
        "faults": [
            {"name": f"never-{n % 2}", "match": {"service": "nobody"}, "abort": {"status": 500}}
        ],
    }


def fails(target: Any, times: int) -> None:
    """Have the breaker of *target* hear of failures."""
    for _ in range(times):
        now = monotonic()
        epoch = target.breaker.try_acquire(now)
        target.breaker.record(epoch, Verdict.FAILURE, now)


def ours() -> Counter[str]:
    """How many objects of this library and of those below it there are, by type."""
    gc.collect()
    names = (f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
    return Counter(name for name in names if name.startswith(("meshlib.", "httpx.", "httpcore.")))


def test_calls_and_state_and_memory_survive_a_thousand_swaps(world: World) -> None:
    """No call fails, an open breaker stays open, and what left is gone from memory."""
    mesh = Mesh("shop", config=document(world.endpoint, 0))
    client = MeshClient(mesh=mesh, **world.client_options)
    load = Load(client, AsyncMeshClient(mesh=mesh, **world.async_options), URLS, EACH)
    orders = mesh.service("orders")
    one, two, _ = orders.targets
    fails(one, times=5)
    fails(two, times=4)  # one less than what opens it
    assert ["open", "closed", "closed"] == [target.breaker.state.value for target in orders.targets]
    kept = orders, orders.budget, orders.bulkhead, orders.balancer, *orders.targets
    breakers = [target.breaker for target in orders.targets]
    brief: list[weakref.ref[Any]] = []
    settled: Counter[str] = Counter()
    last: Counter[str] = Counter()

    load.start()
    for n in range(1, SWAPS + 1):
        world.parking.wait_for(2 * EACH)
        if n in (SETTLED, SWAPS):
            mesh.apply(document(world.endpoint, 0))
            settled, last = last, ours()
        world.parking.release(world.turn)
        changed = mesh.apply(document(world.endpoint, n))
        assert "orders" not in changed
        if n % 10 == 0:
            assert 200 == client.get(f"http://brief-{n % ROUNDS}/quick").status_code
        brief.append(weakref.ref(mesh.service(f"brief-{n % ROUNDS}")))
    world.parking.wait_for(2 * EACH)
    mesh.patch({"services": {f"brief-{SWAPS % ROUNDS}": None}})
    load.stop(world.parking)
    # The next call lets go of what was retired, as nobody else may be at its connections.
    assert 200 == client.get("http://users/quick").status_code
    client.close()

    assert [] == load.failures
    assert all(load.calls.values())
    now = mesh.service("orders")
    assert kept == (now, now.budget, now.bulkhead, now.balancer, *now.targets)
    assert breakers == [target.breaker for target in now.targets]
    assert ["open", "closed", "closed"] == [breaker.state.value for breaker in breakers]
    assert [0, 4, 0] == [breaker.snapshot(mesh.clock()).failures for breaker in breakers]
    assert [one] == [target for target in orders.targets if target.attempts == 0]
    assert 0 == one.load.in_flight == now.bulkhead.in_flight
    assert load.calls["http://orders/"] == mesh.metrics().services["orders"].calls
    gc.collect()
    assert [] == [n for n, ref in enumerate(brief) if ref() is not None]
    grown = {name: n - settled[name] for name, n in last.items() if n > settled[name] + 2 * EACH}
    assert {} == grown
