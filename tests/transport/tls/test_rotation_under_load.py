"""Certificates that are replaced while requests go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import pytest

from meshlib import AsyncMeshClient, HandshakeError, Mesh, MeshClient
from meshlib.events import CertificateLoaded
from meshlib.security import Certificates, ReloadingContext, identity_of, server_context
from support import ScriptedServer
from support.issuer import Issuer, Mount
from support.tls_servers import Serve, hypercorn_tls, scripted_tls, uvicorn_tls

ROTATIONS = 50
USERS = "spiffe://example.org/users"
CHECKOUT = "spiffe://example.org/checkout"


class Site:
    """A service behind mTLS, whose certificate and whose caller's are both replaced."""

    def __init__(self, path: Path) -> None:
        self.issuer = Issuer()
        self.roots = Mount(path / "roots", pem=self.issuer.pem)
        pair = self.issuer.issue(uris=(USERS,))
        self.server = Mount(path / "server", crt=pair.cert, key=pair.key)
        pair = self.issuer.issue(uris=(CHECKOUT,))
        self.client = Mount(path / "client", crt=pair.cert, key=pair.key)
        self.shown = [sha256(pair.der).hexdigest()]

    def serving(self) -> ReloadingContext:
        """The context of the service."""
        return server_context(**self._files(self.server))

    def mesh(self, url: str, **more: Any) -> Mesh:
        """A mesh that calls the service."""
        tls = {**self._files(self.client), "identity": USERS}
        users = {"endpoints": [url], "tls": tls, "retry": False, "breaker": False}
        return Mesh("checkout", config={"services": {"users": users}}, **more)

    def rotate(self) -> None:
        """Replace both certificates."""
        pair = self.issuer.issue(uris=(USERS,))
        self.server.swap(crt=pair.cert, key=pair.key)
        pair = self.issuer.issue(uris=(CHECKOUT,))
        self.shown.append(sha256(pair.der).hexdigest())
        self.client.swap(crt=pair.cert, key=pair.key)

    def _files(self, mount: Mount) -> dict[str, Any]:
        return {"cert": mount.path("crt"), "key": mount.path("key"), "ca": self.roots.path("pem")}


class Load:
    """Requests one after the other in several threads or tasks, until it is told to stop."""

    def __init__(self, site: Site, held: Certificates) -> None:
        self.failures: list[BaseException] = []
        self.old: list[tuple[int, int]] = []
        self.done = 0
        self._site = site
        self._held = held
        self._changed = threading.Condition()
        self._stopped = False

    def going_on(self) -> bool:
        """Whether to send another request."""
        return not self._stopped

    def begin(self) -> int:
        """Which certificate is in force as a request begins."""
        return self._held.number - 1

    def end(self, began: int, body: bytes) -> None:
        """Note which certificate the service saw; Hypercorn and scripts do not tell."""
        with self._changed:
            if body:
                seen = self._site.shown.index(identity_of(body).fingerprint)
                if seen < began:
                    self.old.append((began, seen))
            self.done += 1
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Note a request that failed."""
        with self._changed:
            self.failures.append(error)
            self._stopped = True
            self._changed.notify_all()

    def wait_for(self, more: int) -> None:
        """Wait until so many *more* requests have ended."""
        with self._changed:
            until = self.done + more
            assert self._changed.wait_for(lambda: self.done >= until or self._stopped, 30)

    def stop(self) -> None:
        """Let every thread and task end."""
        self._stopped = True


def threads(mesh: Mesh, load: Load) -> None:
    """Four threads with one client."""
    with MeshClient(mesh=mesh) as client:

        def run() -> None:
            try:
                while load.going_on():
                    began = load.begin()
                    load.end(began, client.get("http://users/").read())
            except BaseException as exc:
                load.fail(exc)

        workers = [threading.Thread(target=run) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


def tasks(backend: str, mesh: Mesh, load: Load, **options: Any) -> None:
    """Eight tasks with one client."""

    async def main() -> None:
        async with AsyncMeshClient(mesh=mesh, **options) as client:

            async def run() -> None:
                try:
                    while load.going_on():
                        began = load.begin()
                        load.end(began, (await client.get("http://users/")).content)
                except Exception as exc:
                    load.fail(exc)

            async with anyio.create_task_group() as group:
                for _ in range(8):
                    group.start_soon(run)

    anyio.run(main, backend=backend)


@contextmanager
def loaded(drive: Callable[[Mesh, Load], None], mesh: Mesh, load: Load) -> Iterator[None]:
    """Requests go on meanwhile."""
    thread = threading.Thread(target=drive, args=(mesh, load))
    thread.start()
    try:
        load.wait_for(16)
        yield
    finally:
        load.stop()
        thread.join(30)
    assert not thread.is_alive()


WAYS = [
    pytest.param(uvicorn_tls, threads, id="uvicorn-threads"),
    pytest.param(uvicorn_tls, partial(tasks, "asyncio"), id="uvicorn-asyncio"),
    pytest.param(uvicorn_tls, partial(tasks, "trio"), id="uvicorn-trio"),
    pytest.param(scripted_tls, threads, id="scripted-threads"),
    pytest.param(hypercorn_tls, partial(tasks, "asyncio", http2=True), id="http2-asyncio"),
    pytest.param(hypercorn_tls, partial(tasks, "trio", http2=True), id="http2-trio"),
]


@pytest.mark.parametrize(("serve", "drive"), WAYS)
def test_fifty_rotations_under_load_lose_no_request(
    tmp_path: Path, serve: Serve, drive: Callable[[Mesh, Load], None]
) -> None:
    """Nothing fails, and what begins after a rotation shows the new certificate."""
    site = Site(tmp_path)
    context = site.serving()
    with serve(context) as url, site.mesh(url) as mesh:
        tls = mesh.service("users").policies.tls
        load = Load(site, tls.certificates)
        with loaded(drive, mesh, load):
            for number in range(ROTATIONS):
                site.rotate()
                assert context.certificates.look() or context.certificates.number == number + 2
                assert tls.certificates.look() or tls.certificates.number == number + 2
                load.wait_for(4)
            load.wait_for(16)
    assert load.failures == []
    assert load.old == []
    assert tls.certificates.number == context.certificates.number == ROTATIONS + 1
    assert load.done >= ROTATIONS * 4


def test_the_background_of_a_mesh_follows_the_files(tmp_path: Path) -> None:
    """Nobody has to look: a mounted secret is swapped, and the next connection has it."""
    site = Site(tmp_path)
    changed = threading.Condition()
    numbers: list[int] = []

    def heard(event: Any) -> None:
        if isinstance(event, CertificateLoaded):
            with changed:
                numbers.append(event.number)
                changed.notify_all()

    with (
        uvicorn_tls(site.serving()) as url,
        site.mesh(url, listeners=[heard]) as mesh,
        MeshClient(mesh=mesh) as client,
    ):
        for number in (1, 2, 3):
            with changed:
                assert changed.wait_for(lambda: number in numbers, 30)  # noqa: B023 -- at once
            body = client.get("http://users/").content
            assert identity_of(body).fingerprint == site.shown[-1]
            assert mesh.metrics().certificates == {
                site.client.path("crt"): identity_of(body).not_after
            }
            site.rotate()


def test_the_roots_of_an_authority_are_replaced(tmp_path: Path) -> None:
    """Old and new are both trusted for a while; then a peer of the old one is refused."""
    site = Site(tmp_path)
    old, new = site.issuer, Issuer("new")
    context = site.serving()
    with uvicorn_tls(context) as url, site.mesh(url) as mesh, MeshClient(mesh=mesh) as client:
        held = mesh.service("users").policies.tls.certificates

        def look() -> None:
            context.certificates.look()
            held.look()

        assert client.get("http://users/").status_code == 200
        site.roots.swap(pem=old.pem + new.pem)
        look()
        assert client.get("http://users/").status_code == 200
        pair = new.issue(uris=(USERS,))
        site.server.swap(crt=pair.cert, key=pair.key)
        look()
        held._take(held.material, held.facts)  # a new connection, with the old certificate
        assert client.get("http://users/").status_code == 200
        site.roots.swap(pem=new.pem)
        look()
        with pytest.raises(Exception, match="does not trust the authority") as caught:
            client.get("http://users/")
        assert isinstance(caught.value.__cause__, HandshakeError)
        assert caught.value.__cause__.reason == "client_certificate_unknown_authority"
        pair = new.issue(uris=(CHECKOUT,))
        site.client.swap(crt=pair.cert, key=pair.key)
        look()
        assert client.get("http://users/").status_code == 200


def test_a_server_ends_connections_whose_roots_were_removed(tmp_path: Path) -> None:
    """With the next answer: who is not trusted any more must shake hands again."""
    site = Site(tmp_path)
    context = site.serving()
    with uvicorn_tls(context) as url, site.mesh(url) as mesh, MeshClient(mesh=mesh) as client:
        assert "connection" not in client.get("http://users/").headers
        site.roots.swap(pem=Issuer("other").pem)
        context.certificates.look()
        assert client.get("http://users/").headers["connection"] == "close"
        with pytest.raises(Exception, match="does not trust the authority"):
            client.get("http://users/")


def test_a_connection_in_use_ends_as_it_began(tmp_path: Path) -> None:
    """A body that is being read survives any number of rotations; then its connection closes."""
    site = Site(tmp_path)
    with (
        ScriptedServer(tls=site.serving()) as server,
        site.mesh(server.url) as mesh,
        MeshClient(mesh=mesh) as client,
    ):
        held = mesh.service("users").policies.tls.certificates
        with client.stream("GET", "http://users/") as response:
            site.rotate()
            held.look()
            client.get("http://users/")
            assert len(server.wait_for_connections(2)) == 2
            response.read()
        server.wait_for_close(0)
        client.get("http://users/")
        assert len(server.connections) == 2


def test_a_new_document_replaces_credentials(tmp_path: Path) -> None:
    """Another identity is asked for at once, and idle connections are not asked of any more."""
    site = Site(tmp_path)
    with (
        uvicorn_tls(site.serving()) as url,
        site.mesh(url) as mesh,
        MeshClient(mesh=mesh) as client,
    ):
        assert client.get("http://users/").status_code == 200
        mesh.patch({"tls": {"identity": "spiffe://example.org/orders"}}, service="users")
        with pytest.raises(Exception, match=r"must be spiffe://example\.org/orders"):
            client.get("http://users/")
        mesh.patch({"tls": {"identity": "spiffe://example.org"}}, service="users")
        assert client.get("http://users/").status_code == 200
        assert len(mesh.certifying.statuses()) == 1
