"""
A mesh that runs: the services of a document, and what goes on for them in the background.

A `Mesh` makes a service for each one that its document describes, or that is called, and
begins their calls; a `Tenant` is a mesh as one of several applications has it. *Making*
builds a service, *routing* leads its calls to lanes, *discovering*, *checking*,
*canarying* and *mirroring* do their work on one background loop, and *reconfiguring* puts
another document in force while calls are made.
"""

from __future__ import annotations

from ._applied import AppliedConfig
from ._mesh import Mesh, meshes
from ._registering import Registration, register
from ._sigterm import on_sigterm
from ._tenant import Tenant
from .canarying import Canary, CanaryStatus

__all__ = [
    "AppliedConfig",
    "Canary",
    "CanaryStatus",
    "Mesh",
    "Registration",
    "Tenant",
    "meshes",
    "on_sigterm",
    "register",
]
