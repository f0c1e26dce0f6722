"""
The server's half: what stands in front of an application, and keeps a mesh beside it.

`MeshMiddleware` (ASGI) and `MeshWSGIMiddleware` carry out what a mesh's `inbound` decides
about each request: they refuse it, or serve it with the deadline and the identity of its
caller in force. `HealthASGI` and `HealthWSGI` answer the probes of a `ProcessHealth`.
`Meshed` starts and closes a client with an ASGI application and registers the process;
`meshlib.integrations.fastapi` and `meshlib.integrations.flask` fit it to these.
"""

from __future__ import annotations

from ._asgi import MeshMiddleware
from ._health_asgi import HealthASGI
from ._health_wsgi import HealthWSGI
from ._meshed import Meshed
from ._permission import Permission, loopback, verified
from ._wsgi import MeshWSGIMiddleware

__all__ = [
    "HealthASGI",
    "HealthWSGI",
    "MeshMiddleware",
    "MeshWSGIMiddleware",
    "Meshed",
    "Permission",
    "loopback",
    "verified",
]
