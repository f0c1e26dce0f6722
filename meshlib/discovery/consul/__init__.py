"""
Endpoints in Consul, as its agent on this machine tells them.

The source asks the agent for the instances of a service and whether their checks pass, then
asks again with the index of that answer: such a blocking query is answered when something
has changed, or after a while when nothing has. An index says how new an answer is and
nothing else; when it cannot be trusted the next answer is asked for at once. The registrar
registers an instance with the agent under a check that turns critical when its heartbeats
stay away. `ConsulKeys` reads, replaces and watches keys of the KV store.
"""

from __future__ import annotations

from ._errors import ConsulError
from ._keys import ConsulKeys, KeyValue
from ._registrar import ConsulRegistrar
from ._source import ConsulDiscovery

__all__ = ["ConsulDiscovery", "ConsulError", "ConsulKeys", "ConsulRegistrar", "KeyValue"]
