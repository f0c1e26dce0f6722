"""
Endpoints in etcd v3, which holds them as long as those who registered them live.

Each instance is a key `<prefix>/<service>/<id>`, tied to a lease. The source reads the
range of keys of a service once, at some revision of the store, then follows the changes
from the next revision on; so nothing falls between the two. The registrar grants a lease,
puts the key with it and keeps it alive; when the process dies, the lease ends and etcd
deletes the key. Both speak to the JSON gateway of etcd, which needs no gRPC, and to
another member of the cluster when one fails. `EtcdKeys` does the same for keys that are
no instances, such as a configuration document.
"""

from __future__ import annotations

from ._errors import EtcdError
from ._keys import EtcdKeys, KeyValue
from ._registrar import EtcdRegistrar
from ._source import EtcdDiscovery

__all__ = ["EtcdDiscovery", "EtcdError", "EtcdKeys", "EtcdRegistrar", "KeyValue"]
