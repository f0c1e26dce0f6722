"""What the source and the registrar are told, and by whom."""

from __future__ import annotations

from typing import Any

import pytest

from meshlib import ConfigurationError
from meshlib.discovery import make_discovery
from meshlib.discovery.etcd import EtcdDiscovery, EtcdRegistrar
from meshlib.discovery.registration import make_registrar


def test_a_document_names_them() -> None:
    """By name alone, or with settings."""
    assert isinstance(make_discovery("etcd"), EtcdDiscovery)
    settings = {
        "addresses": ["http://a:2379", "https://b:2379/etcd"],
        "prefix": "",
        "service": "users",
        "scheme": "https",
        "username": "mesh",
        "password": "x",
        "tls": {"verify": False},
        "gateway": "v3beta/",
        "timeout": "2s",
        "idle_timeout": "1m",
    }
    assert isinstance(make_discovery({"etcd": settings}), EtcdDiscovery)
    assert isinstance(make_registrar({"etcd": {"addresses": "http://a:2379"}}), EtcdRegistrar)


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"addresses": []}, "addresses"),
        ({"addresses": ["http://a", "b:2379"]}, "addresses[1]"),
        ({"addresses": "http://me:secret@a:2379"}, "addresses[0]"),
        ({"prefix": 1}, "prefix"),
        ({"service": ""}, "service"),
        ({"scheme": "ftp"}, "scheme"),
        ({"username": "a"}, "password"),
        ({"username": "a", "password": "b", "password_file": "c"}, "password"),
        ({"username": "", "password": "b"}, "username"),
        ({"username": "a", "password": ""}, "password"),
        ({"username": "a", "password_file": ""}, "password_file"),
        ({"password": "a"}, "username"),
        ({"password_file": "a"}, "username"),
        ({"tls": {"kee": "x"}}, "tls.kee"),
        ({"gateway": ""}, "gateway"),
        ({"timeout": 0}, "timeout"),
        ({"idle_timeout": "soon"}, "idle_timeout"),
        ({"idle_timeout": 0}, "idle_timeout"),
    ],
)
def test_what_is_wrong_is_named(settings: dict[str, Any], path: str) -> None:
    """The error names the setting, and no secret."""
    with pytest.raises(ConfigurationError) as error:
        EtcdDiscovery(**settings)
    assert path == error.value.path
    assert "secret" not in str(error.value)
