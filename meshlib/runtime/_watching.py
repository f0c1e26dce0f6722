"""
Following the document that a mesh was made from.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .._exceptions import ConfigurationError
from ..config import MeshConfig, watch_config
from ..config.store import StoreKey
from ..events import ConfigurationRejected
from ._background import Background, BackgroundTask

if TYPE_CHECKING:
    from ._mesh import Mesh


class Watching:
    """
    Applies the document of *mesh* from *source* again whenever it says something else.

    Whoever calls `start` or `renew` holds the lock under which the mesh changes.
    """

    def __init__(self, mesh: Mesh, background: Background, source: Any) -> None:
        self._mesh = mesh
        self._background = background
        self._source = source
        self._task: BackgroundTask | None = None
        self._read = mesh.config  # what was last taken from the source, in force or not

    def start(self) -> None:
        """Begin, unless that has happened; ConfigurationError for what cannot be watched."""
        if not isinstance(self._source, str | os.PathLike | StoreKey):
            kind = type(self._source).__name__
            raise ConfigurationError(
                f"only a file or a key of a store can be watched, not {kind}", path="config"
            )
        if self._task is None:
            self._task = self._background.start_soon(
                watch_config, self._source, self._apply, self._reject, self._read
            )

    def renew(self) -> None:
        """A forked child watches for itself, from where its parent was."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self.start()

    def stop(self) -> None:
        """Forget the task, which ends with the background of the mesh."""
        self._task = None

    def _apply(self, config: MeshConfig) -> None:
        self._read = config
        self._mesh.apply(config)

    def _reject(self, error: ConfigurationError) -> None:
        self._mesh.emit(ConfigurationRejected(error=error))
