"""From settings and URLs to a key of a store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.config.store import (
    ConsulStore,
    EtcdStore,
    FileStore,
    MemoryStore,
    StoreKey,
    is_store_url,
    open_store,
    store_at,
)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the variables of this machine say of its own servers does not count."""
    for name in list(os.environ):
        if name.startswith(("CONSUL_", "ETCDCTL_")):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("settings", "kind", "location"),
    [
        ("process", MemoryStore, "process:users/web"),
        ({"file": "/run/a.json"}, FileStore, "/run/a.json"),
        ({"file": Path("/run/{name}.json")}, FileStore, "/run/users%2Fweb.json"),
        ({"etcd": None}, EtcdStore, "etcd://127.0.0.1:2379/meshlib/users%2Fweb"),
        ({"etcd": "https://a:1"}, EtcdStore, "etcds://a:1/meshlib/users%2Fweb"),
        (
            {"etcd": {"addresses": ["http://a:1", "http://b:2"], "key": "x"}},
            EtcdStore,
            "etcd://a:1,b:2/x",
        ),
        ({"consul": {}}, ConsulStore, "consul://127.0.0.1:8500/meshlib/users%2Fweb"),
        ({"consul": "a:1"}, ConsulStore, "consul://a:1/meshlib/users%2Fweb"),
        (
            {"consul": {"address": "https://a:1", "key": "k/{name}", "token": "t"}},
            ConsulStore,
            "consuls://a:1/k/users%2Fweb",
        ),
        ({"consul": "unix:///run/consul.sock"}, ConsulStore, "consul://run/consul.sock/meshlib/"),
        ("etcd://a:1/k/{name}", EtcdStore, "etcd://a:1/k/users/web"),
    ],
)
def test_settings_name_a_key(settings: Any, kind: type, location: str) -> None:
    """Without a key it is named after what it is for."""
    key = open_store(settings, "users/web")
    assert isinstance(key.store, kind)
    assert key.location.startswith(location)
    assert repr(key) == f"<StoreKey {key.location}>"


def test_a_key_is_taken_as_it_is() -> None:
    """A store of the application's own comes that way."""
    key = StoreKey(MemoryStore(), "a")
    assert open_store(key, "b") is key
    assert {key} == {key, StoreKey(key.store, "a")}
    assert key != StoreKey(key.store, "b")
    assert key != StoreKey(MemoryStore(), "a")
    assert key != "a"


@pytest.mark.parametrize(
    ("settings", "path", "message"),
    [
        ("etdc", "", "a store is needed"),
        (None, "", "a store is needed"),
        ({"etdc": {}}, "", "did you mean 'etcd'"),
        ({"redis": {}}, "", "'redis' is not a known store; write"),
        ({"file": ""}, "file", "a path is needed"),
        ({"file": 5}, "file", "a path is needed"),
        ({"etcd": 5}, "etcd", "settings are a mapping"),
        ({"etcd": {"adresses": "http://a:1"}}, "etcd.adresses", "did you mean 'addresses'"),
        ({"consul": {"zzz": 1}}, "consul.zzz", "known are key, address"),
        ({"consul": {"key": ""}}, "consul.key", "a text is needed"),
        ({"etcd": {"addresses": "ftp://x"}}, "etcd.addresses[0]", "not the address of a server"),
        ({"etcd": {"timeout": "soon"}}, "etcd.timeout", "soon"),
    ],
)
def test_wrong_settings_name_their_place(settings: Any, path: str, message: str) -> None:
    """As everywhere in a document."""
    with pytest.raises(ConfigurationError, match=message.replace("'", "['\"]")) as caught:
        open_store(settings, "users")
    assert path == caught.value.path


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("etcd://a:1/x/y", "etcd://a:1/x/y"),
        ("etcd://a:1//x", "etcd://a:1//x"),
        ("etcd://a:1,b:2/x%20y", "etcd://a:1,b:2/x y"),
        ("etcds://a:1/x", "etcds://a:1/x"),
        ("consul://a:1/x", "consul://a:1/x"),
        ("consuls://a:1/x", "consuls://a:1/x"),
        ("conf/mesh.yaml", "conf/mesh.yaml"),
        ("mesh.yaml", "mesh.yaml"),
    ],
)
def test_a_url_names_a_key(url: str, location: str) -> None:
    """Whatever is none is a path."""
    assert location == store_at(url).location
    assert is_store_url(url) is ("://" in url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("etcd://a:1", "does not name a key; write etcd://HOST:PORT/KEY"),
        ("etcd://a:1/", "does not name a key"),
        ("etcd:///x", "does not name a key"),
        ("etcd://user:secret@a:1/x", "holds no credentials"),
        ("etcd://a:1/x?prefix=1", "more than an address and a key"),
        ("consul://a:1,b:2/x", "one agent"),
    ],
)
def test_a_url_that_is_wrong_is_refused(url: str, message: str) -> None:
    """Without repeating a password that should not have been there."""
    with pytest.raises(ConfigurationError, match=message.replace("?", r"\?")) as caught:
        store_at(url)
    assert "secret" not in str(caught.value)


def test_credentials_of_a_url_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As the servers' own tools have them."""
    from meshlib.config.store._open import etcd_environment

    assert {} == etcd_environment({"ETCDCTL_USER": "", "ETCDCTL_PASSWORD": "x"})
    assert {"username": "a", "password": "b:c"} == etcd_environment({"ETCDCTL_USER": "a:b:c"})
    said = {
        "ETCDCTL_USER": "a",
        "ETCDCTL_PASSWORD": "b",
        "ETCDCTL_CACERT": "/ca",
        "ETCDCTL_KEY": "",
    }
    assert {"username": "a", "password": "b", "tls": {"ca": "/ca"}} == etcd_environment(said)
    monkeypatch.setenv("ETCDCTL_USER", "shop:secret")
    key = store_at("etcd://127.0.0.1:1/x")
    assert isinstance(key.store, EtcdStore)
    credentials = key.store._keys._cluster.credentials
    assert credentials is not None
    assert "shop" == credentials.username
