"""Mirrors: what a copy says, that calls never hear of it, and what is dropped."""

from __future__ import annotations

import gzip
import os
import random
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import anyio
import httpx
import pytest

from meshlib import (
    AsyncMeshClient,
    CallOptions,
    Endpoint,
    Mesh,
    MeshClient,
    MeshTransport,
    deadline,
)
from meshlib.events import MirrorDiffered, MirrorFinished
from meshlib.routing.mirror import Answered, MirrorCounts
from meshlib.runtime.mirroring._pair import Pair
from meshlib.transport import Copied
from support import FakeClock, Gate, Reply, ScriptedServer, never_answer, replies
from support.real import wait_until
from support.tls import Authority

Serve = Callable[..., ScriptedServer]


def document(
    url: str, copies: str | list[Any], *, route: dict[str, Any] | None = None, **mirror: Any
) -> dict[str, Any]:
    """A service `users` at *url* whose calls are copied to `next`, at *copies*."""
    mirrored = {"service": "next", **mirror}
    return {
        "services": {
            "users": {
                "endpoints": [url],
                "routes": [{"name": "all", "mirror": mirrored, **(route or {})}],
            },
            "next": {"endpoints": [copies] if isinstance(copies, str) else copies},
        }
    }


def counts(client: Any, mirror: str = "all/next") -> MirrorCounts:
    """What became of the copies of calls to `users`."""
    found: MirrorCounts = client.mesh.mirroring.counts()["users"][mirror]
    return found


def settled(client: Any, number: int = 1, mirror: str = "all/next") -> MirrorCounts:
    """The counts, once so many copies have ended or were dropped."""

    def ended() -> bool:
        now = counts(client, mirror)
        return now.offered >= number and not in_flight(client)

    wait_until("the copies have ended", ended)
    return counts(client, mirror)


def in_flight(client: Any) -> int:
    """Copies that are on their way, or wait."""
    senders = client.mesh.mirroring._senders.values()
    return sum(sender._in_flight + len(sender._queue) for sender in senders)


@contextmanager
def shop(config: Any = None, **options: Any) -> Iterator[MeshClient]:
    """A client that is closed once its copies have ended, so that none meets a dying server."""
    with MeshClient(None if "mesh" in options else "shop", config=config, **options) as client:
        yield client
        wait_until("the copies have ended", lambda: not in_flight(client))


@pytest.fixture
def refused() -> Iterator[str]:
    """The URL of a port that nobody listens at, and nobody else can take meanwhile."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def untouched(mesh: Mesh, name: str) -> bool:
    """Whether nothing was ever recorded with the endpoints of a service."""
    service = mesh.service(name)
    return all(
        target.attempts == target.failures == target.load.in_flight == 0
        and target.breaker.closed
        and target.breaker.opened == 0
        and target.outlier.total == 0
        and not any(target.histogram)
        for target in service.targets
    ) and (service.bulkhead.in_flight, service.budget.refused) == (0, 0)


# What a copy says


def test_copy_is_the_request_with_the_headers_of_a_shadow(serve: Serve) -> None:
    """Method, path, query, body and headers as the route made them; its own Host and name."""
    server, copies = serve(), serve()
    route = {
        "match": {"path": {"path_prefix": "/api"}},
        "rewrite": {"prefix": "/v2"},
        "headers": {"request": {"set": {"x-route": "r"}}},
    }
    config = document(
        server.url, copies.url, route=route, name="try", timeout=3, headers={"remove": "x-secret"}
    )
    with shop(config=config) as client:
        headers = {"X-Secret": "s", "X-Other": "o", "x-envoy-attempt-count": "7"}
        client.post("users", "/api/a%20b?q=1", content=b"body", headers=headers)
        (original,) = server.wait_for_requests(1)
        (copy,) = copies.wait_for_requests(1)
        assert (original.method, original.target, original.body) == (
            copy.method,
            copy.target,
            copy.body,
        )
        assert "/v2/a%20b?q=1" == copy.target
        assert f"127.0.0.1-shadow:{copies.port}" == copy.headers.pop("host")
        assert "try" == copy.headers.pop("x-meshlib-mirror")
        assert "3000" == copy.headers.pop("x-envoy-expected-rq-timeout-ms")
        for name in ("host", "x-envoy-attempt-count", "x-envoy-expected-rq-timeout-ms"):
            original.headers.pop(name)
        assert "s" == original.headers.pop("x-secret")
        assert original.headers == copy.headers  # x-request-id, too
        assert MirrorCounts(offered=1, sent=1) == settled(client, mirror="all/try")


@pytest.mark.parametrize(
    ("settings", "headers", "host"),
    [
        ({"shadow_host": False}, {}, "127.0.0.1:{port}"),
        ({"authority": "shadow.example"}, {}, "shadow.example"),
        ({}, {"host": "users.example:80"}, "users.example-shadow:80"),
    ],
)
def test_host_of_a_copy(
    serve: Serve, settings: dict[str, Any], headers: dict[str, str], host: str
) -> None:
    """The destination's own, the one that is configured, or the caller's with the suffix."""
    server, copies = serve(), serve()
    with shop(config=document(server.url, copies.url, **settings)) as client:
        client.get("users", "/", headers=headers)
        (copy,) = copies.wait_for_requests(1)
        assert host.format(port=copies.port) == copy.headers["host"]


def test_host_of_a_route_and_of_a_service(serve: Serve) -> None:
    """What the route rewrites, and else what the destination wants to be called."""
    server, copies = serve(), serve()
    config = document(server.url, copies.url, route={"rewrite": {"authority": "a.example"}})
    config["services"]["next"]["authority"] = "b.example"
    with shop(config=config) as client:
        client.get("users", "/")
        assert "a.example-shadow" == copies.wait_for_requests(1)[0].headers["host"]
        del config["services"]["users"]["routes"][0]["rewrite"]
        client.mesh.apply(config)
        client.get("users", "/")
        assert "b.example-shadow" == copies.wait_for_requests(2)[1].headers["host"]


def test_id_of_the_caller_is_kept(serve: Serve) -> None:
    """Both requests have one x-request-id, whoever made it."""
    server, copies = serve(), serve()
    with shop(config=document(server.url, copies.url)) as client:
        client.get("users", "/", headers={"x-request-id": "mine"})
        assert "mine" == copies.wait_for_requests(1)[0].headers["x-request-id"]


def test_copy_goes_over_tls_that_the_client_trusts(serve: Serve) -> None:
    """By the options of the client's own connections."""
    authority = Authority()
    server = serve()
    copies = serve(tls=authority.server("127.0.0.1"))
    config = document(server.url, copies.url)
    with shop(config=config, verify=authority.trust()) as client:
        client.get("users", "/")
        copies.wait_for_requests(1)
        assert MirrorCounts(offered=1, sent=1) == settled(client)


def test_copies_keep_their_connection(serve: Serve) -> None:
    """One after another over one connection."""
    server, copies = serve(), serve()
    with shop(config=document(server.url, copies.url)) as client:
        for number in range(1, 4):
            client.get("users", "/")
            settled(client, number)
        assert (3, 1) == (len(copies.requests), len(copies.connections))


def test_copies_go_to_a_subset_that_is_fit(serve: Serve) -> None:
    """By metadata, the first priority that is fit, in turns; an open breaker gets none."""
    server, a, b = serve(), serve(), serve()
    endpoints = [
        {"url": "http://127.0.0.1:1", "metadata": {"version": "v1"}},
        {"url": "http://127.0.0.1:2", "metadata": {"version": "v2"}, "priority": 2},
        {"url": a.url, "metadata": {"version": "v2"}, "priority": 1},
        {"url": b.url, "metadata": {"version": "v2"}, "priority": 1},
        {"url": "http://127.0.0.1:3", "metadata": {"version": "v2"}},
    ]
    config = document(server.url, endpoints, subset={"version": "v2"})
    with shop(config=config) as client:
        service = client.mesh.service("next")
        service.targets[-1].breaker.isolate()
        service.rebuild()
        for number in range(1, 5):
            client.get("users", "/")
            settled(client, number, "all/next/v2")
        assert (2, 2) == (len(a.requests), len(b.requests))
        service.set_healthy({target.address: False for target in service.targets[:3]})
        for number in range(5, 7):
            client.get("users", "/")
            settled(client, number, "all/next/v2")
        assert (2, 4) == (len(a.requests), len(b.requests))


# Which calls are copied


def test_percentage_of_the_calls_is_copied(serve: Serve) -> None:
    """Each call is drawn for."""
    server, copies = serve(), serve()
    config = document(server.url, copies.url, percentage=25, max_queue=1000)
    mesh = Mesh("shop", config=config, rng=random.Random(7))
    with mesh, shop(mesh=mesh) as client:
        for _ in range(400):
            client.get("users", "/")
        assert 75 <= counts(client).offered <= 125


def test_retries_are_not_copied(serve: Serve) -> None:
    """A call is copied once, however often it is tried; and a copy is tried once."""
    server, copies = serve(replies(503, 503, 200)), serve(replies(503))
    config = document(server.url, copies.url)
    with shop(config=config) as client:
        assert 200 == client.get("users", "/").status_code
        assert 3 == len(server.requests)
        assert MirrorCounts(offered=1, sent=1) == settled(client)
        assert 1 == len(copies.requests)
        assert untouched(client.mesh, "next")


def test_refused_call_is_not_copied(serve: Serve) -> None:
    """What the mesh refuses goes nowhere."""
    server, copies = serve(), serve()
    with shop(config=document(server.url, copies.url)) as client:
        client.mesh.service("users").targets[0].breaker.isolate()
        with pytest.raises(httpx.TransportError):
            client.get("users", "/")
        with deadline(0), pytest.raises(httpx.TimeoutException):
            client.get("users", "/")
        assert 0 == counts(client).offered


def test_body_that_can_be_sent_once_is_not_copied(serve: Serve) -> None:
    """Nor is one that is too long; a stream that was buffered for retries is."""
    server, copies = serve(), serve()
    config = document(server.url, copies.url, max_body=4)
    with shop(config=config) as client:
        client.post("users", "/", content=iter([b"ab"]))
        client.post("users", "/", content=b"abcde")
        assert {"body": 2} == counts(client).dropped
        client.mesh.patch({"retry": {"buffer_body": 100}}, service="users")
        client.post("users", "/", content=iter([b"ab", b"c"]))
        assert [b"abc"] == [each.body for each in copies.wait_for_requests(1)]


def test_mirrors_of_one_route_are_told_apart(serve: Serve) -> None:
    """Each draws for itself, and gets its own copy."""
    server, one, other = serve(), serve(), serve()
    config = document(server.url, one.url)
    config["services"]["users"]["routes"][0]["mirror"] = [
        {"service": "next"},
        {"service": "other", "headers": {"set": {"x-copy": "1"}}},
    ]
    config["services"]["other"] = {"endpoints": [other.url]}
    with shop(config=config) as client:
        client.get("users", "/")
        assert "x-copy" not in one.wait_for_requests(1)[0].headers
        assert "1" == other.wait_for_requests(1)[0].headers["x-copy"]
        assert 1 == settled(client, mirror="all/other").sent


# That calls do not hear of it


def test_dead_destination_changes_nothing(serve: Serve, refused: str) -> None:
    """Every call succeeds, and nothing is recorded with any endpoint of the destination."""
    server = serve()
    with shop(config=document(server.url, refused)) as client:
        for _ in range(100):
            assert 200 == client.get("users", "/").status_code
        found = settled(client, 100)
        assert found.failed == found.sent >= 3
        assert 100 == found.sent + found.dropped["unreachable"]  # it rests after a few
        users = client.mesh.metrics().services["users"]
        assert (100, 0, 0, 0) == (users.attempts, users.retries, users.failures, users.rejected)
        assert untouched(client.mesh, "next")


def test_rest_ends_with_one_copy_that_arrives(serve: Serve, refused: str, clock: FakeClock) -> None:
    """After it copies are sent one at a time until somebody is reached."""
    server, gate = serve(), Gate()
    late = serve(replies(200, gate=gate))
    mesh = Mesh("shop", config=document(server.url, refused), clock=clock)
    with mesh, shop(mesh=mesh) as client:
        for number in range(1, 5):
            client.get("users", "/")
            settled(client, number)
        assert {"unreachable": 1} == counts(client).dropped
        client.mesh.patch({"endpoints": [late.url]}, service="next")
        clock.advance(0.25)
        for _ in range(3):
            client.get("users", "/")
        assert {"unreachable": 3} == counts(client).dropped
        gate.open_for_good()
        wait_until("it has arrived", lambda: not in_flight(client))
        for _ in range(3):
            client.get("users", "/")
        late.wait_for_requests(4)
        assert {"unreachable": 3} == counts(client).dropped


@pytest.mark.anyio
async def test_silent_destination_changes_nothing(serve: Serve) -> None:
    """What hangs holds its own places; calls go on, and further copies are dropped."""
    server, copies = serve(), serve(never_answer())
    config = document(server.url, copies.url, max_concurrency=2, max_queue=3)
    async with AsyncMeshClient("shop", config=config) as client:
        for _ in range(20):
            assert 200 == (await client.get("users", "/")).status_code
        await copies.until(lambda: len(copies.requests) == 2)
        assert (20, {"full": 15}) == (counts(client).offered, counts(client).dropped)
        assert untouched(client.mesh, "next")
    assert {"full": 15, "closing": 3} == counts(client).dropped
    wait_until("those on their way are cut off", lambda: counts(client).failed == 2)


@pytest.mark.anyio
async def test_async_client_mirrors_and_compares(serve: Serve) -> None:
    """On any event loop, as the blocking client does."""
    server, copies = serve(replies(b'{"a": 1}')), serve(replies(b'{"a": 2}'))
    config = document(server.url, copies.url, compare={"json": True})
    async with AsyncMeshClient("shop", config=config) as client:
        assert {"a": 1} == (await client.get("users", "/")).json()
        async with client.stream("GET", "http://users/") as response:
            assert b'{"a": 1}' == b"".join([chunk async for chunk in response.aiter_raw()])
        await anyio.to_thread.run_sync(
            wait_until, "both are compared", lambda: counts(client).compared == 2
        )
        assert MirrorCounts(2, 2, 0, 2, 2) == counts(client)


@pytest.mark.parametrize(
    ("method", "compare"),
    [("offer", True), ("came", True), ("came", {"json": True})],
)
def test_failing_mirror_is_not_heard_of(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
    compare: Any,
) -> None:
    """Whatever goes wrong with a copy, the call goes on, and the log tells of it."""
    server = serve(replies(b"body"))

    def fail(*arguments: object) -> None:
        raise ZeroDivisionError

    config = document(server.url, server.url, compare=compare)
    with shop(config=config) as client:
        (sender,) = client.mesh.mirroring._senders.values()
        owner = type(sender) if method == "offer" else Pair
        monkeypatch.setattr(owner, method, fail)
        assert b"body" == client.get("users", "/").content
        assert 1 == len([each for each in caplog.records if each.exc_info])


def test_passthrough_adds_nothing(serve: Serve) -> None:
    """Where attempts carry no headers of the mesh, a copy has no id of its own."""
    server, copies = serve(), serve()
    config = document(server.url, copies.url)
    with shop(config=config) as client:
        (lane,) = client.mesh.service("users").router.lanes.values()
        lane.policies = replace(lane.policies, wire_headers=False)
        client.get("users", "/")
        assert "x-request-id" not in copies.wait_for_requests(1)[0].headers


def test_copies_go_through_the_proxy_of_the_client(serve: Serve) -> None:
    """Its address is asked for there."""
    server, proxy = serve(), serve()
    config = document(server.url, "http://next.example")
    with shop(config=config, proxy=proxy.url) as client:
        client.get("users", "/a")
        targets = {request.target for request in proxy.wait_for_requests(2)}
        assert {f"{server.url}/a", "http://next.example/a"} == {
            target.replace(".example:80", ".example") for target in targets
        }


def test_name_for_tls_is_that_of_the_destination(serve: Serve) -> None:
    """A service that is called by a name of its own is asked for it, and must prove it."""
    authority = Authority()
    server, copies = serve(), serve(tls=authority.server("next.example"))
    config = document(server.url, copies.url)
    with shop(config=config, verify=authority.trust()) as client:
        client.get("users", "/")
        assert MirrorCounts(1, 1, failed=1) == settled(client)
        client.mesh.patch({"authority": "next.example:443"}, service="next")
        client.get("users", "/")
        assert "next.example-shadow:443" == copies.wait_for_requests(1)[0].headers["host"]


# What is dropped, and why


def test_timeout_of_a_copy_is_its_own(serve: Serve) -> None:
    """It fails then; the deadline of the caller is none of its."""
    events: list[Any] = []
    server, copies = serve(), serve(never_answer())
    config = document(server.url, copies.url, timeout="50ms")
    with shop(config=config, listeners=[events.append]) as client:
        client.get("users", "/")
        assert MirrorCounts(offered=1, sent=1, failed=1) == settled(client)
        wait_until("it is told", lambda: any(type(e) is MirrorFinished for e in events))
        (told,) = [event for event in events if type(event) is MirrorFinished]
        assert ("users", "all", "next", "GET", None) == (
            told.service, told.route, told.mirror, told.method, told.status,
        )  # fmt: skip
        assert isinstance(told.error, TimeoutError | httpx.TimeoutException)
        assert f"{copies.url}" == told.endpoint.url


def test_service_without_endpoints_gets_no_copies(serve: Serve) -> None:
    """They are dropped, also when nobody knows the service."""
    server = serve()
    config = document(server.url, [])
    with shop(config=config) as client:
        client.get("users", "/")
        assert {"no_endpoint": 1} == settled(client).dropped
        del config["services"]["next"]
        client.mesh.apply(config)
        client.get("users", "/")
        assert {"no_endpoint": 2} == settled(client, 2).dropped


def test_copy_waits_for_the_first_endpoints(serve: Serve) -> None:
    """A destination that is discovered is found when it is first needed."""
    server, copies = serve(), serve()
    found = Gate()

    class Source:
        """A source that waits for the test."""

        async def watch(self, service: str) -> Any:
            """One list of endpoints."""
            await found.passed()
            yield [Endpoint(copies.url)]
            await anyio.sleep_forever()

    config = document(server.url, [])
    config["services"]["next"] = {"discovery": Source()}
    with shop(config=config) as client:
        client.get("users", "/")
        found.open()
        copies.wait_for_requests(1)
        assert MirrorCounts(offered=1, sent=1) == settled(client)


def test_transport_of_the_client_gets_no_copies() -> None:
    """Its connections are for calls; one that is named for copies gets them."""

    class Given(httpx.BaseTransport):
        """A transport that is somebody else's."""

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            """Answer."""
            return httpx.Response(200)

    config = document("http://10.0.0.1", "http://10.0.0.2")
    copied: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        copied.append(request)
        return httpx.Response(200)

    with shop(config=config, transport=Given()) as client:
        client.get("users", "/")
        assert {"transport": 1} == counts(client).dropped
        client.mesh.mirroring.use(httpx.MockTransport(answer))
        client.get("users", "/")
        assert MirrorCounts(offered=2, sent=1, dropped={"transport": 1}) == settled(client, 2)
        assert ["http://10.0.0.2/"] == [str(request.url) for request in copied]


def test_mock_transport_gets_copies() -> None:
    """So that a test sees them without a server."""
    hosts: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(200, json={"host": request.url.host})

    config = document("http://10.0.0.1", "http://10.0.0.2", compare={"json": True})
    with shop(config=config, transport=httpx.MockTransport(answer)) as client:
        client.get("users", "/")
        wait_until("both are compared", lambda: counts(client).compared == 1)
        assert {"10.0.0.1", "10.0.0.2"} == set(hosts)
        assert 1 == counts(client).different


# Comparisons


def test_difference_is_told(serve: Serve) -> None:
    """With the request it is about, and without its secrets."""
    events: list[Any] = []
    server = serve(replies(Reply(200, b'{"a": 1, "at": 1}', {"etag": "x"})))
    copies = serve(replies(Reply(200, b'{"a": 2, "at": 2}', {"etag": "y"})))
    compare = {"headers": ["etag"], "json": True, "ignore": ["/at"]}
    config = document(server.url, copies.url, compare=compare)
    with shop(config=config, listeners=[events.append]) as client:
        client.get("users", "/a?token=secret", headers={"x-request-id": "r1"})
        wait_until("it is told", lambda: any(type(e) is MirrorDiffered for e in events))
        (told,) = [event for event in events if type(event) is MirrorDiffered]
        assert ("users", "all", "next", "GET", "/a?token=REDACTED", "r1") == (
            told.service, told.route, told.mirror, told.method, told.path, told.request_id,
        )  # fmt: skip
        assert ["header etag", "/a"] == [each.place for each in told.comparison.differences]
        assert MirrorCounts(1, 1, 0, 1, 1) == counts(client)


@pytest.mark.parametrize(
    ("body", "copied", "counted"),
    [
        (Reply(200, gzip.compress(b"[1]"), {"content-encoding": "gzip"}), b"[1]", (1, 0)),
        (b"[1, 2, 3]", b"[1,2,3]", (1, 0)),
        (b"[1]", Reply(500, b"[1]"), (1, 1)),
        (b"[1]", Reply(200, b"no gzip", {"content-encoding": "gzip"}), (1, 0)),
        (b"[1]", b"[" + b"1," * 100 + b"1]", (1, 0)),
        (b"[" + b"1," * 100 + b"1]", b"[1]", (1, 0)),
        (Reply(200, gzip.compress(b"1" * 5000), {"content-encoding": "gzip"}), b"1", (1, 0)),
    ],
    ids=[
        "compressed",
        "spelt otherwise",
        "status",
        "damaged",
        "long copy",
        "long",
        "long in the end",
    ],
)
def test_bodies_are_compared_as_they_are_read(
    serve: Serve, body: Any, copied: Any, counted: tuple[int, int]
) -> None:
    """Decoded; one that is too long is left out, and the application reads all of it."""
    server, copies = serve(replies(body)), serve(replies(copied))
    compare = {"json": True, "max_body": 100}
    with shop(config=document(server.url, copies.url, compare=compare)) as client:
        plain = httpx.get(server.url).content
        assert plain == client.get("users", "/").content
        wait_until("it is compared", lambda: counts(client).compared == 1)
        assert counted == (counts(client).compared, counts(client).different)


def test_body_that_is_not_read_is_not_compared(serve: Serve) -> None:
    """Nothing is read that the application does not read."""
    server, copies = serve(replies(b"[1]")), serve(replies(b"[1]"))
    config = document(server.url, copies.url, compare={"json": True})
    with shop(config=config) as client:
        with client.stream("GET", "http://users/"):
            settled(client)
        client.get("users", "/")
        wait_until("the second is compared", lambda: counts(client).compared == 1)
        assert 2 == counts(client).sent


def test_response_that_is_dropped_gives_everything_back(serve: Serve) -> None:
    """As without a mirror: with a warning, and its connection closed."""
    server, copies = serve(), serve()
    config = document(server.url, copies.url, compare={"json": True})
    with MeshTransport("shop", config=config) as transport:
        with pytest.warns(ResourceWarning, match="without being closed"):
            transport.handle_request(httpx.Request("GET", "http://users/"))
        server.wait_for_close()
        assert 0 == transport.mesh.service("users").bulkhead.in_flight


def test_answer_that_comes_first_waits(serve: Serve) -> None:
    """Whichever of the two comes first, they are compared."""
    gate = Gate()
    server, copies = serve(replies(b"[1]")), serve(replies(b"[2]", gate=gate))
    config = document(server.url, copies.url, compare={"json": True})
    with shop(config=config) as client:
        client.get("users", "/")
        gate.open()
        wait_until("the copy came last", lambda: counts(client).compared == 1)
        with client.stream("GET", "http://users/") as response:
            gate.open()
            settled(client, 2)
            assert 1 == counts(client).compared
            response.read()
        wait_until("the call came last", lambda: counts(client).compared == 2)


def test_pair_is_compared_once(serve: Serve) -> None:
    """Though both answers may say that the other one is there; and none after the end."""
    server, copies = serve(), serve()
    config = document(server.url, copies.url, compare=True)
    with shop(config=config) as client:
        (sender,) = client.mesh.mirroring._senders.values()
        request = httpx.Request("GET", "http://users/")
        call = client.mesh.begin(request)
        comparer = sender.mirror.comparer
        assert comparer is not None
        pair = Pair(sender, Copied(call), comparer)
        pair.came(200, [], None)
        pair._mirrored = Answered(201)
        for _ in range(3):
            sender.met(pair)
        client.get("users", "/")
        wait_until("both are compared", lambda: counts(client).compared == 2)
        assert sender.takes()
        client.mesh.close()
        assert sender.offer(Copied(call)) is None
        sender.met(pair)
        assert not sender._pairs
        assert {"closing": 1} == counts(client).dropped
        assert 2 == counts(client).compared


def test_service_without_an_end_has_one_for_copies(serve: Serve) -> None:
    """A copy that hangs for ever would hold its place for ever."""
    server, copies = serve(), serve()
    config = document(server.url, copies.url)
    config["services"]["users"]["timeout"] = None
    with shop(config=config) as client:
        client.get("users", "/")
        (copy,) = copies.wait_for_requests(1)
        assert "15000" == copy.headers["x-envoy-expected-rq-timeout-ms"]


# The life of a mesh


def test_configuration_changes_while_copies_are_sent(serve: Serve) -> None:
    """A mirror that stays keeps its queue; one that changes keeps its counts; others end."""
    server, copies = serve(), serve()
    config = document(server.url, copies.url)
    with shop(config=config) as client:
        client.get("users", "/")
        settled(client)
        (before,) = client.mesh.mirroring._senders.values()
        config["services"]["users"]["timeout"] = 7
        config["services"]["users"]["routes"][0]["mirror"]["timeout"] = None
        client.mesh.patch({"retry": False}, service="users")
        assert [before] == list(client.mesh.mirroring._senders.values())
        client.mesh.apply(config)
        (after,) = client.mesh.mirroring._senders.values()
        assert after is not before
        client.get("users", "/")
        assert MirrorCounts(2, 2) == settled(client, 2)
        config["services"]["users"]["routes"] = []
        client.mesh.apply(config)
        assert {} == client.mesh.mirroring.counts()
        client.get("users", "/")
        assert 2 == len(copies.requests)


def test_tenants_have_mirrors_of_their_own(serve: Serve) -> None:
    """Their copies are counted together."""
    server, copies = serve(), serve()
    config = document(server.url, copies.url)
    config["tenants"] = {"a": {}}
    with shop(config=config) as client:
        for number, tenant in enumerate((None, "a", "a"), 1):
            client.get("users", "/", extensions={"mesh": CallOptions(tenant=tenant)})
            settled(client, number)
        assert 2 == len(client.mesh.mirroring._senders)
        assert MirrorCounts(3, 3) == counts(client)


def test_closed_mesh_sends_nothing(serve: Serve) -> None:
    """A call that is still made goes on without its copy."""
    server, copies = serve(), serve()
    mesh = Mesh("shop", config=document(server.url, copies.url))
    with MeshClient(mesh=mesh) as client:
        mesh.close()
        assert 200 == client.get("users", "/").status_code
        assert {"closing": 1} == counts(client).dropped


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forked_child_sends_for_itself(serve: Serve) -> None:
    """Over connections of its own; those of its parent stay as they are."""
    server, copies = serve(), serve()
    with shop(config=document(server.url, copies.url)) as client:
        client.get("users", "/")
        settled(client)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                client.get("users", "/")
                wait_until("it is sent", lambda: counts(client).sent == 2 and not in_flight(client))
                status = 0
            finally:
                sys.stderr.flush()
                os._exit(status)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        client.get("users", "/")
        copies.wait_for_requests(3)
        assert [0, 1, 0] == [each.connection for each in copies.requests]
