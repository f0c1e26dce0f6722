"""Connections that end when nobody expects it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from meshlib import CallOptions, MeshClient
from support import ScriptedServer
from support.scripts import close_after_request, replies

Serve = Callable[..., ScriptedServer]
NO_BREAKER = {"breaker": False, "outlier": False}


def client(*urls: str, **settings: Any) -> MeshClient:
    """A client of one service at these URLs."""
    return MeshClient("test", services={"users": {"endpoints": list(urls), **settings}})


def test_a_connection_that_went_stale(serve: Serve) -> None:
    """A server that closes after its answer costs no call and is no failure."""
    server = serve(*[replies(200, then_close=True)] * 5, replies(200))
    made = client(server.url)
    for number in range(5):
        assert 200 == made.get("users", "/").status_code
        server.wait_for_close(number)
    assert 0 == made.mesh.metrics().services["users"].failures
    made.close()


def test_a_server_that_hangs_up_is_retried(serve: Serve) -> None:
    """Without an answer an idempotent call goes elsewhere, and a POST does not."""
    rude, good = serve(close_after_request()), serve(replies(*[200] * 9))
    made = client(rude.url, good.url, balancer="round_robin", **NO_BREAKER)
    for _ in range(2):
        assert 200 == made.get("users", "/").status_code
    ended = []
    for _ in range(2):
        try:
            ended.append(made.post("users", "/").status_code)
        except httpx.RemoteProtocolError:
            ended.append("error")
    assert {200, "error"} == set(ended)
    options = {"mesh": CallOptions(idempotent=True)}
    for _ in range(2):
        assert 200 == made.post("users", "/", extensions=options).status_code
    made.close()
