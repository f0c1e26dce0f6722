"""
The registry as a program: `python -m meshlib registry`.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sqlite3
import sys
from typing import Any

from ..._exceptions import ConfigurationError
from ._application import registry_app
from ._servers import DEFAULT_ADDRESS

_DEFAULT_PORT = int(DEFAULT_ADDRESS.rpartition(":")[2])
_GOODBYE = 5
"""Seconds for answers that are under way at the end."""

_EXIT_CODES = """\
exit codes:
  0    ended by SIGTERM or SIGINT
  2    the arguments are wrong, or the database or the address cannot be used
"""


def registry_command(commands: Any) -> None:
    """Add the command `registry` to *commands*, the subparsers of a program."""
    parser = commands.add_parser(
        "registry",
        help="serve a registry, where processes register and others find them",
        description="Serves the registration API; its URL is printed when it is ready. "
        "Needs the extra: pip install 'meshlib-client[registry]'.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
    add("--port", type=int, default=_DEFAULT_PORT, help="0 takes any that is free (%(default)s)")
    add("--database", default="registry.db", metavar="FILE", help="SQLite (%(default)s)")
    add("--token-file", metavar="FILE", help="bearer tokens that may do everything, one a line")
    add("--read-token-file", metavar="FILE", help="bearer tokens that may only read")
    add("--tls-cert", metavar="FILE", help="serve https with this certificate")
    add("--tls-key", metavar="FILE", help="its key, when it is not in the same file")
    add("--max-instances", type=int, default=100_000, metavar="N", help="limit (%(default)s)")
    parser.set_defaults(run=serve)


def serve(chosen: argparse.Namespace) -> int:
    """Serve as *chosen* says until a signal ends it; return the exit code."""
    try:
        app = _app(chosen)
        server = _server(app, chosen)
        listening = _listen(chosen.host, chosen.port)
    except (ConfigurationError, sqlite3.Error, OSError) as exc:
        sys.stderr.write(f"meshlib registry: {exc}\n")
        return 2
    # The server gives a signal back to whoever handled it before: that ends nothing twice.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, server.handle_exit)
    server.run(sockets=[listening])
    return 0 if server.started else 2


def _app(chosen: argparse.Namespace) -> Any:
    tokens: dict[str, Any] = {}
    for name in ("token", "read_token"):
        file = getattr(chosen, f"{name}_file")
        if file is not None:
            from ._guard import read_tokens

            tokens[name] = read_tokens(file, f"--{name.replace('_', '-')}-file")
    app = registry_app(chosen.database, max_instances=chosen.max_instances, **tokens)
    ledger = app.state.api.ledger
    ledger.open()  # to say here and now what is wrong with it
    ledger.close()
    return app


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise OSError(f"{port} is not a port")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol said: asyncio sets TCP_NODELAY on such sockets alone, and without it
    # each answer waits 40 ms for the client's delayed acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would share the port with whoever has it
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(1024)
    except BaseException:
        listening.close()
        raise
    return listening


def _server(app: Any, chosen: argparse.Namespace) -> Any:
    try:
        import uvicorn
    except ModuleNotFoundError as exc:
        raise ConfigurationError(
            f"the command needs the library {exc.name}, which is not installed",
            hint="pip install 'meshlib-client[registry]'",
        ) from exc

    class Server(uvicorn.Server):
        """Says where it listens, and lets its watchers go at the end."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            for listening in sockets or ():
                host, port = listening.getsockname()[:2]
                host = f"[{host}]" if ":" in host else host
                scheme = "https" if chosen.tls_cert else "http"
                sys.stdout.write(f"{scheme}://{host}:{port}\n")
                sys.stdout.flush()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.api.feed.close()
            await super().shutdown(sockets)

    config = uvicorn.Config(
        app,
        access_log=False,
        lifespan="on",
        log_level="warning",
        server_header=False,
        ssl_certfile=chosen.tls_cert,
        ssl_keyfile=chosen.tls_key,
        timeout_graceful_shutdown=_GOODBYE,
        ws="none",
    )
    config.load()  # to fail here and now for a wrong certificate
    return Server(config)
