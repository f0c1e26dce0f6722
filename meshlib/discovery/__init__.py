"""
Where the endpoints of a service are.

A *source* is an object with an async generator `watch(service)`: it sends the whole list
of endpoints, at first and whenever that changes. A *supervisor* runs it on the event loop
of the mesh, checks every list, starts the generator again when it fails or ends, and
publishes; the last good list stays in force meanwhile. Nothing here is on the path of a
request: a call reads what was published last.

An empty list and a failure differ: the one says that there are no endpoints, the other
that nobody knows.
"""

from __future__ import annotations

from ._base import Discovery, source_name
from ._catalogue import moved
from ._document import parse_document, read_content, unreadable
from ._endpoint import parse_endpoint
from ._environment import EnvironmentDiscovery
from ._file import FileDiscovery
from ._file_watcher import watch_file
from ._options import DropGuardOptions
from ._publisher import Publisher
from ._registry import check_discovery, discovery_names, make_discovery
from ._snapshot import Snapshot
from ._static import StaticDiscovery, parse_endpoints
from ._supervisor import SourceStatus, Supervisor
from ._timing import Timing

__all__ = [
    "Discovery",
    "DropGuardOptions",
    "EnvironmentDiscovery",
    "FileDiscovery",
    "Publisher",
    "Snapshot",
    "SourceStatus",
    "StaticDiscovery",
    "Supervisor",
    "Timing",
    "check_discovery",
    "discovery_names",
    "make_discovery",
    "moved",
    "parse_document",
    "parse_endpoint",
    "parse_endpoints",
    "read_content",
    "source_name",
    "unreadable",
    "watch_file",
]
