"""
A document that is applied again whenever it changes, or a manifest that it names.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import aclosing

import anyio
import anyio.to_thread

from .._exceptions import ConfigurationError
from ..discovery import Timing, parse_document
from ._load import load_content
from ._mesh import MeshConfig
from ._source import Source, contents_of, default_suffix, directory_of, source_name
from .manifest import Manifests, manifests_of

_LOGGER = logging.getLogger("meshlib")

_LOOK = 1.0
"""Seconds between looks at manifests, as they may be many, and anywhere."""


async def watch_config(
    source: Source,
    apply: Callable[[MeshConfig], object],
    on_error: Callable[[ConfigurationError], object],
    loaded: MeshConfig | None = None,
    timing: Timing | None = None,
) -> None:
    """
    Call *apply* with what *source* says, a file or a key, now and whenever that changes.

    A change of a manifest that it names is a change of it, seen within a second or two.
    *loaded* is what was last read from it: it is not applied again while *source* still
    says so. What is invalid or gone is handed to *on_error*, and nothing is applied; a
    store that is away changes nothing, and is logged. A ConfigurationError of *apply* is
    its own to tell; whatever else either of them raises is logged. Runs until it is
    cancelled.
    """
    watch = _Watch(source, apply, on_error, loaded)
    async with anyio.create_task_group() as group:
        group.start_soon(watch.manifests_change, timing or Timing())
        async with aclosing(contents_of(source)) as contents:
            async for content in contents:
                watch.document_changed(content)


class _Watch:
    """One document, and the manifests that it named when it was last read."""

    def __init__(
        self,
        source: Source,
        apply: Callable[[MeshConfig], object],
        on_error: Callable[[ConfigurationError], object],
        loaded: MeshConfig | None,
    ) -> None:
        self._source = source
        self._apply = apply
        self._on_error = on_error
        self._loaded = loaded
        self._content: bytes | ConfigurationError = b""
        self._manifests = Manifests()

    def document_changed(self, content: bytes | ConfigurationError) -> None:
        """Apply *content*, unless it is in force."""
        self._content = content
        loaded, self._loaded = self._loaded, None
        if loaded is not None and loaded.origin.content == content:
            self._manifests = loaded.origin.manifests or self._manifests
            return
        self._take(content)

    async def manifests_change(self, timing: Timing) -> None:
        """Apply the document again whenever its manifests say something else."""
        while True:
            await timing.pause(_LOOK)
            if not self._manifests.patterns:
                continue
            before = self._manifests
            now = await anyio.to_thread.run_sync(before.again, abandon_on_cancel=True)
            if now != before and self._manifests is before:
                self._manifests = now
                self._take(self._content)

    def _take(self, content: bytes | ConfigurationError) -> None:
        name = source_name(self._source)
        try:
            config = self._read(content)
            if config is not None:
                self._apply(config)
        except ConfigurationError as exc:
            _LOGGER.debug("%s was refused: %s", name, exc)
        except Exception:
            _LOGGER.exception("a change of %s could not be applied", name)

    def _read(self, content: bytes | ConfigurationError) -> MeshConfig | None:
        try:
            if isinstance(content, ConfigurationError):
                raise content
            config = load_content(self._source, content)
        except ConfigurationError as exc:
            self._go_on_looking(content)
            self._on_error(exc)
            return None
        self._manifests = config.origin.manifests
        return config

    def _go_on_looking(self, content: bytes | ConfigurationError) -> None:
        """Look at the manifests of a document that is wrong: one of them may be why."""
        if isinstance(content, ConfigurationError):
            return
        source = self._source
        try:
            document = parse_document(content, source_name(source), default=default_suffix(source))
        except ConfigurationError:
            return
        named = manifests_of(document, directory_of(source))
        patterns = dict.fromkeys((*self._manifests.patterns, *named))
        self._manifests = Manifests(tuple(patterns)).again()
