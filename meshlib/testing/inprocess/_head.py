"""
The head of a request, as it arrived: what a scope and an environment are made of.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import h11

from ._link import Link


def scope_of(request: h11.Request, link: Link, state: dict[str, Any]) -> dict[str, Any]:
    """The ASGI scope of *request*, with the keys and the specification version of uvicorn."""
    scheme, host, port = link.origin
    raw_path, _, query = request.target.partition(b"?")
    root_path = link.endpoint.root_path
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": request.http_version.decode("ascii"),
        "server": (host, port),
        "client": link.client,
        "scheme": scheme,
        "method": request.method.decode("ascii"),
        "root_path": root_path,
        "path": root_path + unquote(raw_path.decode("ascii")),
        "raw_path": root_path.encode("ascii") + raw_path,
        "query_string": query,
        "headers": list(request.headers),
        "state": state.copy(),
    }


def environ_of(request: h11.Request, link: Link) -> dict[str, Any]:
    """The WSGI environment of *request*, without its streams."""
    scheme, host, port = link.origin
    raw_path, _, query = request.target.partition(b"?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method.decode("ascii"),
        "SCRIPT_NAME": link.endpoint.root_path,
        # Bytes in the guise of Latin-1, as the specification wants them.
        "PATH_INFO": unquote_to_bytes(raw_path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "RAW_URI": request.target.decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{request.http_version.decode('ascii')}",
        "SERVER_SOFTWARE": "meshlib.testing",
        "REMOTE_ADDR": link.client[0],
        "REMOTE_PORT": str(link.client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,  # a body without a length ends by itself
    }
    for name, value in request.headers:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ
