"""
Keys of etcd.
"""

from __future__ import annotations

from typing import Any

from ...discovery.etcd import EtcdKeys
from ._keys import KeysStore


class EtcdStore(KeysStore):
    """
    Keeps contents in etcd v3, whose revisions are their versions.

    *addresses*, the members of the cluster, and *settings* are those of `EtcdKeys`:
    username, password, password_file, tls, gateway, timeout, idle_timeout.

    https://etcd.io/docs/v3.5/learning/api/#transaction
    """

    def __init__(self, addresses: Any = None, **settings: Any) -> None:
        keys = EtcdKeys(**settings) if addresses is None else EtcdKeys(addresses, **settings)
        scheme = "etcds" if keys.addresses[0].startswith("https:") else "etcd"
        servers = ",".join(each.partition("://")[2] for each in keys.addresses)
        super().__init__(keys, start=f"{scheme}://{servers}/", version="revision")
