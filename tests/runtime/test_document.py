"""A mesh that follows the document in a store, and goes back to what was in force."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshlib import AppliedConfig, ConfigurationError, Event, Mesh, MeshClient, StoreError
from meshlib.config import DocumentStore, _source
from meshlib.config.store import FileStore, MemoryStore, StoreKey, run_blocking, store_at
from meshlib.events import ConfigurationApplied, ConfigurationRejected
from support.real import free_port, wait_until
from support.real.consul import ConsulAgent
from support.real.etcd import Member

PATIENCE = 30.0
A, B = "http://10.0.0.1:80", "http://10.0.0.2:80"


def document(endpoint: str) -> bytes:
    """A document of one service."""
    return f"services:\n  users: [{endpoint}]\n".encode()


def put(key: StoreKey, content: bytes) -> None:
    """Put *content* without looking at it."""
    documents = DocumentStore(key, check=lambda _: None)
    assert run_blocking(documents.put, content, timeout=PATIENCE)


def delete(key: StoreKey) -> None:
    """Delete the document."""
    run_blocking(key.delete, timeout=PATIENCE)


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    """One etcd for all tests of this module."""
    with Member(tmp_path_factory.mktemp("etcd")) as member:
        yield member


@pytest.fixture(scope="module")
def consul(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsulAgent]:
    """One agent for all tests of this module."""
    with ConsulAgent(tmp_path_factory.mktemp("consul"), dev=False) as agent:
        yield agent


@pytest.fixture(params=["etcd", "consul", "file", "memory"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """What is given as `config=`: a URL, a path, or a key."""
    if request.param == "memory":
        return StoreKey(MemoryStore(), "mesh")
    if request.param == "file":
        return str(tmp_path / "mesh.yaml")
    url = request.getfixturevalue(request.param).url
    return f"{url.replace('http', request.param)}/meshlib/test-follow"


def key_of(source: Any) -> StoreKey:
    """The key that *source* names."""
    return source if isinstance(source, StoreKey) else store_at(source)


class Heard:
    """The events of a configuration, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Hear an event."""
        if isinstance(event, ConfigurationApplied | ConfigurationRejected):
            self.events.append(event)

    def until(self, number: int) -> list[Event]:
        """Wait until so many have been heard."""
        wait_until(f"{number} events", lambda: len(self.events) >= number)
        return self.events


def urls(mesh: Mesh) -> list[str]:
    """Where `users` is."""
    return [target.address for target in mesh.service("users").targets]


def test_a_mesh_follows_the_document_of_a_store(source: Any) -> None:
    """Good documents are applied; bad ones and none are one event each, and change nothing."""
    key, heard = key_of(source), Heard()
    put(key, document(A))
    with Mesh(config=source, listeners=[heard]) as mesh:
        assert [A] == urls(mesh)
        mesh.watch()
        put(key, document(B))
        assert ConfigurationApplied(changed=("users",), version=2) == heard.until(1)[0]
        assert [B] == urls(mesh)

        put(key, b"services:\n  users:\n    endpoints: ['" + A.encode() + b"']\n    timeuot: 5\n")
        rejected = heard.until(2)[1]
        assert isinstance(rejected, ConfigurationRejected)
        assert isinstance(rejected.error, ConfigurationError)
        assert "services.users.timeuot" == rejected.error.path
        assert f"{key.location}:4: " in str(rejected.error)
        assert "did you mean 'timeout'" in str(rejected.error)

        delete(key)
        assert isinstance(heard.until(3)[2], ConfigurationRejected)
        assert [B] == urls(mesh)

        put(key, document(A))
        assert ConfigurationApplied(changed=("users",), version=3) == heard.until(4)[3]
        assert [A] == urls(mesh)
        assert [1, 2, 3] == [one.version for one in mesh.history()]
        assert {key.location} == {one.source for one in mesh.history()}
    assert 4 == len(heard.events)
    delete(key)


@pytest.mark.parametrize("kind", ["etcd", "consul"])
def test_a_store_that_dies_changes_nothing(
    kind: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """The mesh goes on with what it has, says so once, and follows on when it is back."""
    server = request.getfixturevalue(kind)
    url = f"{server.url.replace('http', kind)}/meshlib/test-outage"
    key, heard = store_at(url), Heard()
    put(key, document(A))
    with Mesh(config=url, listeners=[heard]) as mesh, caplog.at_level(logging.INFO, "meshlib"):
        mesh.watch()
        wait_until("it is followed", lambda: mesh._watching._task is not None)
        server.kill()
        wait_until("it is told", lambda: "cannot be followed" in caplog.text)
        assert [A] == urls(mesh)
        server.start()

        def written() -> bool:
            try:
                put(key, document(B))
            except StoreError:
                return False
            return True

        wait_until("it is back", written)
        heard.until(1)
        assert [B] == urls(mesh)
    assert [ConfigurationApplied(changed=("users",), version=2)] == heard.events
    assert 1 == caplog.text.count("cannot be followed")


@pytest.mark.parametrize("scheme", ["etcd", "consul"])
def test_a_mesh_without_its_document_is_not_made(scheme: str) -> None:
    """A server that is away, or without the key, is an error that says where."""
    url = f"{scheme}://127.0.0.1:{free_port()}/mesh"
    with pytest.raises(ConfigurationError, match=url):
        Mesh(config=url)
    with pytest.raises(ConfigurationError, match="process:mesh: there is no document"):
        Mesh(config=StoreKey(MemoryStore(), "mesh"))
    with pytest.raises(ConfigurationError, match="does not name a key"):
        MeshClient(config=f"{scheme}://127.0.0.1:1")


def test_a_store_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The constructor ends in time, also where somebody listens and never answers."""
    assert 5.0 == _source._TIMEOUT
    monkeypatch.setattr(_source, "_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for scheme in ("etcd", "consul"):
            url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/mesh"
            with pytest.raises(ConfigurationError, match=rf"{url}: no answer in 0\.2 s"):
                Mesh(config=url)


def test_what_is_no_document_cannot_be_watched() -> None:
    """A mapping does not change by itself."""
    with (
        Mesh(config={}) as mesh,
        pytest.raises(ConfigurationError, match="only a file or a key of a store"),
    ):
        mesh.watch()


def test_the_format_is_told_by_the_suffix() -> None:
    """A key without one holds YAML or JSON."""
    for key, content in (
        ("mesh", b'{"name": "a"}'),
        ("mesh.v2", b"name: a"),
        ("mesh.toml", b'name = "a"'),
    ):
        store = MemoryStore()
        run_blocking(store.compare_and_set, key, content, None, timeout=PATIENCE)
        assert "a" == Mesh(config=StoreKey(store, key)).name


def test_a_file_in_a_store_has_a_suffix_like_any_file(tmp_path: Path) -> None:
    """Or it could be put, and not be loaded by its path."""
    put(StoreKey(FileStore(tmp_path), "mesh"), b"name: a")
    with pytest.raises(ConfigurationError, match="cannot tell the format"):
        Mesh(config=StoreKey(FileStore(tmp_path), "mesh"))


# Versions of this process


def mesh_of(*endpoints: str, **options: Any) -> Mesh:
    """A mesh that has been given one document after the other."""
    times = iter(range(100, 200))
    first, *others = endpoints
    mesh = Mesh(config={"services": {"users": [first]}}, wall_clock=lambda: next(times), **options)
    for endpoint in others:
        mesh.apply({"services": {"users": [endpoint]}})
    return mesh


def test_each_configuration_has_a_version() -> None:
    """The first is what the mesh was made with."""
    mesh = mesh_of(A, B)
    mesh.patch({"timeout": 3}, service="users")
    assert (
        AppliedConfig(1, 100, "code", ()),
        AppliedConfig(2, 101, "code", ("users",)),
        AppliedConfig(3, 102, "patch", ("users",)),
    ) == mesh.history()


def test_a_refused_configuration_has_none() -> None:
    """Nothing was in force, so there is nothing to go back to."""
    mesh = mesh_of(A)
    with pytest.raises(ConfigurationError):
        mesh.apply({"services": {"users": ["ftp://x"]}})
    assert 1 == len(mesh.history())


def test_rollback_puts_a_version_in_force_again() -> None:
    """The one before, or any other; what has not changed keeps its state."""
    heard = Heard()
    mesh = mesh_of(A, B, listeners=[heard])
    mesh.service("users").targets[0].breaker.isolate()
    assert ("users",) == mesh.rollback()
    assert [A] == urls(mesh)
    assert "version 1" == mesh.history()[-1].source
    assert ("users",) == mesh.rollback()
    assert [B] == urls(mesh)
    assert ("users",) == mesh.rollback(1)
    assert () == mesh.rollback(1)
    assert [2, 3, 4, 5, 6] == [getattr(event, "version", None) for event in heard.events]


def test_a_version_that_is_not_kept_is_an_error() -> None:
    """Which says what there is."""
    mesh = mesh_of(A)
    with pytest.raises(ConfigurationError, match="no configuration was in force before"):
        mesh.rollback()
    for _ in range(12):
        mesh.apply({"services": {"users": [B]}})
        mesh.apply({"services": {"users": [A]}})
    assert list(range(6, 26)) == [one.version for one in mesh.history()]
    with pytest.raises(ConfigurationError, match="there are 6 to 25"):
        mesh.rollback(5)


def test_a_watched_document_overrides_when_it_changes_again(tmp_path: Path) -> None:
    """Not before: an operator who rolled back is not overruled by what he rolled back."""
    path, heard = tmp_path / "mesh.yaml", Heard()
    key = StoreKey(FileStore(tmp_path), "mesh.yaml")
    put(key, document(A))
    with Mesh(config=path, listeners=[heard]) as mesh:
        mesh.watch()
        put(key, document(B))
        heard.until(1)
        mesh.rollback()
        assert [A] == urls(mesh)
        # As in a forked child, whose watch begins anew.
        mesh._watching.renew()
        put(key, document("http://10.0.0.3:80"))
        heard.until(3)
        assert ["http://10.0.0.3:80"] == urls(mesh)
    assert 3 == len(heard.events)


def test_a_forked_child_watches_for_itself() -> None:
    """It tells of a bad document once, as its parent did, and sees the next change."""
    key, heard = StoreKey(MemoryStore(), "mesh"), Heard()
    put(key, document(A))
    with Mesh(config=key, listeners=[heard]) as mesh:
        mesh.watch()
        mesh.watch()
        put(key, document("ftp://x"))
        heard.until(1)
        mesh._watching.renew()
        heard.until(2)
        put(key, document(B))
        heard.until(3)
    told = [type(one) for one in heard.events]
    assert [ConfigurationRejected, ConfigurationRejected, ConfigurationApplied] == told
