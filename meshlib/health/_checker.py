"""
What every kind of check has in common.
"""

from __future__ import annotations

from typing import Protocol

from .._models import Endpoint
from .._redact import redacted_error

_LONGEST = 200
"""Characters of a reason."""


class CheckFailedError(Exception):
    """A check found its endpoint unfit; the text says why."""


class Checker(Protocol):
    """Checks one endpoint, in one event loop, one check at a time."""

    stage: str
    """What it is doing at the moment, as *connecting*; told when the time is over."""

    async def check(self, endpoint: Endpoint) -> None:
        """Return when the check passes; raise CheckFailedError or any other error when not."""
        ...

    async def aclose(self) -> None:
        """Close what is kept open between checks. Idempotent."""
        ...


def reason_of(error: BaseException) -> str:
    """Why a check failed that raised *error*: one line, without credentials."""
    text = " ".join(redacted_error(error).split())
    if isinstance(error, CheckFailedError):
        text = text.removeprefix(f"{type(error).__name__}: ")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
