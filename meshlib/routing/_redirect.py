"""
Where else a call should go, for the client to follow.
"""

from __future__ import annotations

import re

from ._change_options import RedirectOptions
from ._path import PathPattern
from ._respond import Answer
from ._rewrite import compile_change

_DEFAULT_PORTS = {"http": 80, "https": 443}
_PORT = re.compile(r":\d+$")


class Redirect:
    """
    Answers with the URL of a call, changed.

    Thread-safe: it never changes.
    """

    __slots__ = ("_authority", "_code", "_path", "_port", "_query", "_scheme")

    def __init__(self, options: RedirectOptions, pattern: PathPattern | None) -> None:
        self._code = int(options.code)
        self._scheme = options.scheme
        self._authority = options.authority
        self._port = options.port
        self._query: str | None = None
        if options.path is not None and "?" in options.path:
            path, _, self._query = options.path.partition("?")
            options = options.model_copy(update={"path": path})
        self._path = compile_change(options, pattern)

    def location(self, scheme: str, authority: str, target: bytes) -> str:
        """
        The URL that stands for *scheme*`://`*authority**target*.

        A port is left out where the scheme says it, as the Gateway API asks for.
        """
        path, _, query = target.decode("latin-1").partition("?")
        if self._path is not None:
            path = self._path.apply(path)
        if self._query is not None:
            query = self._query
        where = f"{self._scheme or scheme}://{self._netloc(scheme, authority)}{path}"
        return f"{where}?{query}" if query else where

    def _netloc(self, scheme: str, authority: str) -> str:
        scheme = self._scheme or scheme
        if self._authority is not None:
            authority = self._authority
        elif self._scheme is not None or self._port is not None:
            authority = _PORT.sub("", authority)
        if self._port is None or self._port == _DEFAULT_PORTS.get(scheme):
            return authority
        return f"{authority}:{self._port}"

    def answer(self, scheme: str, authority: str, target: bytes) -> Answer:
        """A response without a body, whose `location` is the URL."""
        location = self.location(scheme, authority, target).encode("latin-1")
        return Answer(self._code, ((b"location", location), (b"content-length", b"0")), b"")
