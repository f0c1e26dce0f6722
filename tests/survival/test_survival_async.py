"""What a mesh must survive, from asynchronous code on asyncio and trio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import httpx
import pytest

from meshlib import (
    AsyncMeshClient,
    BulkheadFullError,
    CircuitOpenError,
    DeadlineExceededError,
    DiscoveryError,
    Endpoint,
    Mesh,
    MeshClient,
    NoEndpointError,
    deadline,
)
from meshlib.events import DiscoveryFailed, Event
from support import FakeClock, ScriptedServer
from support.scripts import drip, half_body, never_answer, replies

Serve = Callable[..., ScriptedServer]


def client(*urls: str, **settings: Any) -> AsyncMeshClient:
    """A client of one service at these URLs."""
    return AsyncMeshClient("test", services={"users": {"endpoints": list(urls), **settings}})


def in_flight(made: AsyncMeshClient) -> tuple[int, list[int]]:
    """Calls and attempts in flight."""
    service = made.mesh.service("users")
    return service.bulkhead.in_flight, [target.load.in_flight for target in service.targets]


async def test_fifty_tasks_on_a_half_open_breaker(clock: FakeClock) -> None:
    """One probe passes; the others are refused at once."""
    gate = anyio.Event()
    sent: list[int] = []
    failing = True

    async def answer(request: httpx.Request) -> httpx.Response:
        if failing:
            return httpx.Response(500)
        sent.append(1)
        await gate.wait()
        return httpx.Response(200)

    settings = {"endpoints": ["http://10.0.0.1:80"], "breaker": {"consecutive_failures": 1}}
    mesh = Mesh("test", services={"users": settings}, clock=clock)
    made = AsyncMeshClient(mesh=mesh, transport=httpx.MockTransport(answer))
    assert 500 == (await made.get("users", "/")).status_code
    failing = False
    clock.advance(6)
    results: list[Any] = []

    async def call() -> None:
        try:
            results.append((await made.get("users", "/")).status_code)
        except CircuitOpenError:
            results.append("open")
        if len(results) == 49:
            gate.set()

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(call)
    assert 1 == len(sent)
    assert (1, 49) == (results.count(200), results.count("open"))


async def test_cancellation_at_every_suspension_point(serve: Serve) -> None:
    """Wherever it strikes, every permit returns, and it is no failure of anybody."""
    server = serve(*[replies(*[200] * 200)] * 200)
    made = client(server.url, retry={"max_attempts": 1})
    completed = False
    for step in range(60):
        with anyio.CancelScope() as scope:

            async def after(steps: int, victim: anyio.CancelScope) -> None:
                for _ in range(steps):
                    await anyio.lowlevel.checkpoint()
                victim.cancel()

            async with anyio.create_task_group() as group:
                group.start_soon(after, step, scope)
                await made.get("users", "/")
                completed = True
                group.cancel_scope.cancel()
        assert (0, [0]) == in_flight(made)
    metrics = made.mesh.metrics().services["users"]
    assert completed
    assert (0, "closed") == (metrics.failures, next(iter(metrics.endpoints.values())).breaker)
    assert 200 == (await made.get("users", "/")).status_code
    await made.aclose()


async def test_ten_thousand_cancelled_requests_leave_nothing(serve: Serve) -> None:
    """No connection, permit or slot stays behind, and the client goes on."""
    made = client(
        serve(never_answer()).url,
        bulkhead={"max_concurrency": 50, "max_queue": 10_000, "max_wait": 60},
        breaker=False,
    )
    with anyio.move_on_after(0.2):
        async with anyio.create_task_group() as group:
            for _ in range(10_000):
                group.start_soon(made.get, "users", "/")
    assert (0, [0]) == in_flight(made)
    assert 0 == made.mesh.service("users").bulkhead.queued
    assert 0 == made._transport_of_mesh._wire.open_count
    await made.aclose()


def test_a_client_of_several_loops(serve: Serve) -> None:
    """Each loop has its own connections; those of one that ended are forgotten."""
    server = serve(*[replies(*[200] * 9)] * 9)
    made = client(server.url)

    async def twice() -> list[int]:
        return [(await made.get("users", "/")).status_code for _ in range(2)]

    for backend in ("asyncio", "trio", "asyncio"):

        async def run() -> None:
            assert [200, 200] == await twice()
            await made._transport_of_mesh._wire.aclose()

        anyio.run(run, backend=backend)
    assert [0, 0, 1, 1, 2, 2] == [request.connection for request in server.requests]
    assert (0, [0]) == in_flight(made)


async def test_a_response_never_closed_by_a_cancelled_reader(serve: Serve) -> None:
    """A reader that is cancelled in the body gives everything back."""
    made = client(serve(drip([b"x"] * 100, interval=0.05)).url)
    with anyio.move_on_after(0.1):
        await made.get("users", "/")
    assert (0, [0]) == in_flight(made)
    await made.aclose()


# A body that ends between two chunks leaves httpcore's generators to Trio's finalizer, which
# warns, as it does for any caller that stops reading.
@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
async def test_a_slow_drip_against_a_deadline(serve: Serve) -> None:
    """The deadline is for the body too, over our wire and over any other."""
    server = serve(*[drip([b"x"] * 200, interval=0.02)] * 2)
    for transport in (None, httpx.AsyncHTTPTransport()):
        made = AsyncMeshClient("test", services={"users": [server.url]}, transport=transport)
        with deadline(0.2), pytest.raises(DeadlineExceededError):
            await made.get("users", "/", timeout=5.0)
        assert (0, [0]) == in_flight(made)
        await made.aclose()


async def test_an_endpoint_that_never_answers(serve: Serve) -> None:
    """The attempt's own timeout moves the call on, over our wire and over any other."""
    silent, good = serve(never_answer()), serve(*[replies(*[200] * 9)] * 2)
    for transport in (None, httpx.AsyncHTTPTransport()):
        users = {
            "endpoints": [silent.url, good.url],
            "attempt_timeout": 0.1,
            "balancer": "round_robin",
        }
        made = AsyncMeshClient("test", services={"users": users}, transport=transport)
        for _ in range(2):
            assert 200 == (await made.get("users", "/")).status_code
        await made.aclose()


async def test_an_endpoint_that_answers_half_a_body(serve: Serve) -> None:
    """The caller gets httpx's error, and the endpoint a failure."""
    made = client(serve(half_body()).url, breaker={"consecutive_failures": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        await made.get("users", "/")
    assert "open" == made.mesh.service("users").targets[0].breaker.state.value
    await made.aclose()


async def test_a_queue_is_first_in_first_out_and_bounded() -> None:
    """One call at a time, one waits, the third is refused; a blocking client is counted too."""
    gates = [anyio.Event(), anyio.Event()]
    order: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        order.append(request.url.path)
        await gates[len(order) - 1].wait()
        return httpx.Response(200)

    limits = {"max_concurrency": 1, "max_queue": 1, "max_wait": 60}
    users = {"endpoints": ["http://10.0.0.1:80"], "bulkhead": limits}
    mesh = Mesh("test", services={"users": users})
    made = AsyncMeshClient(mesh=mesh, transport=httpx.MockTransport(answer))
    async with anyio.create_task_group() as group:
        group.start_soon(made.get, "users", "/first")
        await anyio.wait_all_tasks_blocked()
        group.start_soon(made.get, "users", "/second")
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(BulkheadFullError) as error:
            await made.get("users", "/third")
        blocking = MeshClient(mesh=mesh)
        with pytest.raises(BulkheadFullError):
            blocking.get("users", "/third")
        assert (1, 1) == (error.value.max_concurrency, error.value.queued)
        for gate in gates:
            gate.set()
    assert ["/first", "/second"] == order
    assert (0, [0]) == in_flight(made)


class Source:
    """Tells what it is told to tell, step by step."""

    name = "source"

    def __init__(self) -> None:
        self.steps: asyncio.Queue[Any] | None = None
        self.script: list[Any] = []

    async def watch(self, service: str) -> AsyncIterator[Any]:
        """Each step is a list, or an error to raise."""
        while self.script:
            step = self.script.pop(0)
            if isinstance(step, Exception):
                raise step
            yield step
        await anyio.sleep_forever()


@pytest.mark.parametrize(
    "then", [DiscoveryError("down"), ["garbage"], [Endpoint("ftp://nowhere")]], ids=str
)
async def test_discovery_that_fails_keeps_the_last_list(then: Any) -> None:
    """A failure and garbage are told, and change nothing."""
    source = Source()
    source.script = [[Endpoint("http://10.0.0.1:80")], then]
    failed = anyio.Event()
    token = anyio.lowlevel.current_token()

    def listen(event: Event) -> None:
        if isinstance(event, DiscoveryFailed):
            anyio.from_thread.run_sync(failed.set, token=token)

    mesh = Mesh("test", discovery=source, listeners=[listen])
    made = AsyncMeshClient(
        mesh=mesh, transport=httpx.MockTransport(lambda request: httpx.Response(200))
    )
    assert 200 == (await made.get("http://users/")).status_code
    with anyio.fail_after(20):
        await failed.wait()
    assert 200 == (await made.get("http://users/")).status_code
    metrics = mesh.metrics().services["users"]
    assert metrics.discovery_error is not None
    await anyio.to_thread.run_sync(mesh.close)


async def test_discovery_that_empties_is_an_answer() -> None:
    """No endpoint is no endpoint, and the error says who said so."""
    source = Source()
    source.script = [[]]
    mesh = Mesh("test", discovery=source)
    made = AsyncMeshClient(mesh=mesh)
    with pytest.raises(NoEndpointError, match="source"):
        await made.get("http://users/")
    await anyio.to_thread.run_sync(mesh.close)
