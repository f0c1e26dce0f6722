"""What no real etcd can be made to say at will, said by a script."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from meshlib import DiscoveryError, Endpoint
from meshlib.discovery._timing import Timing
from meshlib.discovery.etcd import EtcdDiscovery, EtcdRegistrar
from meshlib.discovery.etcd._body import Body
from meshlib.discovery.etcd._credentials import Credentials
from meshlib.discovery.registration import Instance
from support import FakeClock, Peer, Script, ScriptedServer, never_answer
from support.real.following import first, following

Serve = Callable[..., ScriptedServer]
A, B = (f"http://127.0.0.1:{port}" for port in (8001, 8002))
HEADER = {"cluster_id": "1", "revision": "5", "raft_term": "2"}
CREATED = {"result": {"header": HEADER, "created": True}}
RESET = object()
NO_LEADER = {"grpc_code": 14, "http_code": 503, "message": "etcdserver: no leader"}


def kv(key: str, url: str, revision: int = 5) -> dict[str, Any]:
    """A key with its value."""
    key, url = (base64.b64encode(text.encode()).decode() for text in (key, url))
    return {"key": key, "value": url, "mod_revision": str(revision)}


def etcd(**answers: list[Any]) -> Script:
    """
    Answer each path with the next of its *answers*, the last one for ever.

    A path is called by its last part. An answer is a document, one with its status, bytes
    for what is no JSON, or a list of the messages of a stream: the stream stays open when
    the last one is `...`, and is reset at RESET.
    """

    async def script(peer: Peer) -> None:
        while (request := await peer.request()) is not None:
            ready = answers[request.target.rpartition("/")[2]]
            answer = ready.pop(0) if len(ready) > 1 else ready[0]
            if isinstance(answer, list):
                await peer.send_head(200, {"connection": "close"})
                for message in answer:
                    if message is ...:
                        await peer.gone()
                        return
                    if message is RESET:
                        peer.reset()
                        return
                    data = message if isinstance(message, bytes) else json.dumps(message).encode()
                    await peer.send(data + b"\n")
                return
            status, document = answer if isinstance(answer, tuple) else (200, answer)
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            await peer.respond(status, data)

    return script


def listed(*urls: str) -> dict[str, Any]:
    """The answer to a range."""
    kvs = [kv(f"/meshlib/services/users/{n}", url) for n, url in enumerate(urls)]
    return {"header": HEADER, "kvs": kvs}


class Waits:
    """A timing that waits for nothing, and begins with the first member."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        chance = random.Random(1)
        chance.randrange = lambda *arguments: 0  # type: ignore[method-assign]  # a chance of our choice
        self.timing = Timing(clock=FakeClock(), sleep=self.sleep, rng=chance)

    async def sleep(self, seconds: float) -> None:
        """Note it."""
        self.pauses.append(seconds)


async def test_a_watch_that_ends_at_once_is_reported_in_the_end(serve: Serve) -> None:
    """It is begun again more and more slowly, and then it is a failure."""
    server = serve(etcd(range=[listed(A)], watch=[[CREATED]]))
    waits = Waits()
    async with following(EtcdDiscovery(server.url, _timing=waits.timing), "users") as seen:
        error = await seen.until_error()
    assert "etcd ended 6 watches in a row" in str(error)
    assert 6 == len(waits.pauses)
    assert [{A}] == [{one.url for one in found} for found in seen.lists]


async def test_no_leader_within_a_watch_is_the_next_members_turn(serve: Serve) -> None:
    """Its error comes in the stream, and the watch goes on elsewhere from where it was."""
    event = {"result": {"header": HEADER, "events": [{"kv": kv("x", B, 9)}]}}
    one = serve(etcd(range=[listed(A)], watch=[[CREATED, event, {"error": NO_LEADER}]]))
    created = {"result": {"header": {**HEADER, "revision": "9"}, "created": True}}
    two = serve(etcd(watch=[[created, {"result": {"events": [{"kv": kv("y", A, 10)}]}}, ...]]))
    source = EtcdDiscovery([one.url, two.url], _timing=Waits().timing)
    async with following(source, "users") as seen:
        await seen.until(lambda: [A, B, A] == [found.url for found in (seen.lists or [()])[-1]])
    (request,) = two.requests
    assert "10" == json.loads(request.body)["create_request"]["start_revision"]
    assert "true" == request.headers["grpc-metadata-hasleader"]


async def test_an_election_is_waited_for(serve: Serve) -> None:
    """Nobody can answer while there is no leader, and there will be one within seconds."""
    none = (503, {"message": "etcdserver: no leader", "code": 14})
    changed = (503, {"message": "etcdserver: leader changed", "code": 14})
    server = serve(etcd(range=[none, changed, none, listed(A)], watch=[[CREATED, ...]]))
    waits = Waits()
    source = EtcdDiscovery([server.url], _timing=waits.timing)
    assert [A] == [one.url for one in await first(source, "users")]
    one, two, three = waits.pauses
    assert 0.25 <= one <= 0.375
    assert 0.5 <= two <= 0.75
    assert 1.0 <= three <= 1.5


async def test_a_watch_that_breaks_is_the_next_members_turn(serve: Serve) -> None:
    """The member that broke it is not asked first, since it may answer nothing any more."""
    one = serve(etcd(range=[listed(A)], watch=[[CREATED, RESET]]))
    two = serve(etcd(watch=[[CREATED, {"result": {"events": [{"kv": kv("y", B, 10)}]}}, ...]]))
    source = EtcdDiscovery([one.url, two.url], _timing=Waits().timing)
    async with following(source, "users") as seen:
        await seen.until_urls(A, B)
    assert 2 == len(one.requests)


async def test_who_was_tried_in_vain_is_not_tried_again(serve: Serve) -> None:
    """A caller that loses patience with a member finds another one the next time."""
    one, two = serve(never_answer()), serve(etcd(grant=[{"ID": "1"}], put=[{}]))
    registrar = EtcdRegistrar([one.url, two.url], timeout="1m", _timing=Waits().timing)
    instance = Instance(service="users", endpoint=Endpoint(A), id="a")
    async with registrar.session() as session:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(session.register, instance)
            await one.until(lambda: one.requests)
            tasks.cancel_scope.cancel()
        with anyio.fail_after(20.0):
            await session.register(instance)
    assert 2 == len(two.requests)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"range": [b"<html>"]}, "JSON is needed"),
        ({"range": [[]]}, "JSON is needed"),
        ({"range": [(502, b"<html>")]}, "no member .* HTTP 502 in place of JSON: <html>"),
        ({"range": [(302, b"")]}, "HTTP 302 in place of JSON"),
        ({"range": [[1]]}, "an answer is an object, not 1"),
        ({"range": [listed(A)], "watch": [(404, b"none")]}, "HTTP 404 in place of JSON: none"),
        ({"range": [listed(A)], "watch": [[]]}, "no member .* the watch ended before it began"),
        ({"range": [listed(A)], "watch": [[{"error": NO_LEADER}]]}, "no member .* no leader"),
        ({"range": [listed(A)], "watch": [[b"nonsense"]]}, "JSON is needed"),
        ({"range": [listed(A)], "watch": [[{"result": 1}]]}, "a result is an object"),
        (
            {"range": [listed(A)], "watch": [[CREATED, {"result": {"events": [{"type": "GET"}]}}]]},
            "an event is PUT or DELETE, not 'GET'",
        ),
        (
            {"range": [listed(A)], "watch": [[{"result": {"created": True, "canceled": True}}]]},
            "refused: no reason was given",
        ),
        (
            {
                "range": [listed(A)],
                "watch": [[CREATED, {"result": {"canceled": True, "cancel_reason": "permission"}}]],
            },
            "permission",
        ),
    ],
)
async def test_whatever_a_server_says_is_a_discovery_error(
    serve: Serve, answers: dict[str, list[Any]], message: str
) -> None:
    """Nothing but DiscoveryError, with what was wrong."""
    source = EtcdDiscovery(serve(etcd(**answers)).url, _timing=Waits().timing)
    async with following(source, "users") as seen:
        error = await seen.until_error()
    assert isinstance(error, DiscoveryError)
    with pytest.raises(DiscoveryError, match=message):
        raise error


async def test_a_revision_that_goes_while_it_is_read(serve: Serve) -> None:
    """Compacted between two pages, everything is read again."""
    gone = (400, {"message": "etcdserver: mvcc: required revision has been compacted", "code": 11})
    server = serve(
        etcd(range=[{**listed(A), "more": True}, gone, listed(B)], watch=[[CREATED, ...]])
    )
    source = EtcdDiscovery(server.url, _timing=Waits().timing)
    assert [B] == [one.url for one in await first(source, "users")]


async def test_a_watch_may_be_closed_while_it_says_much(serve: Serve) -> None:
    """What has arrived and was not read yet is no obstacle."""
    events = [{"result": {"events": [{"kv": kv(f"{n}", A, 6 + n)}]}} for n in range(1000)]
    server = serve(etcd(range=[listed(A)], watch=[[CREATED, *events, ...]]))
    assert [A] == [one.url for one in await first(EtcdDiscovery(server.url), "users")]
    async with following(EtcdDiscovery(server.url), "users") as seen:
        await seen.until(lambda: len(seen.lists) > 1)


async def test_a_member_that_cannot_authenticate_is_left_for_another(serve: Serve) -> None:
    """The token comes from whichever member has a leader."""
    one = serve(etcd(authenticate=[(503, {"message": "etcdserver: no leader", "code": 14})]))
    two = serve(etcd(authenticate=[{"token": "t"}], range=[listed(A)], watch=[[CREATED, ...]]))
    source = EtcdDiscovery([one.url, two.url], username="me", password="x", _timing=Waits().timing)
    assert [A] == [found.url for found in await first(source, "users")]
    assert "t" == two.requests[1].headers["authorization"]


async def test_a_token_that_is_refused_twice_is_an_error(serve: Serve) -> None:
    """It is fetched again once, not for ever."""
    refused = (401, {"error": "etcdserver: invalid auth token", "code": 16})
    server = serve(etcd(authenticate=[{"token": "t"}], range=[refused]))
    source = EtcdDiscovery(server.url, username="me", password="x")
    with pytest.raises(DiscoveryError, match="refused: etcdserver: invalid auth token"):
        await first(source, "users")
    assert 4 == len(server.requests)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"grant": [{}]}, "a lease has an ID"),
        ({"grant": [{"ID": "1"}], "put": [(403, {"message": "denied", "code": 7})]}, "denied"),
    ],
)
async def test_a_registration_that_is_refused(
    serve: Serve, answers: dict[str, list[Any]], message: str
) -> None:
    """Each answer that is not as expected is an error."""
    instance = Instance(service="users", endpoint=Endpoint(A), id="a")
    server = serve(etcd(**answers))
    async with EtcdRegistrar(server.url).session() as session:
        for _ in range(2):  # the second time with the lease that was granted
            with pytest.raises(DiscoveryError, match=message):
                await session.register(instance)


async def test_a_goodbye_that_is_refused(serve: Serve) -> None:
    """Only a lease that has ended already is no error."""
    instance = Instance(service="users", endpoint=Endpoint(A), id="a")
    server = serve(
        etcd(
            grant=[{"ID": "1"}],
            put=[{}],
            revoke=[(403, {"message": "denied", "code": 7})],
            keepalive=[{"error": {"message": "no", "grpc_code": 5}}],
        )
    )
    async with EtcdRegistrar(server.url).session() as session:
        await session.register(instance)
        with pytest.raises(DiscoveryError, match="no"):
            await session.renew(instance)
        with pytest.raises(DiscoveryError, match="denied"):
            await session.deregister(instance)


async def test_a_body_is_sent_any_number_of_times() -> None:
    """Its iterators are independent, and are no generators."""
    body = Body(b"x")
    assert [[b"x"], [b"x"]] == [[chunk async for chunk in aiter(body)] for _ in range(2)]
    assert aiter(aiter(body)) is not aiter(body)


async def test_a_token_that_is_new_already_is_not_forgotten() -> None:
    """Of two watches whose token is refused, the second finds the one that the first fetched."""
    given = iter("ab")

    async def authenticate(request: dict[str, str]) -> Any:
        return {"token": next(given)}

    credentials = Credentials("me", "x", None)
    assert "a" == await credentials.token(authenticate)
    credentials.forget("a")
    assert "b" == await credentials.token(authenticate)
    credentials.forget("a")
    assert "b" == await credentials.token(authenticate)
