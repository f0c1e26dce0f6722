"""
Who we are to a cluster that asks.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from anyio.lowlevel import RunVar

from ..._exceptions import ConfigurationError
from .._settings import text
from ._errors import FAILED_PRECONDITION, EtcdError, RefusedError
from ._wire import mapping


class Credentials:
    """
    A user, his password or the file that holds it, and the token that etcd gave for them.

    The token is shared by all watches: checking a password costs etcd a tenth of a second
    of computing. The file is read whenever a token is fetched.
    """

    def __init__(self, username: Any, password: Any, password_file: Any) -> None:
        self.username = text(username, "username")
        if (password is None) == (password_file is None):
            raise ConfigurationError(
                "a user needs either a password or a password_file", path="password"
            )
        self._password = None if password is None else text(password, "password")
        self._file = (
            "" if password_file is None else text(os.fspath(password_file), "password_file")
        )
        self._token: str | None = None
        self._turn: RunVar[anyio.Lock] = RunVar("meshlib_etcd_turn")

    async def token(self, authenticate: Callable[[dict[str, str]], Awaitable[Any]]) -> str:
        """
        The token, which is empty where none is needed.

        *authenticate* sends its argument to a member; only one caller does so at a time.
        """
        turn = self._turn.get(None)
        if turn is None:
            turn = anyio.Lock()
            self._turn.set(turn)
        async with turn:
            if self._token is None:
                self._token = await self._fetch(authenticate)
            return self._token

    def forget(self, token: str) -> None:
        """Fetch another one next time, unless that has happened since *token* was given."""
        if self._token == token:
            self._token = None

    async def _fetch(self, authenticate: Callable[[dict[str, str]], Awaitable[Any]]) -> str:
        request = {"name": self.username, "password": await self._read()}
        try:
            answer = mapping(await authenticate(request), "an answer")
        except RefusedError as exc:
            if exc.code == FAILED_PRECONDITION:
                return ""  # authentication is not enabled, or no more
            if exc.elsewhere:
                raise
            raise RefusedError(exc.code, f"{exc} (user {self.username!r})") from exc
        return str(answer.get("token", ""))

    async def _read(self) -> str:
        if self._password is not None:
            return self._password
        try:
            return (await anyio.Path(self._file).read_text(encoding="utf-8")).strip("\r\n")
        except (OSError, UnicodeDecodeError) as exc:
            raise EtcdError(f"the password cannot be read: {exc}") from exc
