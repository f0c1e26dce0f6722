"""
The certificates of a mesh: shared by its services, and followed in the background.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from .._clock import Clock
from .._exceptions import CertificateError, ConfigurationError
from ..config import MeshConfig
from ..discovery import Timing, watch_file
from ..security import (
    CertificateOptions,
    Certificates,
    CertificateStatus,
    Credentials,
    ReloadingContext,
    ServerTLSOptions,
    TLSOptions,
    serve_with,
)
from ._tasks import Tasks

if TYPE_CHECKING:
    from ._mesh import Mesh

_LOOK = 5.0
"""Seconds between looks where the file system tells nothing; also for what time alone changes."""
_SHARED = tuple(CertificateOptions.model_fields)


class Certifying(Tasks):
    """
    Certificates by their files, and the credentials that services have of them.

    Following the files begins with the first connection that needs them. Thread-safe.
    """

    def __init__(self, mesh: Mesh, wall: Clock) -> None:
        super().__init__(mesh._background)
        self._mesh = mesh
        self._wall = wall
        self._kept = threading.RLock()
        self._certificates: dict[CertificateOptions, Certificates] = {}
        self._credentials: dict[TLSOptions, Credentials] = {}
        self._serving: dict[ServerTLSOptions, ReloadingContext] = {}

    def credentials(self, place: str, options: TLSOptions | None) -> Credentials | None:
        """
        What *options*, those of *place* in the document, mean for connections.

        Raises ConfigurationError when their files cannot be used.
        """
        if options is None:
            return None
        with self._kept:
            made = self._credentials.get(options)
            if made is None:
                certificates = self._files(f"{place}.tls", options)
                made = self._credentials[options] = Credentials(options, certificates)
            return made

    def server_context(self, options: ServerTLSOptions | None = None) -> ReloadingContext:
        """
        A context for the server of this process, by *options* or those of the document.

        Raises ConfigurationError when there are none, or their files cannot be used.
        """
        options = options or self._mesh.config.server_tls
        if options is None:
            raise ConfigurationError(
                "this process has no certificate to serve with",
                path="server_tls",
                hint="give server_tls: {cert: ..., key: ..., ca: ...}",
            )
        with self._kept:
            made = self._serving.get(options)
            if made is None:
                made = serve_with(options, self._files("server_tls", options))
                self._serving[options] = made
            return made

    def keep(self, config: MeshConfig) -> None:
        """Forget what *config* does not name any more; a server goes on with what it has."""
        named = {config.defaults.tls, *(each.tls for each in config.services.values())}
        with self._kept:
            self._credentials = {key: v for key, v in self._credentials.items() if key in named}
            users = (*self._credentials, *self._serving)
            used = {_shared(each) for each in users}
            for options in [each for each in self._certificates if each not in used]:
                self.stop(_task(self._certificates.pop(options)))

    def statuses(self) -> tuple[CertificateStatus, ...]:
        """What is in force of each certificate."""
        with self._kept:
            return tuple(each.status() for each in self._certificates.values())

    def expiries(self) -> dict[str, float]:
        """When each certificate ends, in seconds since the epoch, by the name of its file."""
        found = ((each.name, each.not_after) for each in self.statuses())
        return {name: instant for name, instant in found if instant is not None}

    def renew(self) -> None:
        """A forked child follows the files itself, once it makes connections."""
        super().renew()
        self._kept = threading.RLock()
        for certificates in self._certificates.values():
            certificates.on_use = self._follow

    def _files(self, place: str, options: CertificateOptions) -> Certificates:
        shared = _shared(options)
        made = self._certificates.get(shared)
        if made is None:
            mesh = self._mesh
            try:
                made = Certificates(shared, emit=mesh.emit, clock=mesh.clock, wall=self._wall)
            except CertificateError as exc:
                raise ConfigurationError(str(exc), path=place) from exc
            made.on_use = self._follow
            self._certificates[shared] = made
        return made

    def _follow(self, certificates: Certificates) -> None:
        self.start(_task(certificates), lambda: _Following(certificates).run)


class _Following:
    """Looks at the files of certificates whenever something happens to them."""

    def __init__(self, certificates: Certificates, timing: Timing | None = None) -> None:
        self._certificates = certificates
        self._timing = timing or Timing()

    async def run(self) -> None:
        """Go on until it is cancelled."""
        async with anyio.create_task_group() as group:
            for path in self._certificates.files:
                group.start_soon(self._file, path)
            while True:
                await self._timing.pause(_LOOK)
                await self._look()

    async def _file(self, path: str) -> None:
        contents: Any = watch_file(path)
        async with aclosing(contents):
            async for _ in contents:
                await self._look()

    async def _look(self) -> None:
        look: Callable[[bool], Any] = self._certificates.look
        await anyio.to_thread.run_sync(look, True)


def _shared(options: CertificateOptions) -> CertificateOptions:
    return CertificateOptions(**{name: getattr(options, name) for name in _SHARED})


def _task(certificates: Certificates) -> str:
    return f"{id(certificates)}"
