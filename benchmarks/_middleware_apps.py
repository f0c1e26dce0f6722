"""
What is served behind the middlewares, and slices that call it without a server.
"""

from __future__ import annotations

import asyncio
import io
import sys
from typing import Any

from _slices import Slice, cpu

CALLS = 100
"""Requests in a slice."""

HEADERS = [
    ("host", "users:80"),
    ("accept", "*/*"),
    ("accept-encoding", "gzip, deflate"),
    ("connection", "keep-alive"),
    ("user-agent", "python-httpx/0.28"),
    ("x-request-id", "0123456789abcdef0123456789abcdef"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("x-envoy-attempt-count", "1"),
]
DEADLINE = ("x-envoy-expected-rq-timeout-ms", "30000")


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def user(request: Any) -> JSONResponse:
        return JSONResponse({"id": request.path_params["id"]})

    return Starlette(routes=[Route("/users/{id}", user)])


def flask() -> Any:
    from flask import Flask

    app = Flask("benchmark")

    @app.get("/users/<name>")
    def user(name: str) -> dict[str, str]:
        return {"id": name}

    return app


def headers_of(name: str) -> list[tuple[str, str]]:
    return [*HEADERS, DEADLINE] if name.endswith("deadline") else HEADERS


def asgi_slice(app: Any, headers: list[tuple[str, str]]) -> Slice:
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/users/7",
        "raw_path": b"/users/7",
        "query_string": b"",
        "root_path": "",
        "headers": pairs,
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
    loop = asyncio.new_event_loop()

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    async def requests(calls: int) -> None:
        for _ in range(calls):
            await app({**scope, "headers": list(pairs)}, receive, send)

    return cpu(lambda calls: loop.run_until_complete(requests(calls)), CALLS)


def wsgi_slice(app: Any, headers: list[tuple[str, str]]) -> Slice:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/users/7",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers}

    def start_response(*_: Any) -> Any:
        return None

    def requests(calls: int) -> None:
        for _ in range(calls):
            body = app(dict(environ), start_response)
            for _ in body:
                pass
            body.close()

    return cpu(requests, CALLS)
