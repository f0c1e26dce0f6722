"""
What the settings say about the cluster.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ..._exceptions import ConfigurationError
from .._http import Http, Tls
from .._settings import seconds, text, texts
from ._credentials import Credentials

LOCAL = "http://127.0.0.1:2379"
"""Where etcd listens unless it is told otherwise."""
PREFIX = "/meshlib/services"
GATEWAY = "/v3"
TIMEOUT = 5.0
"""Seconds; etcd itself gives up on a request after 5 s and two elections."""


class Cluster:
    """
    The members at *addresses*, and how each of them is spoken to.

    The settings are those of `EtcdDiscovery`; ConfigurationError names the one that is
    wrong.
    """

    def __init__(
        self,
        addresses: Any,
        *,
        username: Any,
        password: Any,
        password_file: Any,
        tls: Any,
        gateway: Any,
        timeout: Any,
    ) -> None:
        known = texts(addresses, "addresses")
        if not known:
            raise ConfigurationError("at least one address is needed", path="addresses")
        shared = Tls(tls)
        self.members = tuple(
            Http(_checked(address, path), tls=shared, path=path)
            for address, path in ((one, f"addresses[{n}]") for n, one in enumerate(known))
        )
        self.timeout = seconds(timeout, "timeout", minimum=0.1)
        self.gateway = "/" + text(gateway, "gateway").strip("/")
        self.credentials: Credentials | None = None
        if username is not None:
            self.credentials = Credentials(username, password, password_file)
        elif password is not None or password_file is not None:
            raise ConfigurationError("a password needs its user", path="username")


def checked_prefix(value: Any) -> str:
    """A prefix of keys without its last slash; it may be empty."""
    return "" if value == "" else text(value, "prefix").rstrip("/")


def _checked(address: str, path: str) -> str:
    if urlsplit(address).username is not None:
        raise ConfigurationError(
            "an address holds no credentials", path=path, hint="set username and password"
        )
    return address
