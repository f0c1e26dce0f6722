"""
Watching without an end, for as long as the server knows where we are.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ..._exceptions import DiscoveryError
from .._timing import Timing
from ._answers import GoneError
from ._api import BrokenOffError, SlicesApi
from ._slices import SliceReader

_LOGGER = logging.getLogger("meshlib")
_SHORT = 1.0
"""Seconds; the shortest watch that can be asked for lasts as long."""


class Changes:
    """
    What changed after the *version* of a list, across many watches.

    A watch that the server ends, or that is cut, goes on from the last version heard.
    """

    def __init__(
        self,
        api: SlicesApi,
        version: str,
        *,
        reader: SliceReader,
        timing: Timing,
        service: str,
        source: str,
    ) -> None:
        self._api = api
        self._version = version
        self._reader = reader
        self._timing = timing
        self._service = service
        self._source = source

    async def batches(self) -> AsyncGenerator[list[tuple[str, Any]], None]:
        """
        Kinds and objects of the events that came together; none when a watch ran its time.

        Either says that nothing else has happened so far. Ends when only a new list can
        tell more. Raises DiscoveryError for a failure.
        """
        while True:
            began, heard, cut = self._timing.clock(), False, ""
            try:
                async with aclosing(self._api.watch(self._version)) as answers:
                    async for events in answers:
                        heard = True
                        yield [self._read(event) for event in events]
            except GoneError as exc:
                _LOGGER.debug("%s: %s: listing again: %s", self._source, self._service, exc)
                return
            except BrokenOffError as exc:
                cut = f", cut off by {exc}"
            if not heard and self._timing.clock() - began < _SHORT:
                raise self._error(f"a watch ended as soon as it had begun{cut}")
            _LOGGER.debug("%s: %s: a watch ended%s", self._source, self._service, cut)
            if not cut:
                yield []

    def _read(self, event: Any) -> tuple[str, Any]:
        kind, thing = event.get("type"), event.get("object")
        if kind == "ERROR":
            self._fail(thing)
        if kind not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK"):
            raise self._reader.error("a known type of event", kind)
        self._version = self._reader.version(thing)
        return kind, thing

    def _fail(self, status: Any) -> None:
        said = status if isinstance(status, dict) else {}
        if said.get("code") == 410 or said.get("reason") in ("Expired", "Gone"):
            raise GoneError("the version is too old")
        raise self._error(
            f"the API server ended a watch with {said.get('code')}: {said.get('message')!s:.300}"
        )

    def _error(self, problem: str) -> DiscoveryError:
        return DiscoveryError(
            f"{self._source}: {problem}", service=self._service, source=self._source
        )
