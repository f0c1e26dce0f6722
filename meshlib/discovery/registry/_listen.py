"""
One connection to the registry that tells of a service for as long as it lasts.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from urllib.parse import quote

import anyio

from .._http import Http
from .._timing import Timing
from ._chunks import Chunks
from ._parse import Answer, Known, parse_text
from ._servers import RefusedError, Servers, check
from ._sse import EventDecoder

_WAIT = 15
"""Seconds that the server may keep a question that waits for a change; below what proxies cut."""
_BETWEEN = 0.1
"""Seconds between two such questions, in which changes gather."""


class SilentError(Exception):
    """The server took the question and said nothing: a proxy may keep the events back."""


@dataclass(slots=True, kw_only=True)
class Ask:
    """
    A question for *service*, which the registry calls *name*.

    *timeout* is for an answer to begin, *silence* for the time between two signs of life,
    in seconds.
    """

    servers: Servers
    service: str
    name: str
    timeout: float
    silence: float
    timing: Timing
    known: Known = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Where the registry has the list."""
        return f"/v1/services/{quote(self.name, safe='')}"


async def by_events(ask: Ask, server: Http, cursor: str) -> AsyncGenerator[Answer | None, None]:
    """
    What *server* tells by events, after the list at *cursor*; None is a sign of life alone.

    Ends when the server ends it. Raises SilentError, RefusedError, DiscoveryError, and what
    httpx and files raise.
    """
    headers = {
        **await ask.servers.headers(),
        "Accept": "text/event-stream",
        "Accept-Encoding": "identity",  # compressing would keep events back
        "Cache-Control": "no-store",
    }
    if cursor:
        headers["Last-Event-ID"] = cursor
    decoder = EventDecoder()
    async with server.client(timeout=ask.timeout, read=ask.silence) as client:
        request = client.build_request("GET", f"{ask.path}/watch", headers=headers)
        chunks = None
        try:
            try:
                with anyio.fail_after(ask.timeout):
                    response = await client.send(request, stream=True)
                    chunks = Chunks(response)
                    kind = (await check(response)).headers.get("content-type", "")
                    if not kind.startswith("text/event-stream"):
                        raise RefusedError(f"answered {kind or 'something'} in place of events")
                    chunk = await chunks.next()
            except TimeoutError:
                raise SilentError(f"no answer within {ask.timeout:g} s") from None
            while chunk:
                for event in decoder.feed(chunk):
                    if event is None:
                        yield None
                    elif event.kind == "instances":
                        yield parse_text(event.data, ask.service, ask.known)
                chunk = await chunks.next()
        finally:
            if chunks is not None:
                await chunks.aclose()


async def by_polling(ask: Ask, server: Http, cursor: str) -> AsyncGenerator[Answer | None, None]:
    """
    What *server* answers to questions that wait for a change, after the list at *cursor*.

    None is a sign of life alone. Never ends; raises as `by_events` does.
    """
    # The first question does not wait: its answer says that the server is there.
    params: dict[str, str] = {}
    async with server.client(timeout=ask.timeout, read=_WAIT + ask.timeout) as client:
        while True:
            headers = await ask.servers.headers()
            if cursor:
                headers["If-None-Match"] = f'"{cursor}"'
            response = await check(await client.get(ask.path, params=params, headers=headers))
            if response.status_code == 304:
                yield None
            else:
                answer = parse_text(response.content, ask.service, ask.known)
                cursor = answer.cursor
                yield answer
            params = {"after": cursor, "wait": str(_WAIT)}
            await ask.timing.sleep(_BETWEEN)


async def by_either(ask: Ask, server: Http, cursor: str) -> AsyncGenerator[Answer | None, None]:
    """`by_events`, or `by_polling` when no event comes through."""
    heard = False
    try:
        async with aclosing(by_events(ask, server, cursor)) as signs:
            async for sign in signs:
                heard = True
                yield sign
    except SilentError:
        pass
    else:
        if heard:
            return
    async with aclosing(by_polling(ask, server, cursor)) as signs:
        async for sign in signs:
            yield sign


WAYS = {"auto": by_either, "events": by_events, "poll": by_polling}
