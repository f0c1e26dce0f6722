"""
Endpoints from a compose file, without a daemon.

The files of a project are read as Docker Compose reads them: variables are put in, what
is included and extended is fetched, later files are merged over earlier ones, and profiles
choose among the services. Of all that stands in them only what says where a service is
called is looked at, so neither secrets nor images need to be there.
"""

from __future__ import annotations

from ._source import ComposeDiscovery

__all__ = ["ComposeDiscovery"]
