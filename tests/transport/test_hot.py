"""What the request path skips for most calls, and what it must do all the same."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import httpx
import httpx2
import pytest

from meshlib import CallOptions, Mesh, MeshTransport
from meshlib._models import SERVER_ERROR, SUCCESS
from meshlib.httpx2 import MeshTransport as SecondTransport
from meshlib.transport import _target
from meshlib.transport._request_ids import RequestIds
from meshlib.transport._target import HISTOGRAM_SIZE, Target, locked
from support import FakeClock
from support.meshes import begun, call_of, service_of


class Recorder(httpx.BaseTransport):
    """Keeps the requests that it gets."""

    def __init__(self) -> None:
        self.seen: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer 200."""
        self.seen.append(request)
        return httpx.Response(200)


def sent(url: str, *, services: Any = None, **headers: str) -> list[dict[str, str]]:
    """The headers that the same call sends the first time, and the second."""
    inner = Recorder()
    services = services or {"users": ["http://10.0.0.1:8080"]}
    mesh = MeshTransport("checkout", services=services, transport=inner)
    request = httpx.Client().build_request("GET", url, headers=headers)
    for _ in range(2):
        mesh.handle_request(request)
    return [dict(one.headers) for one in inner.seen]


def test_headers_seen_before_are_sent_as_the_first_time() -> None:
    """Host is the endpoint's, and each call has an id of its own, every time."""
    first, second = sent("http://users/a")
    assert "10.0.0.1:8080" == first["host"] == second["host"]
    assert first.pop("x-request-id") != second.pop("x-request-id")
    for one in (first, second):
        assert 14_000 < int(one.pop("x-envoy-expected-rq-timeout-ms")) <= 15_000
    assert first == second


@pytest.mark.parametrize("name", ["x-request-id", "x-envoy-attempt-count", "host"])
def test_headers_of_the_mesh_are_never_taken_for_usual(name: str) -> None:
    """A caller's id stays, a caller's count does not, and another Host is the caller's own."""
    first, second = sent("http://users/a", **{name: "7"})
    assert ("1" if name == "x-envoy-attempt-count" else "7") == first[name] == second[name]


def test_a_call_with_other_headers_follows_one_with_usual_ones() -> None:
    """What was found out about the last call is not held true of one that differs."""
    inner = Recorder()
    mesh = MeshTransport("checkout", services={"users": ["http://10.0.0.1"]}, transport=inner)
    client = httpx.Client()
    for headers in ({}, {}, {"x-request-id": "mine"}, {"x-other": "1"}, {}):
        mesh.handle_request(client.build_request("GET", "http://users/a", headers=headers))
    assert "mine" == inner.seen[2].headers["x-request-id"]
    assert "1" == inner.seen[3].headers["x-other"]
    assert "x-other" not in inner.seen[4].headers
    assert {"10.0.0.1"} == {one.headers["host"] for one in inner.seen}


def test_urls_are_told_apart_by_path_and_query() -> None:
    """The cache of aimed URLs gives each request its own."""
    inner = Recorder()
    services = {"users": ["http://10.0.0.1:8080/v1"]}
    mesh = MeshTransport("checkout", services=services, transport=inner)
    paths = ["/a", "/a?b", "/a?", "/a?c", "/", "/%C3%BC?%20", "/a"]
    for path in paths * 2:
        mesh.handle_request(httpx.Request("GET", f"http://users{path}"))
    assert [f"http://10.0.0.1:8080/v1{path}" for path in paths * 2] == [
        str(one.url) for one in inner.seen
    ]


def test_a_url_of_another_library_is_not_used() -> None:
    """Clients of two libraries may share a mesh, and with it what it knows of a target."""
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200)

    with Mesh("checkout", services={"users": ["http://10.0.0.1"]}) as mesh:
        inner = Recorder()
        first = MeshTransport(mesh=mesh, transport=inner)
        second = SecondTransport(mesh=mesh, transport=httpx2.MockTransport(answer))
        for _ in range(2):
            first.handle_request(httpx.Request("GET", "http://users/a"))
            second.handle_request(httpx2.Request("GET", "http://users/a"))
        assert {httpx.URL} == {type(one.url) for one in inner.seen}
        assert {httpx2.URL} == {type(one.url) for one in seen}


def test_idempotence_is_decided_when_it_is_asked_for(clock: FakeClock) -> None:
    """Options come before policies, and these before the method and the key."""
    service = service_of(clock)
    assert call_of(service, "GET").idempotent
    assert not call_of(service, "POST").idempotent
    assert call_of(service, "POST", options=CallOptions(idempotent=True)).idempotent
    assert not call_of(service, "GET", options=CallOptions(idempotent=False)).idempotent


def test_a_first_pick_that_is_refused_picks_again(clock: FakeClock) -> None:
    """A breaker that opened after the snapshot was read costs the call nothing."""
    service = service_of(clock, "http://a", "http://b", breaker={"consecutive_failures": 1})
    pickable = service.pickable
    bad, good = service.targets
    bad.breaker.record(bad.breaker.epoch, SERVER_ERROR.verdict, clock())
    service.pickable = pickable  # as if another thread had not built it anew yet
    assert pickable.plain is not None
    for _ in range(2):
        call, attempt = begun(service)
        assert good is attempt.target
        call.close()
        service.pickable = pickable


def test_ids_are_unique_and_of_one_length() -> None:
    """Sixteen are made at once, and no two threads get the same one."""
    ids, taken = RequestIds(), []

    def take() -> None:
        taken.extend([ids.take() for _ in range(500)])

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 2000 == len(set(taken)) == len(taken)
    assert {32} == {len(one) for one in taken}
    assert all(int(one, 16) >= 0 for one in taken)


def target(clock: FakeClock) -> Target:
    """One target."""
    found: Target = service_of(clock, "http://a").targets[0]
    return found


def test_additions_of_threads_are_all_counted(clock: FakeClock) -> None:
    """None gets lost, with the lock or without it, as this interpreter has it."""
    counting = target(clock)

    def work() -> None:
        for _ in range(500):
            counting.begin(1)
            counting.succeed(clock(), 0.001)
            counting.settle(SERVER_ERROR, clock(), 0.001, 0.0)
            counting.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 == counting.load.in_flight
    assert (2000, 4000, 2000) == (counting.attempts, counting.outlier.total, counting.failures)
    assert 4000 == sum(counting.histogram)


def test_what_is_locked_holds_the_lock(clock: FakeClock) -> None:
    """So it is with all four where two threads can run at the same instant."""
    counting = target(clock)
    held: list[bool] = []
    locked(lambda one: held.append(one.lock.locked()))(counting)
    assert [True] == held
    assert not counting.lock.locked()
    names = ("begin", "release", "succeed", "settle")
    assert {_target.FREE_THREADED} == {hasattr(getattr(Target, n), "__wrapped__") for n in names}


@pytest.mark.parametrize("elapsed", [0.0, 9e-7, 1e-6, 2e-6, 3e-6, 4e-6, 0.001, 1.5, 1e9, -1.0])
def test_a_success_is_settled_alike_either_way(clock: FakeClock, elapsed: float) -> None:
    """`succeed` counts what `settle` counts of a success."""
    one, other = target(clock), target(clock)
    one.succeed(5.0, elapsed)
    other.settle(SUCCESS, 5.0, elapsed, 0.0)
    for each in (one, other):
        assert (1, 1) == (each.outlier.total, each.outlier.successes)
        assert 1 == Counter(each.histogram)[1]
    assert one.histogram == other.histogram
    assert one.load.ewma == other.load.ewma
    assert HISTOGRAM_SIZE == len(one.histogram)
