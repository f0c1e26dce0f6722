"""
Keys of Consul.
"""

from __future__ import annotations

from typing import Any

from ...discovery.consul import ConsulKeys
from ._keys import KeysStore


class ConsulStore(KeysStore):
    """
    Keeps contents in the KV store of Consul, whose `ModifyIndex` is their version.

    *address*, the agent, and *settings* are those of `ConsulKeys`: token, token_file,
    datacenter, namespace, partition, tls, wait, min_interval, timeout; what they do not
    say, the variables `CONSUL_*` do.

    https://developer.hashicorp.com/consul/api-docs/kv
    """

    def __init__(self, address: str | None = None, **settings: Any) -> None:
        keys = ConsulKeys(address, **settings)
        scheme, _, server = keys.address.partition("://")
        start = f"{'consuls' if scheme == 'https' else 'consul'}://{server.lstrip('/')}/"
        super().__init__(keys, start=start, version="modified")
