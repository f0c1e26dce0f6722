"""
Endpoints from a compose file that is watched.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from ...._exceptions import ConfigurationError, DiscoveryError
from ...._models import Endpoint
from ..._file_watcher import Content
from ..._settings import one_of, text, texts
from ..._shared_file import SharedFile
from .._labels import Labels
from ._endpoints import ComposeChoice, project_endpoints
from ._files import Files
from ._project import ProjectReader

_REMINDER = 30.0
"""Seconds after which a file that is still bad is reported again."""


class ComposeDiscovery:
    """
    Reads where the services of a compose file can be called, and watches it.

    A service of the file serves the service of its name, or the one that its label
    `meshlib.service` names; the other labels are those of the source for Docker. Without
    `meshlib.port` it has to have a single port. A service that is not in the file, is not
    in an active profile or has a scale of 0 has no endpoints.

    *files*: the compose file, or several, of which later ones are merged over earlier ones.
    Default: what `COMPOSE_FILE` names, or `compose.yaml`, `compose.yml`,
    `docker-compose.yml` or `docker-compose.yaml` in *directory* or above it, with its
    `compose.override.yml` and the like.
    *directory*: what *files* are relative to; default: the working directory.
    *env_file*: files with variables; default: `.env` beside the first compose file. What
    the process has in its environment wins.
    *profiles*: which are active, `*` being all; default: what `COMPOSE_PROFILES` names.
    *address*: `host` (default) for the published port, as processes outside of containers
    need it, or `network` for the name of the service and the port of its containers, as
    processes within the project do.
    *host*: where ports can be called that are published everywhere; default `127.0.0.1`.
    *service*: the name in the file; default: the one that the mesh calls it.
    *label_prefix*: what the labels begin with, default `meshlib`.
    *service_label*: the label that names the service, default `<label_prefix>.service`.
    *scheme*: `http` (default) or `https`, where neither a label nor `app_protocol` says it.

    While a file is missing or broken, asking for a service raises DiscoveryError, which
    names file and line, so that its last endpoints stay in force.
    """

    name = "compose"

    def __init__(
        self,
        files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
        *,
        directory: str | os.PathLike[str] = ".",
        env_file: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
        profiles: str | Sequence[str] | None = None,
        address: str = "host",
        host: str = "127.0.0.1",
        service: str | None = None,
        label_prefix: str = "meshlib",
        service_label: str | None = None,
        scheme: str = "http",
        _environ: Mapping[str, str] | None = None,
    ) -> None:
        self._project: dict[str, Any] = {
            "directory": text(os.fspath(directory), "directory"),
            "files": _paths(files, "files"),
            "env_files": _paths(env_file, "env_file"),
            "profiles": None if profiles is None else texts(profiles, "profiles"),
        }
        self._choice: dict[str, Any] = {
            "labels": Labels(
                text(label_prefix, "label_prefix"),
                None if service_label is None else text(service_label, "service_label"),
            ),
            "address": one_of(address, ("host", "network"), "address"),
            "host": text(host, "host"),
            "scheme": one_of(scheme, ("http", "https"), "scheme"),
        }
        self._service = None if service is None else text(service, "service")
        self._environ = os.environ if _environ is None else _environ
        self._shared: RunVar[dict[str, SharedFile]] = RunVar("meshlib_compose")
        self._reported: dict[str, Mapping[str, Content]] = {}

    async def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """The endpoints of *service*, whenever the files say something else of it."""
        shared = self._shared.get(None)
        if shared is None:
            shared = {}
            self._shared.set(shared)
        files = Files(shared)
        try:
            reported = self._reported.get(service)
            if reported is not None:
                # It has been told that these are bad; wait for better ones.
                with anyio.move_on_after(_REMINDER):
                    await files.changed(reported)
            last: Sequence[Endpoint] | None = None
            while True:
                consulted, endpoints = await self._load(service)
                if endpoints != last:
                    last = endpoints
                    yield endpoints
                await files.changed(consulted)
        finally:
            await files.leave()

    async def _load(self, service: str) -> tuple[Mapping[str, Content], tuple[Endpoint, ...]]:
        reader = ProjectReader(**self._project, environ=self._environ)
        choice = ComposeChoice(service=self._service or service, **self._choice)

        def load() -> tuple[Endpoint, ...]:
            return project_endpoints(reader.load(), choice)

        try:
            endpoints = await anyio.to_thread.run_sync(load)
        except ConfigurationError as exc:
            self._reported[service] = reader.consulted
            raise DiscoveryError(str(exc), service=service, source=self.name) from exc
        self._reported.pop(service, None)
        return reader.consulted, endpoints


def _paths(value: Any, path: str) -> tuple[str, ...]:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = [os.fspath(one) if isinstance(one, os.PathLike) else one for one in value]
    return texts(value, path)
