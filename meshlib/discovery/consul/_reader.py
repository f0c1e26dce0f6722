"""
One answer after the other, each when there is something new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from .._timing import Timing
from ._agent import Agent
from ._bucket import Bucket
from ._errors import UnreachableError
from ._freshness import Freshness
from ._index import Cursor

_BURST = 5
"""Changes in a row that are seen without delay."""
_JITTER = 1 / 16
"""Of the wait, what a server adds by chance, so that not everybody asks at the same time."""
_LASTING = 5.0
"""Seconds after which a query that breaks off has been one of a watch that works."""
_MOST = 3
"""Queries that may break off in a row sooner than that."""


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How long and how often an agent is asked, in seconds.

    *wait*: how long a blocking query may wait. *interval*: between two queries of a watch
    that has no rest. *poll*: between two queries that cannot wait.
    """

    wait: float
    interval: float
    poll: float


class Reader:
    """
    Reads *path* with *params* again and again. Belongs to one watch.

    *blocking*: whether what is read can be waited on.
    """

    def __init__(
        self,
        agent: Agent,
        client: httpx.AsyncClient,
        path: str,
        params: Mapping[str, str],
        *,
        blocking: bool,
        pace: Pace,
        freshness: Freshness,
        timing: Timing,
    ) -> None:
        self._agent = agent
        self._client = client
        self._path = path
        self._params = dict(params)
        self._blocking = blocking
        self._pace = pace
        self._freshness = freshness
        self._timing = timing
        self._cursor = Cursor()
        self._bucket = Bucket(pace.interval, _BURST)
        self._trust = True
        self._broken = 0
        self._begun = False

    async def read(self) -> httpx.Response:
        """The next answer, which may say the same as the one before. Raises ConsulError."""
        if self._begun and not self._waits():
            await self._timing.pause(self._pace.poll, jitter=0.1)
        self._begun = True
        while True:
            response = await self._try()
            if response is not None:
                return response

    def _waits(self) -> bool:
        return self._blocking and self._cursor.known

    async def _try(self) -> httpx.Response | None:
        """One query; None when another one is to follow at once."""
        await self._rest()
        began = self._timing.clock()
        self._choose(began)
        try:
            response = await self._query()
        except UnreachableError:
            if not self._forgives(self._timing.clock() - began):
                raise
            self._cursor.reset()
            return None
        self._broken = 0
        now = self._timing.clock()
        if self._trust and self._freshness.too_old(response.headers):
            self._freshness.distrust(now)
            return None
        if self._blocking:
            early = now - began < self._pace.wait
            self._cursor.advance(response.headers.get("x-consul-index"), early=early)
        return response

    async def _rest(self) -> None:
        pause = self._bucket.take(self._timing.clock())
        if pause:
            await self._timing.sleep(pause)

    def _choose(self, now: float) -> None:
        """Ask somebody else from the beginning: his index is not comparable."""
        trust = self._freshness.trusts(now)
        if trust is not self._trust:
            self._trust = trust
            self._cursor.reset()

    async def _query(self) -> httpx.Response:
        params = {**self._params, **self._freshness.params(trust=self._trust)}
        patience = 0.0
        if self._cursor.index:
            wait = self._pace.wait
            params["index"] = str(self._cursor.index)
            params["wait"] = f"{round(wait * 1000)}ms"
            patience = wait * (1.0 + _JITTER)
        return await self._agent.ask(self._client, self._path, params, patience=patience)

    def _forgives(self, lasted: float) -> bool:
        """
        Whether a query may have broken off, as one that waits does at a proxy, or for a while.

        The next one is answered at once, and decides whether the agent is away.
        """
        self._broken = 0 if lasted >= _LASTING else self._broken + 1
        return self._cursor.index > 0 and self._broken < _MOST
