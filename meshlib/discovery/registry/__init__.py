"""
A small registry of our own: processes register over HTTP, and others watch who is there.

The *server* is an ASGI application, `registry_app`, to be mounted or run by
`python -m meshlib registry`. Its *ledger* keeps who is registered, in SQLite so that a
restart loses nothing, and in memory so that thousands of watchers cost little; *leases* say
who has gone without a goodbye. `RegistryDiscovery` watches it, and `RegistryRegistrar`
registers with it. Clients need no library of their own; the server needs the extra
`registry`.
"""

from __future__ import annotations

from ._application import registry_app
from ._command import registry_command
from ._registrar import RegistryRegistrar
from ._source import RegistryDiscovery

__all__ = [
    "RegistryDiscovery",
    "RegistryRegistrar",
    "registry_app",
    "registry_command",
]
