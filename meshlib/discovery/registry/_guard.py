"""
Who may read, and who may write.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from ..._exceptions import ConfigurationError
from ._problem import problem

_TOKEN = re.compile(r"[\x21-\x7e]+")
_READING = ("GET", "HEAD")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="registry"'}


def check_tokens(value: Any, path: str) -> tuple[bytes, ...]:
    """One token, or several of which each is as good; raises ConfigurationError."""
    if value is None:
        return ()
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, Sequence) or isinstance(values, bytes) or not values:
        raise ConfigurationError("a token is a text", path=path)
    for token in values:
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise ConfigurationError("a token is of visible ASCII characters", path=path)
    return tuple(token.encode() for token in values)


def read_tokens(file: str | os.PathLike[str], path: str) -> list[str]:
    """The tokens in *file*, one a line; raises ConfigurationError."""
    try:
        tokens = Path(file).read_text(encoding="utf-8").split()
    except (OSError, ValueError) as exc:
        raise ConfigurationError(f"{os.fspath(file)}: {exc}", path=path) from None
    if not tokens:
        raise ConfigurationError(f"{os.fspath(file)} holds no token", path=path)
    return tokens


class Guard:
    """
    Lets requests with a bearer token through: *write* for everything, *read* for reading.

    Stands before each route that is not open to all. Without *write* everything is.
    """

    def __init__(self, app: ASGIApp, *, write: tuple[bytes, ...], read: tuple[bytes, ...]) -> None:
        self._app = app
        self._write = write
        self._read = read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        refusal = None
        if self._write:
            refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> Any:
        given = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
        scheme, _, token = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        if scheme.lower() != b"bearer":
            return problem(401, "a bearer token is needed", headers=_CHALLENGE)
        if _among(token, self._write):
            return None
        if not _among(token, self._read):
            return problem(401, "the bearer token is not valid", headers=_CHALLENGE)
        if scope["method"] in _READING:
            return None
        return problem(403, "this token may only read")


def _among(token: bytes, tokens: tuple[bytes, ...]) -> bool:
    """Whether *token* is one of *tokens*, in a time that tells nothing about them."""
    return bool(sum(hmac.compare_digest(token, one) for one in tokens))
