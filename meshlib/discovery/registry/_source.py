"""
Endpoints from a registry.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import httpx

from ..._exceptions import DiscoveryError
from ..._models import Endpoint
from .._settings import one_of, seconds, text
from .._timing import Timing
from ._listen import WAYS, Ask, SilentError
from ._memory import Memory
from ._parse import Answer
from ._servers import DEFAULT_ADDRESS, RefusedError, Servers, describe

_LOGGER = logging.getLogger("meshlib")
_SHORT = 5.0
"""Seconds below which a watch was a short one."""
_AGAIN = 0.25
"""Seconds before a watch that was cut is taken up again; doubles with each short one."""
_MAX_AGAIN = 30.0


class RegistryDiscovery:
    """
    Watches the registry at *address*; several addresses are tried in turn.

    They lead to one registry, or to several that are independent of each other. An address
    may have a path, where the registry is mounted. *service* is what the registry calls the
    service, by default as the mesh does. *token* or *token_file* says who we are; the file
    is read for each connection. *tls* is `{ca, cert, key, verify, server_name}`.

    *mode*: `events`, `poll` for proxies that keep events back, or `auto`, which finds out.
    *timeout*: seconds for an answer to begin, by default 10. *silence*: seconds without a
    sign of life after which a connection is given up, by default 35, since the registry
    gives one each 15. *grace*: when the registry has lost its database, the endpoints that
    it does not know any more are kept for so many seconds, by default 30: who is registered
    for the usual 15 registers again within 5.
    """

    name = "registry"

    def __init__(
        self,
        address: str | Sequence[str] = DEFAULT_ADDRESS,
        *,
        service: str | None = None,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        tls: Any = None,
        mode: str = "auto",
        timeout: float | str = 10.0,
        silence: float | str = 35.0,
        grace: float | str = 30.0,
        _timing: Timing | None = None,
    ) -> None:
        self._servers = Servers(address, token=token, token_file=token_file, tls=tls)
        self._service = None if service is None else text(service, "service")
        self._way = WAYS[one_of(mode, WAYS, "mode")]
        self._timeout = seconds(timeout, "timeout", minimum=0.1)
        self._silence = seconds(silence, "silence", minimum=1.0)
        self._grace = seconds(grace, "grace")
        self._timing = Timing() if _timing is None else _timing
        self._memories: dict[str, Memory] = {}

    async def watch(self, service: str) -> AsyncIterator[Sequence[Endpoint]]:
        """The endpoints of *service*; the same list again tells that the registry lives."""
        ask = Ask(
            servers=self._servers,
            service=service,
            name=self._service or service,
            timeout=self._timeout,
            silence=self._silence,
            timing=self._timing,
        )
        cursor, short = "", 0
        while True:
            began = self._timing.clock()
            failures: list[str] = []
            for server in self._servers.in_turn():
                heard = False
                try:
                    async with aclosing(self._way(ask, server, cursor)) as signs:
                        async for sign in signs:
                            if not heard:
                                heard = True
                                self._servers.settle(server)
                            if sign is not None:
                                cursor = sign.cursor
                                self._remember(ask, sign)
                            if cursor:
                                yield self._memories[ask.name].view(self._timing.clock())
                    failures.append(describe(server, RefusedError("ended the watch")))
                except httpx.TransportError as exc:
                    failures.append(describe(server, exc))
                except (
                    httpx.HTTPError,
                    OSError,
                    ValueError,
                    DiscoveryError,
                    RefusedError,
                    SilentError,
                ) as exc:
                    heard = False  # it was, and what it said is an error
                    failures.append(describe(server, exc))
                if heard:
                    break  # watches are cut off now and then
            else:
                raise self._error(service, failures)
            if self._timing.clock() - began >= _SHORT:
                short = 0
            await self._timing.pause(min(_AGAIN * 2**short, _MAX_AGAIN), jitter=1.0)
            short = min(short + 1, 10)

    def _remember(self, ask: Ask, answer: Answer) -> None:
        before = self._memories.get(ask.name, Memory())
        memory = before.after(answer, self._timing.clock(), self._grace)
        if before.epoch not in ("", memory.epoch):
            _LOGGER.warning(
                "registry: %s: the database is another one than before; "
                "%d endpoints that it does not know are kept for %g s",
                ask.service,
                len(memory.kept),
                self._grace,
            )
        self._memories[ask.name] = memory

    def _error(self, service: str, failures: list[str]) -> DiscoveryError:
        return DiscoveryError(
            f"no registry answers: {'; '.join(failures)}", service=service, source=self.name
        )
