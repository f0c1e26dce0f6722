"""
What the checks that keep their connection have in common.
"""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import anyio

from .._models import Endpoint
from ._checker import CheckFailedError
from ._place import Place, place_of
from ._trust import Trust
from ._wire import Wire

Answer = TypeVar("Answer")


class GoneError(CheckFailedError):
    """The connection ended before anything of an answer came."""


class KeptChecker(ABC, Generic[Answer]):
    """
    Asks over a connection, which with *reuse* is kept for the next check.

    When a kept one turns out to be closed, another one is opened: that it was closed
    between two checks says nothing of the endpoint. After any failure it is closed.
    """

    silent = True
    """Whether a server has nothing to say unless it is asked."""

    def __init__(
        self, *, trust: Trust, port: int | None, scheme: str | None, name: str | None, reuse: bool
    ) -> None:
        self.stage = ""
        self.wire: Wire | None = None
        self._trust = trust
        self._context: ssl.SSLContext | None = None
        self._port = port
        self._scheme = scheme
        self._name = name
        self._reuse = reuse

    async def check(self, endpoint: Endpoint) -> None:
        """Pass when the answer is as it should be."""
        place = place_of(endpoint, port=self._port, scheme=self._scheme)
        try:
            answer = await self._ask(place)
            if not self._reuse or not self.is_reusable():
                await self.aclose()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.aclose()
            raise
        self.judge(answer)

    async def _ask(self, place: Place) -> Answer:
        current = self._trust.is_current(self._context)
        if self.wire is not None and current and not (self.silent and self.wire.is_stale):
            try:
                return await self.exchange(self.wire, place)
            except GoneError:
                pass
        await self.aclose()
        self.stage = "connecting"
        self._context = self._trust.context() if place.secure else None
        name = self._trust.server_name(self._name) if place.secure else self._name
        self.wire = await Wire.open(place, self._context, name)
        self.begin(self.wire, place)
        return await self.exchange(self.wire, place)

    @abstractmethod
    def begin(self, wire: Wire, place: Place) -> None:
        """A new connection is open."""

    @abstractmethod
    async def exchange(self, wire: Wire, place: Place) -> Answer:
        """Ask once; raises GoneError when the connection was closed before an answer."""

    @abstractmethod
    def is_reusable(self) -> bool:
        """Whether another question may be asked over the same connection; makes it ready."""

    @abstractmethod
    def judge(self, answer: Answer) -> None:
        """Raise CheckFailedError unless *answer* is as it should be."""

    async def aclose(self) -> None:
        """Close the connection. Idempotent."""
        wire, self.wire = self.wire, None
        if wire is not None:
            await wire.aclose()
