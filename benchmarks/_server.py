"""
A server on the loopback address that answers everything at once with the same 200.

nginx where it is installed, because it costs next to nothing; else a process of Python.
Either ends with its `with` block.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

BODY = b'{"id": 1, "name": "a user of the service", "email": "user@example"}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"

CONFIGURATION = """\
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ default_type application/json; return 200 '{body}'; }}
  }}
}}
"""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when somebody listens at *port*; raise when nobody does within 10 s."""
    for _ in range(200):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start; exit code {process.poll()}")


@contextlib.contextmanager
def serving() -> Iterator[tuple[str, str]]:
    """Run a server; gives its URL and what it is."""
    port = free_port()
    nginx = shutil.which("nginx")
    with tempfile.TemporaryDirectory() as folder:
        if nginx:
            file = Path(folder, "nginx.conf")
            body = BODY.decode()
            file.write_text(CONFIGURATION.format(folder=folder, port=port, body=body), "utf-8")
            command = [nginx, "-p", folder, "-c", str(file), "-e", f"{folder}/log"]
        else:
            command = [sys.executable, __file__, str(port)]
        process = subprocess.Popen(command)
        try:
            wait_until_it_answers(port, process)
            yield f"http://127.0.0.1:{port}", "nginx" if nginx else "Python"
        finally:
            process.terminate()
            process.wait(10)


class Answering(asyncio.Protocol):
    """Answers each head of a request; bodies are not expected."""

    answer = HEAD % len(BODY) + BODY

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(self.answer * data.count(b"\r\n\r\n"))


async def serve(listening: socket.socket) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Answering, sock=listening, backlog=4096)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(listening))
