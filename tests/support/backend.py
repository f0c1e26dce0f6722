"""
A small HTTP/1.1 server: `python backend.py NAME PORT` writes its URL, then serves.

`/status/503` answers with that status; everything else with 200 and, as JSON, the
server's name and the method, path, headers and body that it received.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers each request with what it received."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    name = ""

    def answer(self) -> None:
        """Answer one request of any method."""
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        _, _, word = self.path.partition("/status/")
        received = {
            "server": self.name,
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode("latin-1"),
        }
        answer = json.dumps(received).encode()
        self.send_response(int(word) if word.isdigit() else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def log_message(self, *args: object) -> None:
        """Nothing: the tests look at answers."""


def main(name: str, port: str) -> None:
    """Serve on the loopback address until killed."""
    Handler.name = name
    ThreadingHTTPServer.request_queue_size = 128
    with ThreadingHTTPServer(("127.0.0.1", int(port)), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
