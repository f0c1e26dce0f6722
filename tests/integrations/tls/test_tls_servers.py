"""TLS under real application servers: who the caller is, and certificates that reload."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshlib import ConfigurationError, Mesh
from meshlib.integrations import gunicorn as gunicorn_hooks
from meshlib.integrations._tls import context_of, is_outdated, peer_of
from meshlib.integrations.uvicorn import WebSocketProtocol, tls_options
from meshlib.security import (
    ReloadingContext,
    ServerTLSOptions,
    client_context,
    identity_of,
    server_context,
)
from support.issuer import Issuer
from support.tls_servers import hypercorn_tls, uvicorn_tls

USERS = "spiffe://example.org/users"
CHECKOUT = "spiffe://example.org/checkout"
PATIENCE = 30.0


class Site:
    """Certificates of a server and of a caller."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.issuer = Issuer()
        self.ca: Any = self.issuer.write(path / "ca.pem")
        self.server = self.issue("server", USERS)
        self.caller = self.issue("caller", CHECKOUT)

    def issue(self, name: str, uri: str) -> dict[str, Any]:
        """A certificate in a directory called *name*, in the place of the one before."""
        directory = self.path / name
        directory.mkdir(exist_ok=True)
        cert, key = self.issuer.issue(uris=(uri,)).write(directory)
        return {"cert": cert, "key": key}

    def options(self, **more: Any) -> ServerTLSOptions:
        """Those of the server."""
        return ServerTLSOptions(**self.server, ca=self.ca, **more)

    def client(self, **pair: Any) -> httpx.Client:
        """A client, as any would be, that checks who the server is."""
        return httpx.Client(verify=client_context(**pair, ca=self.ca, identity=USERS))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Certificates of this test alone."""
    return Site(tmp_path)


def test_uvicorn_tells_who_calls(site: Site) -> None:
    """In the scope of each request of a connection."""
    with uvicorn_tls(server_context(site.options())) as url, site.client(**site.caller) as client:
        for _ in range(2):
            assert identity_of(client.get(url).content).spiffe == CHECKOUT


def test_a_caller_without_a_certificate_is_nobody(site: Site) -> None:
    """Where it is only requested; one that is not asked for is not verified, so it is none."""
    context = server_context(site.options(client_certificates="requested"))
    with uvicorn_tls(context) as url, site.client() as client:
        assert client.get(url).content == b""
    context = server_context(site.options(client_certificates="none"))
    with uvicorn_tls(context) as url, site.client(**site.caller) as client:
        assert client.get(url).content == b""


def test_hypercorn_offers_http2(site: Site) -> None:
    """With certificates that reload like everywhere."""
    context = server_context(site.options())
    verify = client_context(**site.caller, ca=site.ca, identity=USERS)
    with hypercorn_tls(context) as url:
        for _ in range(2):
            with httpx.Client(verify=verify, http2=True) as client:
                assert client.get(url).http_version == "HTTP/2"
            site.issue("server", USERS)
            assert context.certificates.look()


def test_where_a_server_has_its_certificate_from(site: Site) -> None:
    """A mesh, options, or a context that there is already."""
    document = {"server_tls": {**site.server, "ca": site.ca}}
    with Mesh("users", config=document) as mesh:
        made = context_of(mesh)
        assert made is context_of(mesh)
        assert made.certificates.status().identity == USERS
        assert list(mesh.metrics().certificates) == [site.server["cert"]]
        mesh.apply({"server_tls": None})
        assert made.certificates.look() is False
        with pytest.raises(ConfigurationError, match="server_tls"):
            context_of(mesh)
    assert isinstance(context_of(site.options()), ReloadingContext)
    context = server_context(site.options())
    assert tls_options(context)["ssl_context_factory"](None, None) is context


def test_a_file_that_is_wrong_is_an_error_of_the_document(tmp_path: Path) -> None:
    """When the server asks for its context."""
    options = {"cert": str(tmp_path / "none"), "client_certificates": "none"}
    with (
        Mesh("users", config={"server_tls": options}) as mesh,
        pytest.raises(ConfigurationError, match="No such file") as caught,
    ):
        context_of(mesh)
    assert caught.value.path == "server_tls"


def test_what_is_no_tls_has_no_peer() -> None:
    """A plain connection, or something else altogether."""
    assert peer_of(None) is None
    assert peer_of(object()) is None
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert not is_outdated(plain.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO()))


async def test_a_websocket_has_the_certificate_too() -> None:
    """The protocol that uvicorn hands the connection to is made in the same way."""
    assert hasattr(WebSocketProtocol, "connection_made")


class _Settings:
    """Those of gunicorn that matter here."""

    def __init__(self, site: Site, clients: int) -> None:
        self.certfile, self.keyfile = site.server["cert"], site.server["key"]
        self.ca_certs, self.cert_reqs = site.ca, clients


def test_gunicorn_gets_the_same_context_for_each_connection(site: Site) -> None:
    """By its own settings, or by what it is given; also in a worker that was forked."""
    settings = _Settings(site, 2)
    context = gunicorn_hooks.ssl_context(settings, None)
    assert context is gunicorn_hooks.ssl_context(settings, None)
    gunicorn_hooks._CONTEXTS.renew()
    assert context is gunicorn_hooks.ssl_context(settings, None)
    assert context.verify_mode is ssl.CERT_REQUIRED
    optional = gunicorn_hooks.ssl_context(_Settings(site, 1), None)
    assert optional.verify_mode is ssl.CERT_OPTIONAL
    assert gunicorn_hooks.ssl_context_of(site.options())(None, None) is context
    own = server_context(site.options())
    assert gunicorn_hooks.ssl_context_of(own)(None, None) is own


def test_an_application_finds_who_called(site: Site) -> None:
    """In its environ; nobody without TLS."""
    seen: list[Any] = []

    def answer(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(environ)
        return []

    app = gunicorn_hooks.PeerCertificate(answer)
    assert list(app({"gunicorn.socket": None}, None)) == []
    assert seen[0]["meshlib.tls.peer"] is None


APP = """
from meshlib.integrations.gunicorn import PeerCertificate

def answer(environ, start_response):
    start_response("200 OK", [])
    return [environ["meshlib.tls.peer"] or b""]

app = PeerCertificate(answer)
"""
CONFIG = """
from meshlib.integrations.gunicorn import {hook}
bind = "127.0.0.1:0"
workers = {workers}
worker_class = "{worker}"
threads = 2
preload_app = True
certfile, keyfile, ca_certs, cert_reqs = {cert!r}, {key!r}, {ca!r}, {clients}
accesslog, loglevel = None, "info"
control_socket_disable = True
{more}
"""


@contextmanager
def gunicorn(site: Site, **options: Any) -> Iterator[str]:
    """gunicorn in a process of its own; its URL."""
    pytest.importorskip("gunicorn", reason="gunicorn is not installed")
    (site.path / "served.py").write_text(APP)
    settings = {"hook": "ssl_context", "worker": "sync", "workers": 1, "more": "", "clients": 2}
    text = CONFIG.format(**{**settings, **site.server, "ca": site.ca, **options})
    (site.path / "conf.py").write_text(text)
    root = str(Path(__file__).parents[3])
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "conf.py", "served:app"],
        cwd=site.path,
        env={**os.environ, "PYTHONPATH": root},
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    found = threading.Event()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line)
            if "Booting worker" in line:
                found.set()
        found.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert found.wait(PATIENCE)
        listening = [line for line in lines if "Listening at: " in line]
        assert listening, "".join(lines)
        yield listening[0].partition("Listening at: ")[2].split()[0]
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError("".join(lines)) from None
        reader.join(PATIENCE)
        assert process.stderr is not None
        process.stderr.close()


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_gunicorn_tells_who_calls_and_reloads(site: Site, worker: str) -> None:
    """Each worker, after the fork: it looks at the files as connections are made."""
    with gunicorn(site, worker=worker, workers=2) as url:
        shown: set[bytes] = set()
        _wait_for_another(site, url, shown)
        for _ in range(3):
            with site.client(**site.caller) as client:
                response = client.get(url)
            assert identity_of(response.content).spiffe == CHECKOUT
            site.issue("server", USERS)
            _wait_for_another(site, url, shown)
        with pytest.raises(httpx.HTTPError), site.client() as client:
            client.get(url)
    assert len(shown) == 4


def _wait_for_another(site: Site, url: str, shown: set[bytes]) -> None:
    """Connect until the server shows a certificate that it has not shown before."""
    for _ in range(10_000):
        context = client_context(**site.caller, ca=site.ca, identity=USERS)
        host, _, port = url.removeprefix("https://").partition(":")
        raw = socket.create_connection((host, int(port)), PATIENCE)
        with context.wrap_socket(raw) as secured:
            der = secured.getpeercert(True)
        assert der is not None
        if der not in shown:
            shown.add(der)
            return
    raise AssertionError("the server goes on with its old certificate")


def test_gunicorn_takes_a_context_too(site: Site) -> None:
    """That of options, or of a mesh; its own settings only switch TLS on."""
    more = (
        "from meshlib.security import ServerTLSOptions\n"
        f"ssl_context = ssl_context_of(ServerTLSOptions(cert={site.server['cert']!r}, "
        f"key={site.server['key']!r}, ca={site.ca!r}))\ndel ssl_context_of, ServerTLSOptions\n"
    )
    with (
        gunicorn(site, hook="ssl_context_of", more=more) as url,
        site.client(**site.caller) as client,
    ):
        assert client.get(url).status_code == 200


def test_loops_are_not_needed_to_make_options(site: Site) -> None:
    """uvicorn loads its configuration before it has a loop."""
    config = tls_options(site.options())
    made = config["ssl_context_factory"](None, None)
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert asyncio.iscoroutinefunction(made.wrap_bio) is False
