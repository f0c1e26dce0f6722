"""
Changes of the configuration in force, none of which is lost to another one.

A change is worked out and checked without a lock, as building policies takes a while, and
put in force only over the configuration that it was worked out from; when another change
came first, it is worked out again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .._exceptions import ConfigurationError
from ..config import MeshConfig, patch_config
from ..events import ConfigurationApplied, ConfigurationRejected
from ._reconfiguring import Plan

if TYPE_CHECKING:
    from ._mesh import Mesh


def patch(
    mesh: Mesh, lock: threading.RLock, changes: Mapping[str, Any], service: str | None
) -> tuple[str, ...]:
    """Put *changes* in force; return the names of the services that they changed."""
    return change(
        mesh, lock, lambda config: patch_config(config, changes, service=service), "patch"
    )


def change(
    mesh: Mesh, lock: threading.RLock, make: Callable[[MeshConfig], MeshConfig], source: str = ""
) -> tuple[str, ...]:
    """
    Put in force what *make* makes of the configuration in force, and tell listeners.

    *make* may be called more than once. *lock* is that under which *mesh* changes. *source*
    is what the history says of where it came from; empty: what the configuration says.
    """
    try:
        changed = None
        while changed is None:
            current = mesh.config
            plan = Plan(mesh, make(current))
            with lock:
                if mesh.config is current:
                    changed = plan.carry_out()
                    version = mesh.versions.add(mesh.config, changed, source)
    except ConfigurationError as exc:
        mesh.emit(ConfigurationRejected(error=exc))
        raise
    mesh.emit(ConfigurationApplied(changed=changed, version=version))
    return changed
