"""Single keys of etcd, as scripts and real members have them."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, cast

import pytest

from meshlib import DiscoveryError
from meshlib.discovery._timing import Timing
from meshlib.discovery.etcd import EtcdKeys, KeyValue
from support import FakeClock, Peer, Script, ScriptedServer, never_answer
from support.real import free_port

Serve = Callable[..., ScriptedServer]
HEADER = {"cluster_id": "1", "revision": "5", "raft_term": "2"}
CREATED = {"result": {"header": HEADER, "created": True}}
NO_LEADER = (503, {"code": 14, "message": "etcdserver: no leader"})
TIMED_OUT = (503, {"code": 14, "message": "etcdserver: request timed out"})
RESET = object()
DONE = {"header": HEADER, "succeeded": True}


def kv(value: str, revision: int = 5) -> dict[str, Any]:
    """The key with *value*."""
    return {"value": base64.b64encode(value.encode()).decode(), "mod_revision": str(revision)}


def holding(*values: dict[str, Any]) -> dict[str, Any]:
    """The answer to a range."""
    return {"header": HEADER, "kvs": list(values)}


def events(*found: dict[str, Any]) -> dict[str, Any]:
    """A message of a watch."""
    return {"result": {"header": HEADER, "events": list(found)}}


def etcd(**answers: list[Any]) -> Script:
    """
    Answer each path, called by its last part, with the next of its *answers*.

    The last is for ever. A list is a stream of messages, which stays open after `...`.
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
                    await peer.send(json.dumps(message).encode() + b"\n")
                return
            status, document = answer if isinstance(answer, tuple) else (200, answer)
            await peer.respond(status, json.dumps(document).encode())

    return script


def timing() -> Timing:
    """One that waits for nothing, and begins with the first member."""

    async def sleep(seconds: float) -> None:
        pass

    chance = random.Random(1)
    chance.randrange = lambda *arguments: 0  # type: ignore[method-assign]  # a chance of our choice
    return Timing(clock=FakeClock(), sleep=sleep, rng=chance)


def keys(*urls: str, **settings: Any) -> EtcdKeys:
    """The keys of these members."""
    return EtcdKeys(urls, _timing=timing(), **settings)


async def seen(found: EtcdKeys, number: int) -> list[KeyValue | None]:
    """The first so many values of a watch."""
    async with aclosing(cast("Any", found.watch("k"))) as values:
        return [await anext(values) for _ in range(number)]


async def test_a_change_is_not_sent_twice(serve: Serve) -> None:
    """A member that said nothing may have made it, and nobody knows."""
    second = serve(etcd(txn=[DONE]))
    for server in (serve(never_answer()), serve(etcd(txn=[TIMED_OUT]))):
        found = keys(server.url, second.url, timeout=0.2)
        with pytest.raises(DiscoveryError, match="which may have been made"):
            await found.replace("k", b"x", 4)
    assert not second.requests


async def test_a_change_that_was_not_sent_is_sent_elsewhere(serve: Serve) -> None:
    """As where nobody listens, or a member has no leader to hand it to."""
    away = f"http://127.0.0.1:{free_port()}"
    second = serve(etcd(txn=[DONE]))
    assert await keys(away, second.url).replace("k", b"x", 4)
    leaderless = serve(etcd(txn=[NO_LEADER]))
    assert await keys(leaderless.url, second.url).replace("k", b"x", 4)
    waits = serve(etcd(txn=[NO_LEADER, NO_LEADER, {"header": HEADER}]))
    assert not await keys(waits.url).replace("k", b"x", 4)


async def test_of_several_changes_the_last_is_told(serve: Serve) -> None:
    """A message may hold some, and what was deleted is told as well."""
    put, delete = {"kv": kv("two", 6)}, {"type": "DELETE", "kv": {"mod_revision": "7"}}
    watch = [CREATED, events({"kv": kv("a")}, put), events(put, delete), ...]
    server = serve(etcd(range=[holding(kv("one"))], watch=[watch]))
    told = await seen(keys(server.url), 2)
    assert KeyValue(b"one", 5) == told[0]
    assert told[1] in (KeyValue(b"two", 6), None)


@pytest.mark.parametrize(
    "ended",
    [
        [{"result": {"header": HEADER, "created": True, "compact_revision": "9"}}],
        [{"result": {"header": {**HEADER, "revision": "2"}, "created": True}}],
        [CREATED],
        [CREATED, RESET],
        [CREATED, {"error": {"grpc_code": 14, "message": "etcdserver: no leader"}}],
    ],
    ids=["compacted", "restored", "ended", "reset", "leaderless"],
)
async def test_a_watch_that_ends_is_begun_again(serve: Serve, ended: list[Any]) -> None:
    """With what the key holds then, which is told if it is something else."""
    ranges = [holding(kv("one")), holding(kv("one")), holding(kv("two", 6))]
    server = serve(etcd(range=ranges, watch=[ended, ended, [CREATED, ...]]))
    assert [KeyValue(b"one", 5), KeyValue(b"two", 6)] == await seen(keys(server.url), 2)


async def test_a_silent_watch_is_begun_again(serve: Serve) -> None:
    """A member that lives says so now and then."""
    ranges = [holding(kv("one")), holding(kv("two", 6))]
    server = serve(etcd(range=ranges, watch=[[CREATED, ...]]))
    found = keys(server.url, idle_timeout=0.1)
    assert [KeyValue(b"one", 5), KeyValue(b"two", 6)] == await seen(found, 2)


async def test_a_watch_that_is_refused_is_an_error(serve: Serve) -> None:
    """As where a user may read, and not watch."""
    cancelled = {"canceled": True, "cancel_reason": "etcdserver: permission denied"}
    watch = [CREATED, {"result": {"header": HEADER, **cancelled}}]
    server = serve(etcd(range=[holding(kv("one"))], watch=[watch]))
    with pytest.raises(DiscoveryError, match="permission denied"):
        await seen(keys(server.url), 2)
