"""The same applications behind real servers and in process: what client and application see."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from meshlib.testing.inprocess import InProcess
from support.application_calls import Ask, Pieces, Seen, acall, call
from support.application_servers import (
    hypercorn_server,
    uvicorn_server,
    waitress_server,
    wsgiref_server,
)
from support.applications import Journal, fastapi_app, raw_asgi
from support.applications_wsgi import flask_app, raw_wsgi

BIG = b"0123456789abcdef" * 65536
"""1 MiB: more than any buffer on the way."""

ORDINARY = {
    "scope": Ask("GET", "/scope/a%2Fb%20c/%C3%BC?q=%2F+x&q=2", {"X-Case": "Kept"}),
    "scope_of_post": Ask("POST", "/scope", {"content-type": "text/plain"}, b"abc"),
    "echo": Ask("POST", "/echo", content=b"hello"),
    "big_echo": Ask("PUT", "/echo", content=BIG),
    "echo_of_unknown_length": Ask("POST", "/echo", content=Pieces(b"one", b"two", BIG)),
    "empty_echo": Ask("POST", "/echo", content=b""),
    "head": Ask("HEAD", "/sized/5/5"),
    "no_content": Ask("GET", "/status/204"),
    "not_modified": Ask("GET", "/status/304"),
    "teapot": Ask("GET", "/status/418"),
    "pieces": Ask("GET", "/pieces"),
    "left_early": Ask("GET", "/endless", leave_at=b"data: 2\n\n"),
    "timed_out": Ask("GET", "/patient", timeout=0.3),
    "background": Ask("GET", "/after"),
    "raised_late": Ask("GET", "/raise/late"),
}
"""Where both ASGI servers agree."""

FAILING = {
    "raised": Ask("GET", "/raise"),
    "silent": Ask("GET", "/silent"),
    "silent_late": Ask("GET", "/silent/late"),
    "longer_than_declared": Ask("GET", "/sized/3/5"),
    "shorter_than_declared": Ask("GET", "/sized/5/3"),
    "nothing_of_declared": Ask("GET", "/sized/5/0"),
    "body_before_head": Ask("GET", "/wrong/body"),
    "impossible_header": Ask("GET", "/wrong/head"),
    "informational": Ask("GET", "/wrong/informational"),
    "sent_after_the_end": Ask("GET", "/wrong/end"),
    "asked_to_close": Ask("GET", "/pieces", {"connection": "close"}),
    "answered_before_it_was_read": Ask("POST", "/early", content=b"x" * 4096),
}
"""Where each server has its own way, of which ours is uvicorn's."""

FASTAPI = {
    "items": Ask("GET", "/items/a%2Fb%20c?q=1&q=2"),
    "upload": Ask("POST", "/upload", content=Pieces(b"one", BIG)),
    "blocking": Ask("GET", "/blocking"),
    "background": Ask("GET", "/background"),
    "stream": Ask("GET", "/stream", leave_at=b"first,"),
    "bug": Ask("GET", "/bug"),
    "missing": Ask("GET", "/missing"),
    "wrong_method": Ask("DELETE", "/upload"),
}

Server = Callable[[Any], AbstractContextManager[str]]


def cases(**tables: tuple[Any, dict[str, Ask], Server]) -> list[Any]:
    """One parameter for each application, request and server."""
    return [
        pytest.param(make, ask, server, id=f"{table}-{name}")
        for table, (make, asks, server) in tables.items()
        for name, ask in asks.items()
    ]


def real(make: Callable[[Journal], Any], ask: Ask, server: Server) -> tuple[Seen, Journal]:
    """What a client sees of the application behind a real server, and the application itself."""
    key = (make, id(ask), server)
    if key not in _SEEN:
        journal: Journal = []
        with server(make(journal)) as url:
            seen = call(ask, url)
        _SEEN[key] = seen, journal
    return _SEEN[key]


_SEEN: dict[Any, tuple[Seen, Journal]] = {}
"""Servers are slow to stop, and say the same to every test."""


ASGI = cases(
    raw=(raw_asgi, ORDINARY | FAILING, uvicorn_server),
    fastapi=(fastapi_app, FASTAPI, uvicorn_server),
)


# Over a socket, too, Trio warns of the generators in httpx when a body is left early.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("make", "ask", "server"), ASGI)
async def test_async_client_sees_what_a_server_shows(make: Any, ask: Ask, server: Server) -> None:
    """On both event loops, calls and the application's own record are those of uvicorn."""
    journal: Journal = []
    async with InProcess({"http://app": make(journal)}) as transport:
        seen = await acall(ask, "http://app", transport)
    assert real(make, ask, server) == (seen, journal)


@pytest.mark.parametrize(("make", "ask", "server"), ASGI)
def test_sync_client_sees_what_a_server_shows(make: Any, ask: Ask, server: Server) -> None:
    """Calls and the application's own record are those of uvicorn."""
    journal: Journal = []
    with InProcess({"http://app": make(journal)}) as transport:
        seen = call(ask, "http://app", transport)
    assert real(make, ask, server) == (seen, journal)


# Hypercorn announces another version of the specification in the scope.
@pytest.mark.parametrize("name", [name for name in ORDINARY if not name.startswith("scope")])
def test_client_sees_what_hypercorn_shows(name: str) -> None:
    """Another server agrees: this is not the taste of one."""
    with InProcess({"http://app": raw_asgi([])}) as transport:
        seen = call(ORDINARY[name], "http://app", transport)
    there, _ = real(raw_asgi, ORDINARY[name], hypercorn_server)
    assert there.without_framing() == seen.without_framing()


WSGI = {
    "environ": Ask("GET", "/environ/a%2Fb%20c/%C3%BC?q=%2F+x&q=2", {"X-Case": "Kept"}),
    "environ_of_post": Ask("POST", "/environ", {"content-type": "text/plain"}, b"abc"),
    "echo": Ask("POST", "/echo", content=b"hello"),
    "big_echo": Ask("POST", "/echo", content=BIG),
    "lines": Ask("POST", "/lines", content=b"one\ntwo three\n"),
    "no_content": Ask("GET", "/status/204"),
    "not_modified": Ask("GET", "/status/304"),
    "teapot": Ask("GET", "/status/418"),
    "head": Ask("HEAD", "/write"),
    "pieces": Ask("GET", "/pieces"),
    "write": Ask("GET", "/write"),
    "exc_info": Ask("GET", "/exc_info"),
    "raised_late": Ask("GET", "/raise/late"),
}
FLASK = {
    "items": Ask("GET", "/items/a%2Fb%20c?q=1&q=2"),
    "upload": Ask("POST", "/upload", content=BIG),
    "stream": Ask("GET", "/stream"),
    "bug": Ask("GET", "/bug"),
    "missing": Ask("GET", "/missing"),
    "head": Ask("HEAD", "/items/x"),
}
WSGI_CASES = [
    *cases(waitress=(raw_wsgi, WSGI, waitress_server)),
    *cases(wsgiref=(raw_wsgi, WSGI, wsgiref_server)),
    *cases(flask_waitress=(flask_app, FLASK, waitress_server)),
    *cases(flask_wsgiref=(flask_app, FLASK, wsgiref_server)),
]


@pytest.mark.parametrize(("make", "ask", "server"), WSGI_CASES)
async def test_async_client_of_wsgi(make: Any, ask: Ask, server: Server) -> None:
    """A WSGI application answers an async client as it does behind a server."""
    journal: Journal = []
    async with InProcess({"http://app": make(journal)}) as transport:
        seen = await acall(ask, "http://app", transport)
    there, record = real(make, ask, server)
    assert (there.without_framing(), record) == (seen.without_framing(), journal)


@pytest.mark.parametrize(("make", "ask", "server"), WSGI_CASES)
def test_sync_client_of_wsgi(make: Any, ask: Ask, server: Server) -> None:
    """A WSGI application answers a sync client as it does behind a server."""
    journal: Journal = []
    with InProcess({"http://app": make(journal)}) as transport:
        seen = call(ask, "http://app", transport)
    there, record = real(make, ask, server)
    assert (there.without_framing(), record) == (seen.without_framing(), journal)


def test_framing_is_that_of_waitress() -> None:
    """A body of one piece has a length, one of several is chunked; waitress says it alike."""
    app = raw_wsgi([])
    for ask in (WSGI["environ"], WSGI["pieces"], WSGI["echo"]):
        with waitress_server(app) as url:
            there = call(ask, url)
        here = call(ask, "http://app", InProcess({"http://app": app}))
        framing = {b"content-length", b"transfer-encoding"}
        assert [h for h in there.headers if h[0] in framing] == [
            h for h in here.headers if h[0] in framing
        ]


def test_a_wsgi_bug_is_500_everywhere() -> None:
    """The words differ from server to server, the status does not."""
    ask = Ask("GET", "/raise")
    here = call(ask, "http://app", InProcess({"http://app": raw_wsgi([])}))
    statuses = {
        real(raw_wsgi, ask, server)[0].status for server in (waitress_server, wsgiref_server)
    }
    assert {500} == statuses | {here.status}


def test_refused_like_a_closed_port() -> None:
    """Where nothing listens, the error is that of a port where nothing listens."""
    with httpx.Client(transport=InProcess({})) as client, pytest.raises(httpx.ConnectError):
        client.get("http://app")
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError):
        client.get("http://127.0.0.1:1")
