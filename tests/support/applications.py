"""
ASGI applications that do everything an application can do, and write down what happens to them.

Each takes a *journal*, to which it appends.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

Journal = list[Any]


def raw_asgi(journal: Journal) -> Any:
    """An ASGI application without a framework: one path for each thing it can do."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(scope, receive, send, journal)
            return
        await _ASGI_PATHS[scope["path"].split("/")[1]](scope, receive, send, journal)
        journal.append(f"ended {scope['path']}")

    return app


async def _lifespan(scope: Any, receive: Any, send: Any, journal: Journal) -> None:
    journal.append((await receive())["type"])
    scope["state"]["started"] = ["yes"]
    await send({"type": "lifespan.startup.complete"})
    journal.append((await receive())["type"])
    await send({"type": "lifespan.shutdown.complete"})


async def _start(send: Any, status: int = 200, headers: Any = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def _body(send: Any, body: bytes, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _all_of(receive: Any) -> bytes:
    whole: bytes = b""
    while True:
        message = await receive()
        whole += message["body"]
        if not message["more_body"]:
            return whole


async def _scope(scope: Any, receive: Any, send: Any, journal: Journal) -> None:
    keys = ("type", "asgi", "http_version", "scheme", "method", "root_path", "path")
    told = {key: scope[key] for key in keys}
    told["raw_path"] = scope["raw_path"].decode()
    told["query_string"] = scope["query_string"].decode()
    told["headers"] = [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]]
    told["state"] = scope["state"]
    told["kinds"] = [type(scope["client"]).__name__, type(scope["server"]).__name__]
    await _start(
        send,
        200,
        [
            (b"Content-Type", b"application/json"),
            (b"X-One", b"1"),
            (b"set-cookie", b"a=1"),
            (b"Set-Cookie", b"b=2"),
        ],
    )
    await _body(send, json.dumps(told).encode())


async def _echo(scope: Any, receive: Any, send: Any, journal: Journal) -> None:
    whole = await _all_of(receive)
    await _start(send, 200, [(b"content-length", str(len(whole)).encode())])
    await _body(send, whole)


async def _status(scope: Any, receive: Any, send: Any, journal: Journal) -> None:
    await _start(send, int(scope["path"].split("/")[2]))
    await _body(send, b"")


async def _sized(scope: Any, receive: Any, send: Any, journal: Journal) -> None:
    declared, size = scope["path"].split("/")[2:4]
    await _start(send, 200, [(b"content-length", declared.encode())])
    await _body(send, b"x" * int(size))


async def _pieces(scope: Any, receive: Any, send: Any, journal: Journal) -> None:
    await _start(send)
    for piece in (b"one,", b"", b"two,", b"three"):
        await _body(send, piece, more=True)
    await _body(send, b"")


async def _raise(scope: Any, receive: Any, send: Any, journal: Journal) -> None:
    if scope["path"].endswith("/late"):
        await _start(send)
        await _body(send, b"some", more=True)
    raise ValueError("planted")


async def _silent(scope: Any, receive: Any, send: Any, journal: Journal) -> None:
    if scope["path"].endswith("/late"):
        await _start(send)
        await _body(send, b"some", more=True)


async def _wrong(scope: Any, receive: Any, send: Any, journal: Journal) -> None:
    kind = scope["path"].split("/")[2]
    try:
        if kind == "body":
            await _body(send, b"too early")
        elif kind == "head":
            await _start(send, 200, [(b"x y", b"no name")])
        elif kind == "informational":
            await _start(send, 100)
        else:
            await _start(send)
            await _body(send, b"done")
            await _body(send, b"more")
    except Exception as exc:
        journal.append(f"refused {type(exc).__name__}")
        raise


async def _early(scope: Any, receive: Any, send: Any, journal: Journal) -> None:
    await _start(send, 413, [(b"content-length", b"3")])
    await _body(send, b"big")


async def _endless(scope: Any, receive: Any, send: Any, journal: Journal) -> None:
    gone = anyio.Event()

    async def listen() -> None:
        await _all_of(receive)
        journal.append((await receive())["type"])
        gone.set()

    await _start(send, 200, [(b"content-type", b"text/event-stream")])
    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        await _body(send, b"data: 1\n\n", more=True)
        await _body(send, b"data: 2\n\n", more=True)
        await gone.wait()
        await _body(send, b"data: never\n\n", more=True)


async def _patient(scope: Any, receive: Any, send: Any, journal: Journal) -> None:
    await _all_of(receive)
    journal.append((await receive())["type"])


async def _after(scope: Any, receive: Any, send: Any, journal: Journal) -> None:
    await _all_of(receive)
    await _start(send)
    await _body(send, b"answered")
    journal.append((await receive())["type"])
    for _ in range(3):
        await anyio.lowlevel.checkpoint()
    journal.append("background")


_ASGI_PATHS: dict[str, Any] = {
    "after": _after,
    "early": _early,
    "echo": _echo,
    "endless": _endless,
    "patient": _patient,
    "pieces": _pieces,
    "raise": _raise,
    "scope": _scope,
    "silent": _silent,
    "sized": _sized,
    "status": _status,
    "wrong": _wrong,
}


def fastapi_app(journal: Journal) -> Any:
    """A FastAPI application with a lifespan, dependencies, streams and background tasks."""
    from fastapi import BackgroundTasks, Depends, FastAPI, Request
    from fastapi.responses import StreamingResponse

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
        journal.append("startup")
        yield {"pool": "open"}
        journal.append("shutdown")

    async def session() -> AsyncIterator[str]:
        yield "session"
        journal.append("session closed")

    app = FastAPI(lifespan=lifespan)

    @app.get("/items/{name:path}")
    async def items(name: str, request: Request, s: str = Depends(session)) -> Any:
        return {
            "name": name,
            "query": list(request.query_params.multi_items()),
            "pool": request.state.pool,
            "session": s,
            "url": str(request.url),
        }

    @app.post("/upload")
    async def upload(request: Request) -> Any:
        return {"size": sum([len(chunk) async for chunk in request.stream()])}

    @app.get("/blocking")
    def blocking() -> Any:
        return "in a thread"

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> Any:
        tasks.add_task(journal.append, "background")
        return "later"

    @app.get("/stream")
    async def stream() -> Any:
        async def chunks() -> AsyncIterator[bytes]:
            try:
                yield b"first,"
                await anyio.sleep_forever()
            finally:
                journal.append("stream closed")

        return StreamingResponse(chunks())

    @app.get("/bug")
    async def bug() -> Any:
        raise ValueError("planted")

    return app
