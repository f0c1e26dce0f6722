"""
Telling others where this process is.

A *registrar* knows a place to register, such as a Consul agent; a *keeper* keeps one
*instance* registered there: it registers, sends heartbeats, registers again when the server
has lost the instance, and takes it out at the end. A process that dies without a goodbye is
forgotten by the server after the instance's time to live.
"""

from __future__ import annotations

from ._base import Registrar, RegistrarSession
from ._instance import Instance, make_instance
from ._keeper import Keeper, RegistrationStatus
from ._make import make_registrar

__all__ = [
    "Instance",
    "Keeper",
    "Registrar",
    "RegistrarSession",
    "RegistrationStatus",
    "make_instance",
    "make_registrar",
]
