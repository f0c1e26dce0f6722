"""
WSGI applications that do everything an application can do, and write down what happens to them.

Each takes a *journal*, to which it appends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .applications import Journal


def raw_wsgi(journal: Journal) -> Any:
    """A WSGI application without a framework: one path for each thing it can do."""

    def app(environ: Any, start: Any) -> Any:
        return _WSGI_PATHS[environ["PATH_INFO"].split("/")[1]](environ, start, journal)

    return app


class _Closing:
    """An iterable that writes down that it was closed."""

    def __init__(self, chunks: Iterator[bytes], journal: Journal) -> None:
        self._chunks = chunks
        self._journal = journal

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        """Write it down."""
        self._journal.append("closed")


def _environ(environ: Any, start: Any, journal: Journal) -> Any:
    told = {
        key: value
        for key, value in environ.items()
        if key
        in (
            "REQUEST_METHOD",
            "SCRIPT_NAME",
            "PATH_INFO",
            "QUERY_STRING",
            "CONTENT_TYPE",
            "wsgi.url_scheme",
            "wsgi.version",
            "wsgi.run_once",
        )
        or (key.startswith("HTTP_") and key != "HTTP_VERSION")
    }
    if not told.get("CONTENT_TYPE", "text/plain").replace("text/plain", ""):
        told.pop("CONTENT_TYPE", None)  # a default of wsgiref alone
    told.pop("SCRIPT_NAME") if not told["SCRIPT_NAME"] else None
    start(
        "200 OK",
        [("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")],
    )
    return [json.dumps(told, sort_keys=True).encode()]


def _wsgi_echo(environ: Any, start: Any, journal: Journal) -> Any:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start("200 Fine", [("Content-Length", str(len(body)))])
    return [body]


def _wsgi_lines(environ: Any, start: Any, journal: Journal) -> Any:
    stream = environ["wsgi.input"]
    start("200 OK", [])
    return [stream.readline() + b"|" + stream.read(2) + b"|" + stream.readline()]


def _wsgi_status(environ: Any, start: Any, journal: Journal) -> Any:
    start(f"{environ['PATH_INFO'].split('/')[2]} Said", [])
    return []


def _wsgi_pieces(environ: Any, start: Any, journal: Journal) -> Any:
    def chunks() -> Iterator[bytes]:
        start("200 OK", [("X-Late", "yes")])
        yield b""
        yield b"one,"
        yield b"two"

    return _Closing(chunks(), journal)


def _wsgi_write(environ: Any, start: Any, journal: Journal) -> Any:
    write = start("200 OK", [("Content-Length", "7")])
    write(b"one")
    return [b"", b", two"[1:]]


def _wsgi_raise(environ: Any, start: Any, journal: Journal) -> Any:
    def chunks() -> Iterator[bytes]:
        start("200 OK", [("Content-Length", "100")])
        yield b"some"
        raise ValueError("planted")

    if environ["PATH_INFO"].endswith("/late"):
        return _Closing(chunks(), journal)
    raise ValueError("planted")


def _wsgi_exc_info(environ: Any, start: Any, journal: Journal) -> Any:
    start("200 OK", [("X-First", "1")])
    try:
        raise ValueError("planted")
    except ValueError as exc:
        start("503 Sorry", [("X-Second", "2")], (ValueError, exc, exc.__traceback__))
    return [b"sorry"]


_WSGI_PATHS: dict[str, Any] = {
    "echo": _wsgi_echo,
    "environ": _environ,
    "exc_info": _wsgi_exc_info,
    "lines": _wsgi_lines,
    "pieces": _wsgi_pieces,
    "raise": _wsgi_raise,
    "status": _wsgi_status,
    "write": _wsgi_write,
}


def flask_app(journal: Journal) -> Any:
    """A Flask application with a stream, an upload and a bug."""
    import flask

    app = flask.Flask("of-tests")

    @app.get("/items/<path:name>")
    def items(name: str) -> Any:
        args = list(flask.request.args.items(multi=True))
        return {"name": name, "query": args, "url": flask.request.url}

    @app.post("/upload")
    def upload() -> Any:
        return {"size": len(flask.request.get_data())}

    @app.get("/stream")
    def stream() -> Any:
        def chunks() -> Iterator[bytes]:
            try:
                for number in range(3):
                    yield b"%d," % number
            finally:
                journal.append("stream closed")

        return flask.Response(chunks())

    @app.get("/bug")
    def bug() -> Any:
        raise ValueError("planted")

    return app
