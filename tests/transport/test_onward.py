"""What calls made while a request is served have from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from meshlib import AsyncMeshClient, MeshClient
from meshlib._context import Serving, served_request
from meshlib.events import RetryRefused
from meshlib.inbound import Head, Inbound
from meshlib.transport._again import hedge_delay
from meshlib.transport._mirror_tap import Copied
from support import FakeClock
from support.meshes import Caller, begun, service_of

CHAIN = "x-meshlib-chain"


@contextmanager
def serving(**headers: str) -> Iterator[None]:
    """While a request with these headers is served, whose sender is trusted."""
    pairs = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    with Inbound("orders").arrive(Head("GET", "/", pairs, peer="10.0.0.9")).context():
        yield


ALL = {
    "x_request_id": "id7",
    "x_meshlib_priority": "sheddable",
    "x_meshlib_tenant": "acme",
    "x_meshlib_chain": "id1;1;shop",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}


class Sent:
    """Answers every request, and keeps the headers of the last."""

    def __init__(self) -> None:
        self.headers = httpx.Headers()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """200."""
        self.headers = request.headers
        return httpx.Response(200)


@pytest.fixture
def sent() -> Sent:
    """What has been sent."""
    return Sent()


@pytest.fixture
def client(sent: Sent) -> Iterator[MeshClient]:
    """A client of one service, in a process that serves."""
    services: Any = {"users": ["http://10.0.0.1:80"]}
    transport = httpx.MockTransport(sent)
    with MeshClient("orders", services=services, transport=transport) as client:
        yield client


def test_calls_carry_on(client: MeshClient, sent: Sent) -> None:
    """Id, priority, tenant and chain go to a service, with our name on the stack."""
    with serving(**ALL):
        client.get("http://users/")
    assert ("id7", "sheddable", "acme", "id1;2;shop,orders") == (
        sent.headers["x-request-id"],
        sent.headers["x-meshlib-priority"],
        sent.headers["x-meshlib-tenant"],
        sent.headers[CHAIN],
    )
    assert "1" == sent.headers["x-envoy-attempt-count"]


@pytest.mark.anyio
async def test_async_calls_carry_on(sent: Sent) -> None:
    """The same in async code."""
    services: Any = {"users": ["http://10.0.0.1:80"]}
    transport = httpx.MockTransport(sent)
    async with AsyncMeshClient("orders", services=services, transport=transport) as client:
        with serving(**ALL):
            await client.get("http://users/")
    assert ("id7", "id1;2;shop,orders") == (sent.headers["x-request-id"], sent.headers[CHAIN])


def test_outside_origins_are_not_told(client: MeshClient, sent: Sent) -> None:
    """Who calls whom here, and for whom, concerns nobody outside; the id does no harm."""
    with serving(**ALL):
        client.get("https://api.example.com/")
    assert "id7" == sent.headers["x-request-id"]
    assert not [name for name in sent.headers if name.startswith("x-meshlib")]


def test_what_the_caller_sets_stays(client: MeshClient, sent: Sent) -> None:
    """But for a chain that was copied from the request, which would be the one before."""
    said = {"x-request-id": "own", "x-meshlib-tenant": "other", CHAIN: "id1;1;shop"}
    with serving(**ALL):
        client.get("http://users/", headers=said)
    assert ("own", "other", ["id1;2;shop,orders"]) == (
        sent.headers["x-request-id"],
        sent.headers["x-meshlib-tenant"],
        sent.headers.get_list(CHAIN),
    )
    assert ["own"] == sent.headers.get_list("x-request-id")


def test_nothing_is_carried_on_outside_of_a_request(client: MeshClient, sent: Sent) -> None:
    """A call that is made for no request begins no chain."""
    with serving(**ALL):
        pass
    client.get("http://users/")
    assert "id7" != sent.headers["x-request-id"]
    assert CHAIN not in sent.headers


def test_nothing_is_asked_where_nothing_serves(
    client: MeshClient, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process without the server's half no call looks for a request."""
    with serving(**ALL):
        monkeypatch.setattr(Serving, "begun", False)
        client.get("http://users/")
    assert CHAIN not in sent.headers


def test_what_is_received_can_be_read(client: MeshClient, sent: Sent) -> None:
    """Down a chain of services the origin stays, and depth and stack grow."""
    arrival = Inbound("shop").arrive(Head("GET", "/", peer="10.0.0.9"))
    with arrival.context():
        client.get("http://users/")
    received = [(name.lower(), value) for name, value in sent.headers.raw]
    served = Inbound("users").arrive(Head("GET", "/", received, peer="10.0.0.9")).served
    first = arrival.served.request_id
    assert (first, first, 1, ("shop",)) == (
        served.request_id, served.origin, served.depth, served.stack,
    )  # fmt: skip


def test_a_copy_carries_the_same_on(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is mirrored and its copy are of one request, and tell so alike."""
    copies: list[Copied] = []
    monkeypatch.setattr(
        "meshlib.transport._routed.fork", lambda call, _: copies.append(Copied(call))
    )
    routes = [{"name": "all", "mirror": {"service": "copy"}}]
    users = {"endpoints": ["http://10.0.0.1:80"], "routes": routes}
    config = {"services": {"users": users, "copy": ["http://10.0.0.2:80"]}}
    with MeshClient("orders", config=config, transport=httpx.MockTransport(sent)) as client:
        with serving(**ALL):
            client.get("http://users/")
        assert "id7" == sent.headers["x-request-id"]
        client.get("http://users/")
    told = {lower: value for _, lower, value in copies[0].headers}
    assert ("id7", b"id7", b"id1;2;shop,orders") == (
        copies[0].request_id, told[b"x-request-id"], told[b"x-meshlib-chain"],
    )  # fmt: skip
    assert sent.headers["x-request-id"] == copies[1].request_id != "id7"
    assert b"x-meshlib-chain" not in {lower for _, lower, _ in copies[1].headers}


@pytest.mark.parametrize(("attempt", "retried"), [("1", True), ("2", False)])
def test_retry_allowance(clock: FakeClock, attempt: str, retried: bool) -> None:
    """A call made for a request that is already a retry is not retried, and says why."""
    events: list[Any] = []
    service = service_of(clock, events=events)
    with serving(x_envoy_attempt_count=attempt):
        call, first = begun(service)
        assert retried is (call.finish_attempt(first, httpx.Response(503)) is not None)
    refused = [event.reason for event in events if isinstance(event, RetryRefused)]
    assert ([] if retried else ["allowance"]) == refused
    call.close()


@pytest.mark.parametrize(("attempt", "hedged"), [("1", True), ("2", False)])
def test_hedge_allowance(clock: FakeClock, attempt: str, hedged: bool) -> None:
    """Nor is a hedge sent for one."""
    service = service_of(clock, hedge={"delay": 0.05})
    with serving(x_envoy_attempt_count=attempt):
        call, _ = begun(service)
        assert hedged is (hedge_delay(call) is not None)
    call.close()


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_retries_through_a_driver(clock: FakeClock, kind: str) -> None:
    """The whole way: one attempt for a retry, and all of them for a first one."""
    caller = Caller(kind, clock, 503)
    with serving(x_envoy_attempt_count="2"):
        assert 503 == (await caller.call()).status_code
    assert 1 == len(caller.wire.requests)
    await caller.call()
    assert 1 + 3 == len(caller.wire.requests)
    assert served_request.get() is None
