"""
Where a configuration document, and what processes share, is kept.

A *store* keeps small contents by key, each with a version. A content is replaced under
compare-and-set, that is only if it still has the version that was read, so of several
processes that change it at once exactly one succeeds and the others read again; and a key
is watched. Files, etcd, Consul and the memory of this process are stores; a `StoreKey` is
one key of a store, and `open_store` makes it from what a document says.
"""

from __future__ import annotations

from ...routing.canary import Stored, Version
from ._blocking import run_blocking
from ._consul import ConsulStore
from ._etcd import EtcdStore
from ._file import FileStore
from ._follow import follow
from ._memory import MemoryStore
from ._open import is_store_url, open_store, store_at
from ._store import Store, StoreKey

__all__ = [
    "ConsulStore",
    "EtcdStore",
    "FileStore",
    "MemoryStore",
    "Store",
    "StoreKey",
    "Stored",
    "Version",
    "follow",
    "is_store_url",
    "open_store",
    "run_blocking",
    "store_at",
]
