"""
Whether the three really do the same: one of the three upstreams answers 503, and nothing else.

Counted are the failures that the client sees, and the requests that still reach the bad one.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from meshlib import MeshClient

CALLS = 300


class _Bad(BaseHTTPRequestHandler):
    """Answers 503, and counts."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(503)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def failing() -> Iterator[str]:
    """The URL of a server in this process that answers 503."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Bad)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def seen_through(url: str) -> dict[str, int]:
    """What a plain client sees of `CALLS` requests to a proxy."""
    with httpx.Client() as client:
        return _seen(lambda: client.get(url + "/"))


def seen_inside(service: dict[str, Any]) -> dict[str, int]:
    """What a client with a mesh sees of them."""
    with MeshClient("bench", services=service) as client:
        return _seen(lambda: client.get("http://users/"))


def _seen(get: Callable[[], httpx.Response]) -> dict[str, int]:
    before = _Bad.asked
    failed = sum(get().status_code != 200 for _ in range(CALLS))
    return {"calls": CALLS, "failed": failed, "reached the bad one": _Bad.asked - before}
