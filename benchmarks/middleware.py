"""
What the middlewares add to a request, as a ratio to what a framework costs without them.

A view of Starlette and of Flask returns a small JSON object, once bare and once behind
the middleware with everything that is on by default; *deadline* is the same for a request
that has one, as calls of a mesh have. First in process, where the framework is called and
nothing else; then over a server in a process of its own (uvicorn with h11, Waitress),
whose CPU time is read before and after. Variants take turns.

    python benchmarks/middleware.py [--rounds N] [--seconds S] [--json PATH] [--check]

`--check` fails, with exit code 1, when a request costs more than its limit over a server.
In process there is no limit, only the time added: nothing is there that it is a part of.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import multiprocessing
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from _slices import CONTROL, Slice, added, cpu, ratio, table, take_turns, verdict, write_json
from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from meshlib import Mesh
from meshlib.integrations import MeshMiddleware, MeshWSGIMiddleware

MOST = {"mesh": 1.2, "mesh, deadline": 1.3}
"""What a request may cost over a server, as a ratio to the same one without the middleware."""

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
    async def user(request: Request) -> JSONResponse:
        return JSONResponse({"id": request.path_params["id"]})

    return Starlette(routes=[Route("/users/{id}", user)])


def flask() -> Any:
    app = Flask("benchmark")

    @app.get("/users/<name>")
    def user(name: str) -> dict[str, str]:
        return {"id": name}

    return app


def headers_of(name: str) -> list[tuple[str, str]]:
    return [*HEADERS, DEADLINE] if name.endswith("deadline") else HEADERS


# In process


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


def in_process(kind: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    mesh = Mesh("benchmark")
    if kind == "starlette":
        app, make = starlette(), asgi_slice
        wrapped: Any = MeshMiddleware(app, mesh, probes="/health")
    else:
        app, make = flask(), wsgi_slice
        wrapped = MeshWSGIMiddleware(app, mesh, probes="/health")
    apps = {"bare": app, "mesh": wrapped, "mesh, deadline": wrapped, CONTROL: app}
    slices = {name: make(one, headers_of(name)) for name, one in apps.items()}
    with mesh:
        return take_turns(slices, rounds=rounds, seconds=seconds)


# Over a server


def serve(kind: str, meshed: bool, listener: socket.socket) -> None:
    mesh = Mesh("benchmark")
    if kind == "starlette":
        import uvicorn

        app: Any = starlette()
        if meshed:
            app = MeshMiddleware(app, mesh, probes="/health")
        config = uvicorn.Config(
            app, http="h11", loop="asyncio", ws="none", log_level="error", timeout_keep_alive=600
        )
        uvicorn.Server(config).run([listener])
    else:
        import waitress

        app = flask()
        if meshed:
            app = MeshWSGIMiddleware(app, mesh, probes="/health")
        waitress.serve(app, sockets=[listener], threads=4, _quiet=True)


@contextmanager
def served(kind: str, meshed: bool) -> Iterator[tuple[int, int]]:
    """A server in a process of its own: its port and its process id."""
    # With its protocol named: asyncio sends at once only from sockets that tell it, and a
    # request would wait 40 ms for the acknowledgement of its predecessor.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        process = multiprocessing.get_context("fork").Process(
            target=serve, args=(kind, meshed, listener), daemon=True
        )
        process.start()
        port = listener.getsockname()[1]
    try:
        assert process.pid is not None
        yield port, process.pid
    finally:
        process.kill()  # nothing of it is to be kept
        process.join()


def cpu_of(pid: int) -> float:
    """The CPU time of a process so far."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:  # in nanoseconds
        first = int(file.read().split()[0])
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return max(first, total) / 1e9


def served_slice(port: int, pid: int, headers: list[tuple[str, str]]) -> Slice:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    request = f"GET /users/7 HTTP/1.1\r\n{lines}\r\n".encode()
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)

    def run() -> float:
        began = cpu_of(pid)
        for _ in range(CALLS):
            connection.sendall(request)
            answer = b""
            while b'{"id":"7"}' not in answer:
                chunk = connection.recv(65536)
                assert chunk, f"the server has closed the connection after {answer!r}"
                answer += chunk
            assert answer.startswith(b"HTTP/1.1 200"), answer
        time.sleep(0.001)  # until the server waits again
        return (cpu_of(pid) - began) / CALLS

    return run


def over_a_server(kind: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    with served(kind, False) as bare, served(kind, True) as meshed:
        places = {"bare": bare, "mesh": meshed, "mesh, deadline": meshed, CONTROL: bare}
        slices = {name: served_slice(*place, headers_of(name)) for name, place in places.items()}
        return take_turns(slices, rounds=rounds, seconds=seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each of the four tables")
    parser.add_argument("--json", help="where to write the figures")
    parser.add_argument("--check", action="store_true", help="fail where a limit is broken")
    options = parser.parse_args()
    ways: dict[str, Callable[..., dict[str, list[float]]]] = {"in process": in_process}
    if os.path.exists("/proc/self/schedstat"):
        ways["over a server"] = over_a_server
    figures: dict[str, Any] = {}
    failures: list[str] = []
    for way, measure in ways.items():
        for kind in ("starlette", "flask"):
            samples = measure(kind, options.rounds, options.seconds)
            rows = []
            for name in samples:
                times = ratio(samples, name, "bare")
                cost = statistics.median(samples[name]) * 1e6
                more = added(samples, name, "bare")
                rows.append((name, f"{cost:.1f}", f"{more:+.1f}", f"{times:.3f}"))
                figures.setdefault(f"{kind}, {way}", {})[name] = {
                    "microseconds": cost, "added": more, "ratio": times,
                }  # fmt: skip
                most = MOST.get(name)
                if options.check and ways[way] is over_a_server and most and times > most:
                    failures.append(f"{kind}, {way}, {name}: {times:.3f} of bare, above {most}")
            print(f"\n{kind}, {way}, CPU for each request")
            print(table(("", "µs", "added", "ratio"), rows))
    write_json(options.json, figures)
    return verdict(failures)


if __name__ == "__main__":
    sys.exit(main())
