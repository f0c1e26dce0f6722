"""Requests to applications of both kinds, without a server."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio

from .asgi import scope_of

DEADLINE = "x-envoy-expected-rq-timeout-ms"
"""The header that tells the milliseconds which a caller still waits."""


@dataclass
class Answered:
    """What a server was given for one request."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class ServerOfASGI:
    """The server's end of one ASGI request; `answered` is what has come so far."""

    def __init__(
        self,
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        **scope: Any,
    ) -> None:
        pairs = [(k.lower().encode(), v.encode("latin-1")) for k, v in (headers or {}).items()]
        self.scope = scope_of(method, path, headers=pairs) | {"client": ("127.0.0.1", 1)} | scope
        self.answered = Answered()
        self.asked = False

    async def receive(self) -> dict[str, Any]:
        """The request, and after that nothing for ever."""
        if self.asked:
            await anyio.sleep_forever()
        self.asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Any) -> None:
        """Take what comes."""
        await anyio.lowlevel.checkpoint()
        answered = self.answered
        if message["type"] == "http.response.start":
            assert answered.status == 0, "a second answer was begun"
            answered.status = message["status"]
            answered.headers = {k.decode(): v.decode() for k, v in message.get("headers", ())}
        elif message["type"] == "http.response.body":
            assert answered.status, "a body came before its answer"
            assert not answered.complete, "a body came after its end"
            answered.body += message.get("body", b"")
            answered.complete = not message.get("more_body", False)

    async def run(self, app: Any) -> Answered:
        """Have *app* answer."""
        await app(self.scope, self.receive, self.send)
        return self.answered


async def ask(app: Any, path: str = "/", headers: Any = None, **options: Any) -> Answered:
    """What the ASGI application *app* answers."""
    return await ServerOfASGI(path, headers, **options).run(app)


SOON = {DEADLINE: "20"}
"""A deadline that a test which waits for it reaches soon."""


async def past_the_deadline() -> None:
    """Return when `SOON` has passed for a request that is being served."""
    await anyio.sleep(0.05)


async def until(ready: Callable[[], bool]) -> None:
    """Return when *ready* is true, which a thread of its own makes it."""
    with anyio.fail_after(30):
        while not ready():  # noqa: ASYNC110 -- threads set no event of this loop
            await anyio.sleep(0.01)


def environ_of(
    path: str = "/", headers: Mapping[str, str] | None = None, *, method: str = "GET", **more: Any
) -> dict[str, Any]:
    """What a WSGI server says of a request."""
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "test",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in (headers or {}).items():
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return environ | more


class ServerOfWSGI:
    """The server's end of one WSGI request; `answered` is what has come so far."""

    def __init__(self, path: str = "/", headers: Any = None, **options: Any) -> None:
        self.environ = environ_of(path, headers, **options)
        self.answered = Answered()

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """Take what the answer begins with."""
        answered = self.answered
        assert answered.status == 0 or exc_info, "a second answer was begun"
        answered.status = int(status[:3])
        answered.headers = {name.lower(): value for name, value in headers}
        return self._write

    def _write(self, data: bytes) -> None:
        self.answered.body += data

    def begin(self, app: Any) -> Iterable[bytes]:
        """Have *app* begin; the body that it returns is not read."""
        body: Iterable[bytes] = app(self.environ, self.start_response)
        return body

    def run(self, app: Any) -> Answered:
        """Have *app* answer, and close the body as a server does."""
        body = self.begin(app)
        try:
            for chunk in body:
                assert self.answered.status, "a body came before its answer"
                self.answered.body += chunk
            self.answered.complete = True
        finally:
            if hasattr(body, "close"):
                body.close()
        return self.answered


def ask_wsgi(app: Any, path: str = "/", headers: Any = None, **options: Any) -> Answered:
    """What the WSGI application *app* answers."""
    return ServerOfWSGI(path, headers, **options).run(app)
