"""
Endpoints from containers: of a Docker daemon, or of a compose file without one.

Labels say which service a container serves; its port, address and health are what the
daemon knows. The source of the daemon listens to its events first, reads the containers
of a service then, and reads again each one that an event speaks of; so nothing falls
between the two, and what is read is never older than the event. The source of a compose
file reads the same labels where they are written, and sees every change of the file.

Neither looks at the services of Swarm, which balances by itself.
"""

from __future__ import annotations

from ._source import DockerDiscovery
from .compose import ComposeDiscovery

__all__ = ["ComposeDiscovery", "DockerDiscovery"]
