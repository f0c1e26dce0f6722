"""
Who we are to an agent that asks.
"""

from __future__ import annotations

import os
from typing import Any

import anyio

from ..._exceptions import ConfigurationError
from .._settings import text
from ._environment import Environment
from ._errors import ConsulError


class Token:
    """
    An ACL token as a text, or the file that holds it, which is read for each request.

    What *token* and *token_file* do not say, *environment* does.
    """

    def __init__(self, token: Any, token_file: Any, environment: Environment) -> None:
        if token is not None and token_file is not None:
            raise ConfigurationError("either a token or a token_file", path="token")
        if token is None and token_file is None:
            # As Consul's own tools have it: with both set, the file wins.
            token_file = environment.token_file
            token = environment.token if token_file is None else None
        self._text = ""
        if token is not None:
            # A secret is not repeated in the error.
            if not isinstance(token, str) or not _is_header(token.strip()):
                raise ConfigurationError("a token is a text in one line", path="token")
            self._text = token.strip()
        self._file = None if token_file is None else text(os.fspath(token_file), "token_file")

    async def read(self) -> str:
        """The token, empty where there is none; ConsulError when its file holds none."""
        if self._file is not None:
            try:
                self._text = await _read(self._file)
            except ConsulError:
                # Whoever writes it may be just about to; the last one may still do.
                if not self._text:
                    raise
        return self._text


async def _read(file: str) -> str:
    try:
        token = (await anyio.Path(file).read_text(encoding="utf-8")).strip()
    except (OSError, UnicodeDecodeError) as exc:
        reason = "it is not text" if isinstance(exc, UnicodeDecodeError) else str(exc)
        raise ConsulError(f"the token_file {file} cannot be read: {reason}") from None
    if not _is_header(token):
        raise ConsulError(f"the token_file {file} holds no token")
    return token


def _is_header(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable()
