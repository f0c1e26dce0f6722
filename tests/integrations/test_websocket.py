"""The handshake of a websocket, without a server, on both event loops."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib import Mesh
from meshlib._context import ambient_deadline, served_request
from meshlib.integrations import MeshMiddleware
from support.asgi import scope_of
from support.serving import DEADLINE

CLOSED = {"default": "deny"}
CUT = {"name": "cut", "delay": {"fixed": 0.001}, "abort": {"status": 418}}


class Peer:
    """The server's end of a websocket: what was sent, and what the application saw."""

    def __init__(self, *extensions: str, **headers: str) -> None:
        pairs = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
        self.scope = scope_of("GET", "/feed", headers=pairs) | {
            "type": "websocket",
            "scheme": "ws",
            "client": ("127.0.0.1", 1),
            "extensions": {name: {} for name in extensions},
        }
        del self.scope["method"]
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        """It connects."""
        return {"type": "websocket.connect"}

    async def send(self, message: Any) -> None:
        """Take what comes."""
        self.sent.append(message)

    async def run(self, mesh: Mesh, app: Any) -> list[str]:
        """Have *app* serve it behind a middleware; the kinds of messages that came."""
        await MeshMiddleware(app, mesh)(self.scope, self.receive, self.send)
        return [message["type"].removeprefix("websocket.") for message in self.sent]


async def unreached(scope: Any, receive: Any, send: Any) -> None:
    """The application of what is refused."""
    pytest.fail("the application ran")


@pytest.mark.parametrize(
    ("inbound", "headers", "status"),
    [
        ({"authorization": CLOSED}, {}, 403),
        ({}, {DEADLINE: "0"}, 504),
        ({"faults": [CUT]}, {}, 418),
    ],
)
async def test_refused_handshakes(inbound: Any, headers: dict[str, str], status: int) -> None:
    """They are answered like requests where the server can do that, and else closed."""
    with Mesh("shop", config={"inbound": inbound}) as mesh:
        peer = Peer("websocket.http.response", **headers)
        assert ["http.response.start", "http.response.body"] == await peer.run(mesh, unreached)
        assert status == peer.sent[0]["status"]
        peer = Peer(**headers)
        assert ["close"] == await peer.run(mesh, unreached)
        assert 1008 == peer.sent[0]["code"]
        assert 0 == mesh.inbound.counts().in_flight


async def test_accepted_connection_holds_nothing() -> None:
    """With the handshake the permit comes back and the deadline ends; the rest goes on."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = served_request.get()
        assert request is not None
        assert (request.request_id, ambient_deadline.get()) == ("id7", None)
        assert 1 == mesh.inbound.counts().in_flight
        await receive()
        await send({"type": "websocket.accept"})
        assert 0 == mesh.inbound.counts().in_flight
        await send({"type": "websocket.close", "code": 1000})

    with Mesh("shop", config={"inbound": {"concurrency": 4}}) as mesh:
        peer = Peer(x_request_id="id7", **{DEADLINE: "1000"})
        assert ["accept", "close"] == await peer.run(mesh, app)
        counts = mesh.inbound.counts()
        assert (1, 0) == (counts.served, counts.failed)
    assert served_request.get() is None


@pytest.mark.parametrize("message", ["websocket.close", "websocket.http.response.start"])
async def test_application_that_refuses(message: str) -> None:
    """What it answers is its own, and ends the request."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": message, "status": 401})
        assert 0 == mesh.inbound.counts().in_flight

    with Mesh("shop") as mesh:
        await Peer().run(mesh, app)
        assert 1 == mesh.inbound.counts().served


async def test_application_that_fails() -> None:
    """Its error reaches the server, and the permit comes back."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.something"})
        raise KeyError("no")

    with Mesh("shop") as mesh:
        with pytest.raises(KeyError):
            await Peer().run(mesh, app)
        counts = mesh.inbound.counts()
        assert (0, 1) == (counts.in_flight, counts.failed)
