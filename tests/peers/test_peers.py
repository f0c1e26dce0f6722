"""
Defects of other libraries that concern a whole call: each a test that they would fail.

By the numbers of the survey: 1 to 6, 11, 12, 16 (window) and 22 are in
`tests/breaker/test_peers.py`; 13, 14, 15 and 16 (queue) in `tests/bulkhead/test_peers.py`;
7 to 9, 13 and 16 (budget) in `tests/retry/test_peers.py`; 19 is in `tests/survival`, 23 in
`tests/house/test_dependencies.py`; 17 is about caches by `id` that outlive what they name,
of which this library has none. The rest is here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import meshlib
from meshlib import AsyncMeshClient, CallOptions, Mesh, MeshClient, RouteDeniedError
from support import ScriptedServer
from support.scripts import close_after_request, replies

Serve = Callable[..., ScriptedServer]
CALM = {"breaker": False, "outlier": False, "retry": {"backoff": {"initial": 0}}}


def client(handler: Any, *endpoints: str, **settings: Any) -> MeshClient:
    """A client of one service that *handler* plays."""
    users = {"endpoints": list(endpoints) or ["http://10.0.0.1:80"], **CALM, **settings}
    return MeshClient("test", services={"users": users}, transport=httpx.MockTransport(handler))


def bodies(*statuses: int) -> tuple[Any, list[bytes]]:
    """A handler that answers with these statuses, and the bodies it was sent."""
    seen: list[bytes] = []
    left = iter(statuses)

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.read())
        return httpx.Response(next(left))

    return handler, seen


def generated() -> Iterator[bytes]:
    """A body that exists once."""
    yield b"payload"


def test_7_a_put_with_an_iterator_is_never_sent_empty() -> None:
    """The 503 comes back instead of a success that lost the data."""
    handler, seen = bodies(503, 200)
    assert 503 == client(handler).put("users", "/", content=generated()).status_code
    assert [b"payload"] == seen


def test_7_an_open_file_is_sent_again_only_where_it_can_be_rewound(tmp_path: Path) -> None:
    """A form is; a bare file is an iterator like any other."""
    path = tmp_path / "file"
    path.write_bytes(b"payload")
    handler, seen = bodies(503, 200)
    with path.open("rb") as file:
        assert 200 == client(handler).put("users", "/", files={"a": file}).status_code
    assert seen[0] == seen[1]
    assert b"payload" in seen[1]
    handler, seen = bodies(503, 200)
    with path.open("rb") as file:
        assert 503 == client(handler).put("users", "/", content=file).status_code
    assert [b"payload"] == seen


def test_8_and_9_a_post_is_not_sent_three_times() -> None:
    """Neither for a 503, nor for any 4xx; with a key it may be."""
    handler, seen = bodies(503, 404, 503, 200)
    made = client(handler)
    assert [503, 404] == [made.post("users", "/", json={}).status_code for _ in range(2)]
    assert 2 == len(seen)
    assert 200 == made.post("users", "/", headers={"idempotency-key": "1"}).status_code


def test_10_uploads_are_not_read_into_memory() -> None:
    """The first chunk is on its way before the second exists."""
    order: list[str] = []

    def chunks() -> Iterator[bytes]:
        for number in range(3):
            order.append(f"made {number}")
            yield b"x"

    class Sends(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            assert isinstance(request.stream, httpx.SyncByteStream)
            for number, _ in enumerate(request.stream):
                order.append(f"sent {number}")
            return httpx.Response(200)

    services = {"users": {"endpoints": ["http://10.0.0.1:80"], **CALM}}
    MeshClient("test", services=services, transport=Sends()).put("users", "/", content=chunks())
    assert ["made 0", "sent 0", "made 1", "sent 1", "made 2", "sent 2"] == order


def test_11_ten_threads_are_ten_calls_at_once() -> None:
    """No lock is held while a request is under way: all of them meet in the handler."""
    barrier = threading.Barrier(10)

    def handler(request: httpx.Request) -> httpx.Response:
        barrier.wait(20)
        return httpx.Response(200)

    made = client(handler)
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda: results.append(made.get("users", "/").status_code))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [200] * 10 == results


def test_14_one_client_in_many_loops_and_threads() -> None:
    """The bulkhead is one count for all of them, and bound to none."""
    import anyio

    users = {"endpoints": ["http://10.0.0.1:80"], "bulkhead": {"max_concurrency": 4}}
    mesh = Mesh("test", services={"users": users})

    async def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200)

    made = AsyncMeshClient(mesh=mesh, transport=httpx.MockTransport(handler))
    results: list[int] = []

    async def calls() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(20):

                async def one() -> None:
                    results.append((await made.get("users", "/")).status_code)

                group.start_soon(one)

    threads = [threading.Thread(target=lambda: anyio.run(calls)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [200] * 80 == results
    assert 0 == mesh.service("users").bulkhead.in_flight


def test_15_context_variables_reach_the_transport() -> None:
    """No hidden thread stands between a caller and its request, not even for a hedge."""
    from contextvars import ContextVar

    variable: ContextVar[str] = ContextVar("variable", default="lost")
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(variable.get())
        return httpx.Response(200)

    variable.set("kept")
    client(handler).get("users", "/")
    client(handler, hedge={"delay": 10}).get("users", "/")
    assert ["kept", "kept"] == seen


def test_16_statuses_reach_the_breaker_and_an_open_one_falls_back() -> None:
    """Failed responses count, and a fallback without a value is a response, not None."""
    made = client(
        lambda request: httpx.Response(500), breaker={"consecutive_failures": 5}, fallback={}
    )
    answers = [made.get("users", "/") for _ in range(10)]
    assert "open" == made.mesh.service("users").targets[0].breaker.state.value
    assert {200} == {answer.status_code for answer in answers}


def test_18_a_disconnect_after_sending_is_not_taken_for_never_sent(serve: Serve) -> None:
    """It is RemoteProtocolError, and a POST is not sent again."""
    server = serve(close_after_request(), replies(200))
    with MeshClient("test", services={"users": [server.url]}) as made:
        with pytest.raises(httpx.RemoteProtocolError):
            made.post("users", "/", json={})
        assert 1 == len(server.requests)


def test_20_a_retried_response_gives_its_connection_back(serve: Serve) -> None:
    """Many retries, streamed or not, need no more connections than are in use at once."""
    server = serve(*[replies(*[503, 200] * 20)] * 3)
    settings = {"endpoints": [server.url], **CALM}
    limits = httpx.Limits(max_connections=1)
    with MeshClient("test", services={"users": settings}, limits=limits) as made:
        for _ in range(10):
            with made.stream("GET", "users", "/") as response:
                assert 200 == response.status_code
                response.read()
    assert 20 == len(server.requests)


async def test_21_retries_wait_on_any_event_loop() -> None:
    """On trio too, where asyncio's sleep fails."""
    left = iter([503, 200])

    async def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(next(left))

    users = {"endpoints": ["http://10.0.0.1:80"], "retry": {"backoff": {"initial": 0.001}}}
    made = AsyncMeshClient(
        "test", services={"users": users}, transport=httpx.MockTransport(handler)
    )
    assert 200 == (await made.get("users", "/")).status_code


def test_22_an_origin_whose_breaker_is_open_is_not_forgotten() -> None:
    """Bounding what is remembered must not close a circuit."""

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500 if request.url.host == "bad.example" else 200)

    config = {"max_outside_origins": 2, "defaults": {"breaker": {"consecutive_failures": 1}}}
    made = MeshClient("test", config=config, transport=httpx.MockTransport(handler))
    made.get("http://bad.example/", extensions={"mesh": CallOptions(retry=False)})
    for number in range(10):
        made.get(f"http://good{number}.example/")
    states = made.mesh.metrics().services["http://bad.example"].endpoints
    assert ["open"] == [endpoint.breaker for endpoint in states.values()]


def test_dropped_options_are_an_error() -> None:
    """What cannot be honoured is said, not swallowed."""
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    options = {"verify": False, "http2": True, "limits": httpx.Limits(), "proxy": "http://a"}
    for name, value in options.items():
        with pytest.raises(meshlib.ConfigurationError, match=name):
            MeshClient("test", transport=transport, **{name: value})
    with pytest.raises(RouteDeniedError):
        MeshClient("test", config={"outside": "deny"}).get("http://a.example/")
