"""
Who we are at the API server, read anew for each request.
"""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from ..._clock import Clock, wall
from .._http import Http
from ._access import Access, AccessError, User
from ._in_cluster import SERVICE_ACCOUNT, read_in_cluster
from ._kubeconfig import find_files, read_files, select_access
from ._plugin import Issued, run_plugin
from ._trust import MadeTls, make_context

_LEEWAY = 10.0
"""Seconds before their end in which credentials are not used any more: clocks differ."""
_RUNNING: RunVar[anyio.Lock] = RunVar("meshlib.kubernetes.plugin")


@dataclass(frozen=True, slots=True)
class Session:
    """An access with its credentials read: *headers* and a TLS *context*."""

    access: Access
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    context: ssl.SSLContext = field(repr=False, compare=False)
    issued: Issued | None = field(default=None, repr=False)

    def says_as(self, other: Session) -> bool:
        """Whether the credentials of both are the same."""
        return self.headers == other.headers and self.issued == other.issued

    @property
    def http(self) -> Http:
        """What makes clients for the server."""
        tls = MadeTls(self.context, self.access.server_name)
        return Http(self.access.address, tls=tls, proxy=self.access.proxy)


class Login:
    """
    Reads access and credentials: of a pod, or of a kubeconfig.

    With *files* or a *context* it is a kubeconfig; with a *service_account* directory, a
    pod. With neither it is as kubectl has it: the files of KUBECONFIG or the one in the
    home directory, and where there is none, the pod. Nothing that was read is kept but
    what a plug-in printed, until it expires or is refused.
    """

    def __init__(
        self,
        *,
        files: tuple[str, ...] = (),
        context: str | None = None,
        service_account: str | None = None,
        environ: Mapping[str, str] = os.environ,
        clock: Clock = wall,
    ) -> None:
        self._files = files
        self._context = context
        self._service_account = service_account
        self._environ = environ
        self._clock = clock
        self._issued: dict[object, Issued] = {}

    async def session(self) -> Session:
        """What to send the next request with. Raises AccessError."""
        access, token = await anyio.to_thread.run_sync(self._read)
        user = access.user
        certificate, key = user.certificate, user.key
        issued = None
        # client-go too has a plug-in give way to what stands in the file.
        if user.plugin is not None and token is None and not user.username:
            issued = await self._issue(access)
            token = issued.token
            if issued.certificate.given:
                certificate, key = issued.certificate, issued.key
        headers = (*_authorization(user, token), *user.headers)
        context = await anyio.to_thread.run_sync(make_context, access, certificate, key)
        return Session(access, headers, context, issued)

    async def renewed(self, refused: Session) -> Session | None:
        """A session with other credentials than the *refused* ones, if there are any now."""
        key = (refused.access.user.plugin, refused.access.address)
        if refused.issued is not None and self._issued.get(key) is refused.issued:
            del self._issued[key]
        session = await self.session()
        return None if session.says_as(refused) else session

    def _read(self) -> tuple[Access, str | None]:
        access = self._read_access()
        user = access.user
        if user.token_file is None:
            return access, user.token
        try:
            token = Path(user.token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError):
            token = ""
        if not token and user.token is None:
            raise AccessError(f"{access.origin}: no token can be read from {user.token_file}")
        return access, token or user.token

    def _read_access(self) -> Access:
        if self._service_account is not None:
            return read_in_cluster(self._service_account, self._environ)
        files = self._files or find_files(self._environ)
        documents = read_files(files, needed=bool(self._files))
        if documents or self._context is not None:
            return select_access(documents, self._context)
        try:
            return read_in_cluster(SERVICE_ACCOUNT, self._environ)
        except AccessError as exc:
            raise AccessError(
                f"no cluster is known: {' and '.join(files)} is missing, and {exc}"
            ) from exc

    async def _issue(self, access: Access) -> Issued:
        plugin = access.user.plugin
        assert plugin is not None
        key = (plugin, access.address)
        # One at a time: hundreds of services would start hundreds of processes at once.
        lock = _RUNNING.get(None)
        if lock is None:
            _RUNNING.set(lock := anyio.Lock())
        async with lock:
            issued = self._issued.get(key)
            if issued is None or issued.until - _LEEWAY <= self._clock():
                issued = self._issued[key] = await run_plugin(plugin, access)
            return issued


def _authorization(user: User, token: str | None) -> list[tuple[str, str]]:
    if token is not None:
        if not (token.isascii() and token.isprintable() and " " not in token):
            # Said here, for an HTTP library would quote it.
            raise AccessError("the token has characters that no token has")
        value = f"Bearer {token}"
    elif user.username:
        pair = f"{user.username}:{user.password or ''}".encode()
        value = f"Basic {base64.b64encode(pair).decode()}"
    else:
        return []
    return [("Authorization", value)]
