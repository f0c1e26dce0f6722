"""
The addresses of a registry, and how its clients speak to it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
import httpx

from ..._exceptions import ConfigurationError
from .._http import Http
from .._settings import text, texts

DEFAULT_ADDRESS = "http://127.0.0.1:8790"
_TOKEN = re.compile(r"[\x21-\x7e]+")
_SHOWN = 500
"""Characters of an error that a server explains."""


class RefusedError(Exception):
    """A server answered, but not with what it was asked for."""


class Servers:
    """
    One or several addresses of a registry, of which one that answers stays in use.

    Holds nothing that belongs to an event loop.
    """

    def __init__(
        self,
        address: str | Sequence[str],
        *,
        token: str | None,
        token_file: str | os.PathLike[str] | None,
        tls: Any,
    ) -> None:
        addresses = texts(address, "address")
        if not addresses:
            raise ConfigurationError("at least one address is needed", path="address")
        self._all = tuple(_server(one, tls) for one in addresses)
        self._first = 0
        if token is not None and token_file is not None:
            raise ConfigurationError("give token or token_file, not both", path="token")
        self._token = None if token is None else _checked(text(token, "token"), "token")
        self._file = None if token_file is None else text(os.fspath(token_file), "token_file")

    def in_turn(self) -> tuple[Http, ...]:
        """Every server, the one that answered last at first."""
        first = self._first
        return self._all[first:] + self._all[:first]

    def settle(self, server: Http) -> None:
        """Begin with *server* from now on."""
        self._first = self._all.index(server)

    async def headers(self) -> dict[str, str]:
        """
        What says who we are; the file of the token is read each time.

        Raises OSError for a file that cannot be read, ValueError for one without a token.
        """
        token = self._token
        if self._file is not None:
            token = await anyio.to_thread.run_sync(_first_token, self._file)
        return {} if token is None else {"Authorization": f"Bearer {token}"}


async def check(response: httpx.Response) -> httpx.Response:
    """*response*, if it is a success or says that nothing changed; raises RefusedError."""
    if response.is_success or response.status_code == 304:
        return response
    said = f"{response.status_code} {response.reason_phrase}"
    try:
        detail = json.loads(await response.aread())["detail"]
    except (ValueError, TypeError, KeyError, RecursionError):
        detail = ""  # not an answer of ours, maybe of a proxy
    raise RefusedError(f"{said}: {detail!s:.{_SHOWN}}" if detail else said)


def describe(server: Http, error: BaseException) -> str:
    """What happened at *server*."""
    # A timeout comes from a cancellation, which says nothing that helps.
    source = None if isinstance(error, httpx.TimeoutException) else error
    while source is not None and not str(source):
        source = source.__cause__ or source.__context__  # on trio, the reason of TLS is there
    return f"{server.address}: {source or type(error).__name__}"


def _server(address: str, tls: Any) -> Http:
    server = Http(address, tls=tls)
    if urlsplit(server.address).username is not None:
        raise ConfigurationError(
            "the address holds credentials", path="address", hint="set token or token_file"
        )
    return server


def _checked(token: str, path: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise ConfigurationError("a token is of visible ASCII characters", path=path)
    return token


def _first_token(path: str) -> str:
    words = Path(path).read_text(encoding="utf-8").split()
    if not words:
        raise ValueError(f"{path} holds no token")
    return _checked(words[0], "token_file")
