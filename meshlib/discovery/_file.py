"""
Endpoints from a file that is watched.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import anyio
from anyio.lowlevel import RunVar

from .._exceptions import ConfigurationError, DiscoveryError
from .._models import Endpoint
from ._document import parse_document, unreadable
from ._file_watcher import Content, alike
from ._shared_file import SharedFile
from ._static import parse_endpoints

_REMINDER = 30.0
"""Seconds after which a file that is still bad is reported again."""


class FileDiscovery:
    """
    Reads `{users: ["http://a:8001", {url: "http://b:8001", weight: 3}]}` from *path*.

    YAML, JSON or TOML, by its suffix. The services may also stand under a key `services`,
    and the list of each under `endpoints`, as in a configuration document. A service that
    is not in the file has no endpoints.

    A change is seen within a second, by whatever means the file is replaced. While the
    file is missing or broken, asking for a service raises DiscoveryError, so that its last
    endpoints stay in force; the next good version is seen as quickly.
    """

    name = "file"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike):
            raise ConfigurationError(f"a path is needed, not {path!r}", path="path")
        self._path = os.fspath(path)
        self._shared: RunVar[SharedFile] = RunVar("meshlib_file")
        self._parsed: tuple[bytes, Mapping[str, Any]] | None = None
        self._reported: dict[str, Content] = {}

    async def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """The endpoints of *service*, whenever the file says something else of it."""
        shared = self._shared.get(None)
        if shared is None:
            shared = SharedFile(self._path)
            self._shared.set(shared)
        shared.join()
        try:
            version, content = await shared.newer(0)
            if alike(content, self._reported.get(service)):
                # It has been told that this version is bad; wait for a better one.
                with anyio.move_on_after(_REMINDER):
                    version, content = await shared.newer(version)
            last: Sequence[Endpoint] | None = None
            while True:
                endpoints = self._endpoints(service, content)
                if endpoints != last:
                    last = endpoints
                    yield endpoints
                version, content = await shared.newer(version)
        finally:
            await shared.leave()

    def _endpoints(self, service: str, content: Content) -> tuple[Endpoint, ...]:
        try:
            if isinstance(content, OSError):
                raise unreadable(self._path, content)
            endpoints = self._find(service, self._parse(content))
        except ConfigurationError as exc:
            self._reported[service] = content
            raise DiscoveryError(str(exc), service=service, source=self.name) from exc
        self._reported.pop(service, None)
        return endpoints

    def _parse(self, content: bytes) -> Mapping[str, Any]:
        # All services read the same file, so it is parsed once for all of them.
        parsed = self._parsed
        if parsed is None or parsed[0] != content:
            document = parse_document(content, self._path)
            services = document.get("services")
            parsed = (content, services if isinstance(services, Mapping) else document)
            self._parsed = parsed
        return parsed[1]

    def _find(self, service: str, services: Mapping[str, Any]) -> tuple[Endpoint, ...]:
        wanted = service.lower()
        for name, values in services.items():
            if name.lower() == wanted:
                if isinstance(values, Mapping):
                    values = values.get("endpoints", ())
                    name = f"{name}.endpoints"
                return parse_endpoints(values, f"{self._path}: {name}")
        return ()
