"""
Where a document is read from: a file, or a key of a store.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from .._exceptions import ConfigurationError, StoreError
from ..discovery import read_content, unreadable, watch_file
from .store import FileStore, StoreKey, follow, is_store_url, run_blocking, store_at

Source = str | os.PathLike[str] | StoreKey
"""A path, the URL of a key, or a key."""

_TIMEOUT = 5.0
"""Seconds that whoever makes a mesh waits for its document."""


def source_name(source: Source) -> str:
    """What *source* is called in messages; its suffix tells the format."""
    key = key_of(source)
    return os.fspath(cast("Any", source)) if key is None else key.location


def key_of(source: Source) -> StoreKey | None:
    """The key that *source* names; None for a file. Raises ConfigurationError."""
    if isinstance(source, StoreKey):
        return source
    text = os.fspath(source)
    return store_at(text) if is_store_url(text) else None


def default_suffix(source: Source) -> str:
    """What counts as the suffix of *source* where it has none that is known; empty for files."""
    key = key_of(source)
    # A key often has no suffix; JSON is YAML, too.
    return "" if key is None or isinstance(key.store, FileStore) else ".yaml"


def directory_of(source: Source) -> str:
    """What paths in *source* are relative to: its directory, or for a key the working one."""
    if default_suffix(source):
        return os.getcwd()
    return os.path.dirname(os.path.abspath(source_name(source)))


def read_source(source: Source) -> bytes:
    """
    What *source* holds. Blocks, on a store for 5 seconds at most.

    Raises ConfigurationError, naming it, if it cannot be read or there is nothing.
    """
    key = key_of(source)
    if key is None:
        return read_content(cast("Any", source))
    try:
        stored = run_blocking(key.get, timeout=_TIMEOUT)
    except TimeoutError:
        raise ConfigurationError(f"{key.location}: no answer in {_TIMEOUT:g} s") from None
    except StoreError as exc:
        raise ConfigurationError(str(exc)) from exc
    if stored is None:
        raise missing(key)
    return stored.content


def missing(key: StoreKey) -> ConfigurationError:
    """The error for a key without a document."""
    return ConfigurationError(f"{key.location}: there is no document")


async def contents_of(source: Source) -> AsyncGenerator[bytes | ConfigurationError, None]:
    """
    What *source* holds now, and again whenever it holds something else. Never ends.

    A file that cannot be read, or a key that is gone, is an error in its place, once. A
    store that is away says nothing.
    """
    key = key_of(source)
    if key is not None:
        async with aclosing(cast("Any", follow(key))) as documents:
            async for stored in documents:
                yield missing(key) if stored is None else stored.content
    else:
        path = cast("Any", source)
        async with aclosing(cast("Any", watch_file(path))) as contents:
            async for content in contents:
                yield unreadable(path, content) if isinstance(content, OSError) else content
