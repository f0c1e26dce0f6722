"""What a mesh must survive, from blocking code: each line of the list is a test."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from meshlib import (
    CircuitOpenError,
    DeadlineExceededError,
    Mesh,
    MeshClient,
    MeshTransport,
    deadline,
)
from support import FakeClock, ScriptedServer
from support.scripts import (
    drip,
    half_body,
    never_answer,
    replies,
)

Serve = Callable[..., ScriptedServer]
NO_BREAKER = {"breaker": False, "outlier": False}


def client(*urls: str, **settings: Any) -> MeshClient:
    """A client of one service at these URLs."""
    return MeshClient("test", services={"users": {"endpoints": list(urls), **settings}})


def in_flight(made: MeshClient) -> tuple[int, list[int]]:
    """Calls and attempts in flight."""
    service = made.mesh.service("users")
    return service.bulkhead.in_flight, [target.load.in_flight for target in service.targets]


def test_fifty_threads_on_a_half_open_breaker(clock: FakeClock) -> None:
    """One probe passes; the others are refused at once."""
    gate, entered = threading.Event(), threading.Event()
    sent: list[int] = []
    failing = True

    def answer(request: httpx.Request) -> httpx.Response:
        if failing:
            return httpx.Response(500)
        sent.append(1)
        entered.set()
        assert gate.wait(20)
        return httpx.Response(200)

    settings = {"endpoints": ["http://10.0.0.1:80"], "breaker": {"consecutive_failures": 1}}
    mesh = Mesh("test", services={"users": settings}, clock=clock)
    made = MeshClient(mesh=mesh, transport=httpx.MockTransport(answer))
    assert 500 == made.get("users", "/").status_code
    failing = False
    clock.advance(6)
    barrier, results = threading.Barrier(50), []
    lock = threading.Lock()

    def call() -> None:
        barrier.wait(20)
        try:
            result: Any = made.get("users", "/").status_code
        except CircuitOpenError:
            result = "open"
        with lock:
            results.append(result)
            if len(results) == 49:
                gate.set()

    threads = [threading.Thread(target=call) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert 1 == len(sent)
    assert (1, 49) == (results.count(200), results.count("open"))


def test_a_clock_that_jumps(clock: FakeClock) -> None:
    """Backwards or far ahead: calls go on, nothing opens, nothing is negative."""
    mesh = Mesh("test", services={"users": ["http://10.0.0.1:80"]}, clock=clock)
    made = MeshClient(mesh=mesh, transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    for step in (-3600.0, 86400.0, -1.0, 1e6):
        for _ in range(5):
            assert 200 == made.get("users", "/").status_code
        clock.advance(step)
    assert (0, [0]) == in_flight(made)
    assert "closed" == mesh.service("users").targets[0].breaker.state.value


def test_a_client_of_several_threads(serve: Serve) -> None:
    """Each request gets its own answer, over connections that are shared."""
    server = serve(replies(*[200] * 100))
    made = client(server.url)
    barrier, seen = threading.Barrier(8), []

    def call() -> None:
        barrier.wait(20)
        seen.extend(made.get("users", "/").status_code for _ in range(10))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [200] * 80 == seen
    assert (0, [0]) == in_flight(made)
    made.close()


FORK = """
import os, sys
from meshlib import MeshClient

client = MeshClient("test", services={"users": [sys.argv[1]]})
assert client.get("users", "/").status_code == 200
service = client.mesh.service("users")
assert service.bulkhead.try_acquire()  # a call of the parent is in flight
child = os.fork()
if not child:
    try:
        assert service.bulkhead.in_flight == 0
        assert client._transport_of_mesh._wire.open_count == 0
        assert client.get("users", "/").status_code == 200
    except BaseException:
        os._exit(1)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert client.get("users", "/").status_code == 200
service.bulkhead.release()
client.close()
"""


def test_a_client_after_fork(serve: Serve) -> None:
    """The child uses neither its parent's connections nor its permits, and the parent goes on."""
    server = serve(replies(200, 200, 200), replies(200, 200))
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK, server.url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert [0, 1, 0] == [request.connection for request in server.requests]


def test_a_body_that_cannot_be_replayed(serve: Serve) -> None:
    """It is sent once; the failure is returned, not an empty body sent again."""
    bad, good = serve(replies(*[503] * 9)), serve(replies(*[200] * 9))
    made = client(bad.url, good.url, balancer="round_robin", **NO_BREAKER)
    statuses = set()
    for _ in range(4):

        def body() -> Iterator[bytes]:
            yield b"payload"

        statuses.add(made.put("users", "/", content=body()).status_code)
    assert {200, 503} == statuses
    assert {b"payload"} == {request.body for request in [*bad.requests, *good.requests]}
    made.close()


def test_a_buffered_body_is_replayed(serve: Serve) -> None:
    """Up to its size it is kept; a longer one is sent once, whole."""
    bad, good = serve(replies(*[503] * 9)), serve(replies(*[200] * 9))
    made = client(
        bad.url, good.url, balancer="round_robin", retry={"buffer_body": 10}, **NO_BREAKER
    )
    for _ in range(4):
        assert 200 == made.put("users", "/", content=iter([b"pay", b"load"])).status_code
    long = [b"x" * 8, b"y" * 8]
    statuses = {made.put("users", "/", content=iter(long)).status_code for _ in range(2)}
    assert {200, 503} == statuses
    bodies = {request.body for request in [*bad.requests, *good.requests]}
    assert {b"payload", b"".join(long)} == bodies
    made.close()


def test_a_response_never_read(serve: Serve) -> None:
    """Its permits and its connection come back when it is collected, with a warning."""
    server = serve(replies(200))
    made = MeshTransport("test", services={"users": [server.url]})
    service = made.mesh.service("users")
    kept = [made.handle_request(httpx.Request("GET", "http://users/"))]
    assert (1, 1) == (service.bulkhead.in_flight, service.targets[0].load.in_flight)
    with pytest.warns(ResourceWarning, match="users"):
        kept.clear()
    assert (0, 0) == (service.bulkhead.in_flight, service.targets[0].load.in_flight)
    server.wait_for_close(0)
    made.close()


def test_a_slow_drip_against_a_deadline(serve: Serve) -> None:
    """httpx's timeout is for each read, and the deadline is for all of them."""
    made = client(serve(drip([b"x"] * 200, interval=0.02)).url)
    with deadline(0.2), pytest.raises(DeadlineExceededError) as error:
        made.get("users", "/", timeout=5.0)
    assert 1 == error.value.attempts
    assert error.value.elapsed < 2.0
    assert (0, [0]) == in_flight(made)
    made.close()


def test_an_endpoint_that_accepts_and_never_answers(serve: Serve) -> None:
    """An attempt timeout moves the call to the next one, and counts against the first."""
    silent, good = serve(never_answer()), serve(replies(*[200] * 20))
    made = client(
        silent.url,
        good.url,
        attempt_timeout=0.1,
        balancer="round_robin",
        breaker={"consecutive_failures": 2},
    )
    for _ in range(8):
        assert 200 == made.get("users", "/").status_code
    metrics = made.mesh.metrics().services["users"]
    states = {one.url: one.breaker for one in metrics.endpoints.values()}
    assert {silent.url: "open", good.url: "closed"} == states
    made.close()


def test_an_endpoint_that_answers_half_a_body(serve: Serve) -> None:
    """The caller gets httpx's error, and the endpoint a failure."""
    made = client(serve(half_body()).url, breaker={"consecutive_failures": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        made.get("users", "/")
    assert "open" == made.mesh.service("users").targets[0].breaker.state.value
    assert (0, [0]) == in_flight(made)
    made.close()


def test_an_endpoint_that_fails_fast() -> None:
    """It looks fast and gets hardly anything: a failure counts as a slow answer."""
    asked: dict[int | None, int] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        asked[request.url.port] = asked.get(request.url.port, 0) + 1
        return httpx.Response(500 if request.url.port == 1 else 200)

    endpoints = [f"http://10.0.0.1:{port}" for port in range(1, 6)]
    made = MeshClient(
        "test",
        services={"users": {"endpoints": endpoints, **NO_BREAKER}},
        transport=httpx.MockTransport(answer),
    )
    for _ in range(500):
        made.get("users", "/")
    assert asked[1] < 25  # a fair share is 100


def test_a_service_that_sheds_load(clock: FakeClock) -> None:
    """It is asked again when it said; when that is too late its answer is returned at once."""
    soon, late = ({"retry-after": seconds} for seconds in ("2", "60"))
    answers = iter(
        [httpx.Response(429, headers=soon), httpx.Response(200), httpx.Response(429, headers=late)]
    )
    mesh = Mesh("test", services={"users": ["http://10.0.0.1:80"]}, clock=clock)
    transport = httpx.MockTransport(lambda request: next(answers))
    made = httpx.Client(transport=MeshTransport(mesh=mesh, transport=transport, sleep=clock.sleep))
    assert 200 == made.post("http://users/").status_code
    assert [2.0] == clock.slept
    assert 429 == made.post("http://users/").status_code
    assert [2.0] == clock.slept
