"""
What the middlewares add to a request, as a ratio to what a framework costs without them.

A view of Starlette and of Flask returns a small JSON object, once bare and once behind
the middleware with everything that is on by default; *deadline* is the same for a request
that has one, as calls of a mesh have. First in process, where the framework is called and
nothing else; then over a server in a process of its own (uvicorn with h11, Waitress),
whose CPU time is read before and after. Variants take turns.

    python benchmarks/middleware.py [--rounds N] [--seconds S] [--quick] [--json PATH]
                                    [--check]

`--check` fails, with exit code 1, when a request costs more than its limit over a server.
In process there is no limit, only the time added: nothing is there that it is a part of.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import _report
from _middleware_apps import CALLS, asgi_slice, flask, headers_of, starlette, wsgi_slice
from _plots import Plot
from _processes import cpu_of
from _report import Table
from _slices import CONTROL, Slice, added, ratio, take_turns

from meshlib import Mesh
from meshlib.integrations import MeshMiddleware, MeshWSGIMiddleware

MOST = {"mesh": 1.2, "mesh, deadline": 1.3}
"""What a request may cost over a server, as a ratio to the same one without the middleware."""

NEEDED = ("flask", "starlette", "uvicorn", "waitress")

# In process


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


WAYS: dict[str, Callable[..., dict[str, list[float]]]] = {
    "in process": in_process,
    "over a server": over_a_server,
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seconds", type=float, help="of each table, or 2 turns (20; quick: 1)")


def measure(given: argparse.Namespace) -> dict[str, Any]:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return {_report.LEFT_OUT: f"{', '.join(missing)} not installed"}
    seconds = given.seconds if given.seconds is not None else 1.0 if given.quick else 20.0
    figures: dict[str, Any] = {}
    for way, run in WAYS.items():
        if run is over_a_server and not os.path.exists("/proc/self/schedstat"):
            continue
        for kind in ("starlette", "flask"):
            samples = run(kind, given.rounds, seconds)
            figures[f"{kind}, {way}"] = {
                name: {
                    "microseconds": statistics.median(samples[name]) * 1e6,
                    "added": added(samples, name, "bare"),
                    "ratio": ratio(samples, name, "bare"),
                }
                for name in samples
            }
    return figures


def tables(result: dict[str, Any]) -> list[Table]:
    return [
        (
            f"{title}, CPU for each request",
            ("", "µs", "added", "ratio"),
            [
                (name, f"{it['microseconds']:.1f}", f"{it['added']:+.1f}", f"{it['ratio']:.3f}")
                for name, it in rows.items()
            ],
        )
        for title, rows in result.items()
    ]


def plots(result: dict[str, Any]) -> list[Plot]:
    places = {float(place): title for place, title in enumerate(result)}
    series = {
        name: [(x, result[title][name]["microseconds"]) for x, title in places.items()]
        for name in ("bare", *MOST)
    }
    title = "Processor time of a request in the server"
    return [Plot("middleware", title, "", "µs", series, kind="bar", ticks=places)]


def broken(result: dict[str, Any]) -> list[str]:
    return [
        f"{title}, {name}: {rows[name]['ratio']:.3f} of bare, above {most}"
        for title, rows in result.items()
        for name, most in MOST.items()
        if title.endswith("over a server") and rows[name]["ratio"] > most
    ]


if __name__ == "__main__":
    sys.exit(_report.main(sys.modules[__name__]))
