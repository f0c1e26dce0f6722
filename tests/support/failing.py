"""Places where calls fail for real: servers, sockets and certificates."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.events
import httpx
import trustme

from .peer import Peer
from .scripts import Reply, Script, replies
from .servers import ScriptedServer

JSON = b'{"items": [{"price": 12}, {"price": 30}]}'
PLAIN = replies(Reply(200, JSON, {"content-type": "application/json"}))


@dataclass
class Site:
    """Where a client is sent, and how it is made; *held* responses keep its pool full."""

    url: str
    options: dict[str, Any] = field(default_factory=dict)
    held: int = 0
    server: ScriptedServer | None = None


Place = Callable[[], AbstractContextManager[Site]]


def served(*scripts: Script, **options: Any) -> Place:
    """A scripted server."""

    @contextmanager
    def place() -> Iterator[Site]:
        with ScriptedServer(*scripts) as server:
            yield Site(server.url, dict(options), server=server)

    return place


@contextmanager
def nobody_listens() -> Iterator[Site]:
    """A port that refuses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield Site(f"http://127.0.0.1:{port}")


@contextmanager
def nobody_accepts() -> Iterator[Site]:
    """A socket whose backlog is full, so that the system drops what asks to connect."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        try:
            yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            for one in waiting:
                one.close()


@contextmanager
def pool_is_full() -> Iterator[Site]:
    """A server whose client may open one connection, which is in use."""
    with ScriptedServer(PLAIN) as server:
        yield Site(server.url, {"limits": httpx.Limits(max_connections=1)}, held=1)


class Certificates:
    """Two authorities, of which the client trusts the first, and what they sign."""

    def __init__(self) -> None:
        self._ours = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self._others = trustme.CA(key_type=trustme.KeyType.ECDSA)

    def place(
        self,
        name: str = "127.0.0.1",
        *,
        trusted: bool = True,
        days: int = 30,
        script: Script = PLAIN,
        http2: bool = False,
    ) -> Place:
        """A server with a certificate for *name* that ends *days* from now."""

        @contextmanager
        def place() -> Iterator[Site]:
            authority = self._ours if trusted else self._others
            now = dt.datetime.now(dt.UTC)
            leaf = authority.issue_cert(
                name,
                key_type=trustme.KeyType.ECDSA,
                not_before=now - dt.timedelta(days=60),
                not_after=now + dt.timedelta(days=days),
            )
            shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            leaf.configure_cert(shown)
            verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._ours.configure_trust(verify)
            if http2:
                shown.set_alpn_protocols(["h2"])
            with ScriptedServer(script, tls=shown) as server:
                yield Site(server.url, {"verify": verify, "http2": http2})

        return place


CERTIFICATES = Certificates()


def breaks(sent: bytes, *, how: str = "reset", length: int = len(JSON)) -> Script:
    """Announce *length* bytes, send *sent*, then reset, close or hang."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send_head(
            200, {"content-length": str(length), "content-type": "application/json"}
        )
        await peer.send(sent)
        if how == "hang":
            await peer.gone()
        elif how == "reset":
            peer.reset()

    return script


def in_chunks(body: bytes, *, complete: bool = True) -> Script:
    """Answer in chunked coding, a byte in each chunk, and end well or close."""

    async def script(peer: Peer) -> None:
        while await peer.request() is not None:
            await peer.send_head(200, {"transfer-encoding": "chunked"})
            for number in range(len(body)):
                await peer.send(b"1\r\n%c\r\n" % body[number])
            if not complete:
                return
            await peer.send(b"0\r\n\r\n")

    return script


def in_http2(sent: bytes, *, answers: bool = True, length: int = len(JSON)) -> Script:
    """
    Answer over HTTP/2 with headers and *sent*, of *length* bytes, then close.

    The whole body ends its stream well, and the connection lives. Not *answers*: close
    without a word about the request.
    """

    async def script(peer: Peer) -> None:
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        http.initiate_connection()
        await peer.send(http.data_to_send())
        answered = False
        while data := await peer.read():
            for event in http.receive_data(data):
                if isinstance(event, h2.events.StreamEnded):
                    if not answers:
                        return
                    stream = event.stream_id
                    headers = {":status": "200", "content-length": str(length)}
                    http.send_headers(stream, list(headers.items()))
                    http.send_data(stream, sent, end_stream=len(sent) == length)
                    answered = True
            await peer.send(http.data_to_send())
            if answered and len(sent) < length:
                return

    return script


def answers(status: int, body: bytes = b"", **headers: str) -> Place:
    """A server that answers so; `_` in the names of *headers* is `-`."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return served(replies(Reply(status, body, given)))
