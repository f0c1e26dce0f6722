"""The certificates of a mesh: shared by its services, followed in the background."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshlib import ConfigurationError, Mesh, MeshClient
from meshlib.events import CertificateLoaded, CertificateRejected, EndpointHealthChanged
from meshlib.security import server_context
from support import ScriptedServer
from support.issuer import Issuer, replace

USERS = "spiffe://example.org/users"
CHECKOUT = "spiffe://example.org/checkout"


class Site:
    """A caller's certificate, and that of a service."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.issuer = Issuer()
        self.ca = self.issuer.write(path / "ca.pem")
        self.caller = self.issue("caller", CHECKOUT)
        self.server = self.issue("server", USERS)

    def issue(self, name: str, uri: str) -> dict[str, Any]:
        """A certificate in a directory called *name*."""
        directory = self.path / name
        directory.mkdir(exist_ok=True)
        cert, key = self.issuer.issue(uris=(uri,)).write(directory)
        return {"cert": cert, "key": key}

    def document(self, url: str = "https://127.0.0.1:1", **more: Any) -> dict[str, Any]:
        """Two services that differ in who they must be alone."""
        tls = {**self.caller, "ca": self.ca}
        return {
            "defaults": {"tls": tls, **more},
            "services": {
                "users": {"endpoints": [url], "tls": {"identity": USERS}},
                "any": {"endpoints": [url], "tls": {"identity": "spiffe://example.org"}},
                "web": {"endpoints": [url]},
            },
        }


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Certificates of this test alone."""
    return Site(tmp_path)


def test_services_share_certificates(site: Site) -> None:
    """They are read once, and told of once."""
    heard: list[Any] = []
    with Mesh("checkout", config=site.document(), listeners=[heard.append]) as mesh:
        held = {
            id(mesh.service(name).policies.tls.certificates) for name in ("users", "any", "web")
        }
        assert len(held) == 1
        assert mesh.service("users").policies.tls.wanted == USERS
        loaded = [event for event in heard if isinstance(event, CertificateLoaded)]
        assert [event.identity for event in loaded] == [CHECKOUT]
        assert mesh.service("users").policies.tls.shown == CHECKOUT


def test_what_a_new_document_does_not_name_is_forgotten(site: Site) -> None:
    """And what it cannot load, it is refused for as a whole."""
    with Mesh("checkout", config=site.document()) as mesh:
        assert len(mesh.certifying.statuses()) == 1
        with pytest.raises(ConfigurationError, match=r"services\.users\.tls"):
            mesh.patch({"tls": {"cert": "/nowhere"}}, service="users")
        assert mesh.service("users").policies.tls.shown == CHECKOUT
        mesh.apply({"services": {"users": ["https://127.0.0.1:1"]}})
        assert mesh.certifying.statuses() == ()
        assert mesh.service("users").policies.tls is None


def test_discovered_services_go_by_the_defaults(site: Site) -> None:
    """Also when these change."""
    document = site.document()
    with Mesh("checkout", config=document, discovery=_Late()) as mesh:
        assert mesh.service("late").policies.tls.shown == CHECKOUT
        del document["defaults"]["tls"]["cert"], document["defaults"]["tls"]["key"]
        mesh.apply(document)
        assert mesh.service("late").policies.tls.shown == ""


class _Late:
    """A source that never says anything."""

    async def watch(self, service: str) -> Any:
        """Wait for ever."""
        import anyio

        await anyio.sleep_forever()
        yield ()


def test_a_refused_file_is_told_by_the_background(site: Site) -> None:
    """The files are followed from the first connection on; time alone makes it an event."""
    told = threading.Event()
    now = [0.0]

    def heard(event: Any) -> None:
        if isinstance(event, CertificateRejected):
            told.set()

    import time

    started = time.time()
    with (
        ScriptedServer(tls=server_context(**site.server, ca=site.ca)) as server,
        Mesh(
            "checkout",
            config=site.document(server.url),
            listeners=[heard],
            wall_clock=lambda: started + now[0],
        ) as mesh,
        MeshClient(mesh=mesh) as client,
    ):
        assert client.get("http://users/").status_code == 200
        replace(Path(site.caller["key"]), b"garbage")
        certificates = mesh.service("users").policies.tls.certificates
        _until(lambda: certificates.waiting)
        now[0] = 11.0
        assert told.wait(30)
        assert client.get("http://users/").status_code == 200
        assert certificates.status().rejected == 1


def _until(condition: Any) -> None:
    wake = threading.Event()
    for _ in range(3000):
        if condition():
            return
        wake.wait(0.01)
    raise AssertionError("it never came so far")


def test_checks_use_the_credentials_of_their_service(site: Site) -> None:
    """A service that nobody may call without a certificate is not unhealthy for that."""
    heard: list[Any] = []
    done = threading.Event()

    def listen(event: Any) -> None:
        if isinstance(event, EndpointHealthChanged):
            heard.append((event.service, event.healthy, event.reason))
            done.set()

    with ScriptedServer(tls=server_context(**site.server, ca=site.ca)) as server:
        document = site.document(
            server.url,
            health_check={"http": "/health", "interval": 0.05, "assume": "unhealthy", "timeout": 5},
        )
        with Mesh("checkout", config=document, listeners=[listen]) as mesh:
            mesh.service("users")
            assert done.wait(30)
            assert heard == [("users", True, "")]
            done.clear()
            mesh.patch({"tls": {"identity": "spiffe://example.org/orders"}}, service="users")
            assert done.wait(30)
            assert heard[1][:2] == ("users", False)
            assert "wrong identity" in heard[1][2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_follows_for_itself(site: Site) -> None:
    """Its connections have what is in force when they are made."""
    with (
        ScriptedServer(tls=server_context(**site.server, ca=site.ca)) as server,
        MeshClient("checkout", config=site.document(server.url)) as client,
    ):
        assert client.get("http://users/").status_code == 200
        certificates = client.mesh.service("users").policies.tls.certificates
        child = os.fork()
        if child == 0:
            status = 1
            try:
                site.issue("caller", CHECKOUT)
                certificates.look()
                client.get("http://users/")
                followed = client.mesh.certifying._running
                status = 0 if certificates.number == 2 and followed else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_forgets_what_runs_in_its_parent(site: Site) -> None:
    """What a fork calls in the child, called here."""
    with (
        ScriptedServer(tls=server_context(**site.server, ca=site.ca)) as server,
        MeshClient("checkout", config=site.document(server.url)) as client,
    ):
        assert client.get("http://users/").status_code == 200
        assert client.mesh.certifying._running
        client.mesh.renew()
        assert not client.mesh.certifying._running
        client.mesh.service("users").policies.tls.context()
        assert client.mesh.certifying._running


def test_a_transport_of_ones_own_is_warned_of(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """It makes its own connections, so nothing of `tls` would happen, and nobody would know."""
    with MeshClient("checkout", config=site.document()):
        assert not caplog.text
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    with MeshClient("checkout", config=site.document(), transport=transport):
        assert "tls of users, any, web counts for nothing" in caplog.text
