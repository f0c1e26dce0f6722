"""
Where tokens come from.
"""

from __future__ import annotations

import base64
import binascii
import inspect
import json
import math
import os
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.to_thread

from ..._clock import Clock, wall
from ._options import TokenOptions

FILE_INTERVAL = 5.0
"""Seconds between two looks at a file."""
_UNKNOWN_LIFETIME = 300.0
"""Seconds after which what tells no lifetime is asked for again."""

Source = Callable[[], Awaitable["Token"]]
"""Gives a token; whatever it raises is a failure that is tried again later."""


class TokenError(Exception):
    """A token could not be had; the text never repeats a secret."""


class Token:
    """
    A token, and what is known of its life.

    *lifetime* is the seconds that it is good for from now; None: not known. *again* is the
    seconds until its source is to be asked again whatever its lifetime; None: by that.
    The *value* is in no repr. ValueError for what cannot be a header.
    """

    __slots__ = ("again", "header", "lifetime", "value")

    def __init__(
        self, value: str, lifetime: float | None = None, *, again: float | None = None
    ) -> None:
        self.value = value = value.strip()
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise ValueError("a token is one word of ASCII")
        if lifetime is not None and not math.isfinite(lifetime):
            raise ValueError("a lifetime is a number of seconds")
        self.lifetime = lifetime
        self.again = again
        self.header = b"Bearer " + value.encode("ascii")

    def __repr__(self) -> str:
        known = "unknown" if self.lifetime is None else f"{self.lifetime:g} s"
        return f"<Token: lifetime {known}>"


def make_source(said: TokenOptions | Callable[[], Any], wall_clock: Clock = wall) -> Source:
    """The source that options describe, or that a function of the application is."""
    if not isinstance(said, TokenOptions):
        return lambda: _called(said, wall_clock)
    if said.file is not None:
        file = said.file
        return lambda: _read(file, wall_clock)
    if said.variable is not None:
        variable = said.variable
        return lambda: _taken(variable, wall_clock)
    from ._oauth import ClientCredentials

    assert said.client_credentials is not None
    return ClientCredentials(said.client_credentials, wall_clock).fetch


async def _read(file: str, wall_clock: Clock) -> Token:
    try:
        text = await anyio.Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        # An error of decoding has the bytes in it.
        reason = exc.strerror if isinstance(exc, OSError) else "it is not text"
        raise TokenError(f"the file {file!r} cannot be read: {reason}") from None
    return _token(text, f"the file {file!r}", wall_clock, again=FILE_INTERVAL)


async def _taken(variable: str, wall_clock: Clock) -> Token:
    text = os.environ.get(variable)
    if text is None:
        raise TokenError(f"the environment has no {variable}")
    return _token(text, f"the variable {variable}", wall_clock)


async def _called(function: Callable[[], Any], wall_clock: Clock) -> Token:
    if inspect.iscoroutinefunction(function):
        given = await function()
    else:
        # It may block, and this is the loop of discovery and of health checks.
        given = await anyio.to_thread.run_sync(function, abandon_on_cancel=True)
        if inspect.isawaitable(given):
            given = await given
    if isinstance(given, Token):
        return given
    if not isinstance(given, str):
        raise TokenError(f"the function gave no text, but {type(given).__name__}")
    return _token(given, "what the function gave", wall_clock)


def _token(text: str, whose: str, wall_clock: Clock, again: float | None = None) -> Token:
    lifetime = lifetime_of(text.strip(), wall_clock)
    if lifetime is None and again is None:
        again = _UNKNOWN_LIFETIME
    try:
        return Token(text, lifetime, again=again)
    except ValueError:
        raise TokenError(f"{whose} is no token, but something else or nothing") from None


def lifetime_of(text: str, wall_clock: Clock) -> float | None:
    """
    Seconds until a JSON Web Token expires, by its own word; None where that is not known.

    It is our own token, and nobody is believed because of it: so it is not verified.
    """
    parts = text.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        left = json.loads(payload)["exp"] - wall_clock()
        return float(left) if math.isfinite(left) else None
    except (ValueError, TypeError, KeyError, OverflowError, binascii.Error, RecursionError):
        return None
