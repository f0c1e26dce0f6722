"""
A configuration file that is applied again whenever it changes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import cast

from .._exceptions import ConfigurationError
from ..discovery import unreadable, watch_file
from ._load import load_content
from ._mesh import MeshConfig

_LOGGER = logging.getLogger("meshlib")


async def watch_config(
    path: str | os.PathLike[str],
    apply: Callable[[MeshConfig], object],
    on_error: Callable[[ConfigurationError], object],
    loaded: MeshConfig | None = None,
) -> None:
    """
    Call *apply* with what the file at *path* says, now and whenever that changes.

    *loaded* is the configuration in force: it is not applied again while the file still
    says so. A file that is invalid or gone is handed to *on_error*, and nothing is
    applied. A ConfigurationError of *apply* is its own to tell; whatever else either of
    them raises is logged. Runs until it is cancelled.
    """
    contents = cast("AsyncGenerator[bytes | OSError, None]", watch_file(path))
    async with aclosing(contents):
        async for content in contents:
            if loaded is not None and loaded.origin.content == content:
                loaded = None
                continue
            loaded = None
            try:
                _take(path, content, apply, on_error)
            except Exception:
                _LOGGER.exception("a change of %s could not be applied", os.fspath(path))


def _take(
    path: str | os.PathLike[str],
    content: bytes | OSError,
    apply: Callable[[MeshConfig], object],
    on_error: Callable[[ConfigurationError], object],
) -> None:
    try:
        if isinstance(content, OSError):
            raise unreadable(path, content)
        config = load_content(path, content)
    except ConfigurationError as exc:
        on_error(exc)
        return
    try:
        apply(config)
    except ConfigurationError as exc:
        _LOGGER.debug("%s was refused: %s", os.fspath(path), exc)
