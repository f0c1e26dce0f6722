"""
Speaking to the Engine API of a daemon.

https://docs.docker.com/reference/api/engine/
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import anyio
import httpx

from ..._exceptions import DiscoveryError
from ._daemon import Daemon
from ._events import FILTERS, Happening, Lines, MalformedError, parse_event

_OLDEST, _NEWEST = (1, 24), (1, 54)
"""
The versions of the API whose changes were read: 1.24 is of Docker 1.12, the oldest that
daemons before Docker 29 serve; what is used here has not changed since.
"""
_MARGIN = 2
"""
Seconds before the daemon's own time from which events are asked for. It sends the head of
its answer before it listens, and that time comes in whole seconds.
"""
_STALE = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class EngineError(DiscoveryError):
    """The daemon did not do what it was asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message, source="docker")


class Engine:
    """
    The API of *daemon*, through one client, on one event loop.

    *timeout* is for each answer, and *idle* the time after which events that have not come
    are waited for no more, both in seconds. Every failure is an EngineError.
    """

    def __init__(self, daemon: Daemon, client: httpx.AsyncClient, timeout: float, idle: float):
        self._shown = daemon.shown
        self._client = client
        self._timeout = timeout
        self._idle = idle
        self._version = ""

    async def ids(self, *filters: Mapping[str, list[str]]) -> list[str]:
        """The running containers that pass one of *filters*."""
        found: dict[str, None] = {}
        for one in filters:
            listed = await self._ask("/containers/json", {"filters": json.dumps(one)})
            if not isinstance(listed, list):
                raise self._error(f"sent {listed!r:.200} in place of a list of containers")
            for container in listed:
                ident = container.get("Id") if isinstance(container, dict) else None
                if not isinstance(ident, str) or not ident.isalnum():
                    raise self._error(f"sent {container!r:.200} in place of a container")
                found[ident] = None
        return list(found)

    async def inspect(self, container: str) -> Any:
        """What the daemon knows of *container*; None when there is no such one."""
        return await self._ask(f"/containers/{container}/json", {}, absent=(404,))

    @asynccontextmanager
    async def events(self) -> AsyncIterator[Events]:
        """The events from now on."""
        parameters = {"filters": json.dumps(FILTERS)}
        since = await self._negotiate()
        if since is not None:
            parameters["since"] = str(since - _MARGIN)
        request = self._client.build_request(
            "GET",
            f"{self._version}/events",
            params=parameters,
            timeout=httpx.Timeout(self._timeout, read=self._idle),
        )
        with self._told(), anyio.fail_after(self._timeout):
            response = await self._client.send(request, stream=True)
        events = Events(self._shown, response)
        try:
            if response.status_code != 200:
                with self._told(), anyio.fail_after(self._timeout):
                    await response.aread()
                raise self._refused(response)
            yield events
        finally:
            await events.aclose()

    async def _negotiate(self) -> int | None:
        """Find the version to speak; the daemon's time, if it tells it."""
        self._version = ""
        with self._told():
            response = await self._get("/version", {})
        document = self._judged(response)
        if not isinstance(document, dict):
            raise self._error(f"sent {document!r:.200} in place of its version")
        newest = _numbers(document.get("ApiVersion"))
        oldest = _numbers(document.get("MinAPIVersion")) or newest
        if newest is None or oldest is None:
            raise self._error(f"sent {document!r:.200} in place of its version")
        if newest < _OLDEST or oldest > _NEWEST:
            raise self._error(
                f"serves the versions {_shown(oldest)} to {_shown(newest)} of the API, and "
                f"meshlib speaks {_shown(_OLDEST)} to {_shown(_NEWEST)}"
            )
        self._version = f"/v{_shown(min(newest, _NEWEST))}"
        try:
            return int(parsedate_to_datetime(response.headers["date"]).timestamp())
        except (LookupError, ValueError, TypeError, OverflowError):
            return None

    async def _ask(
        self, path: str, parameters: dict[str, str], absent: tuple[int, ...] = ()
    ) -> Any:
        with self._told():
            response = await self._get(self._version + path, parameters)
        return None if response.status_code in absent else self._judged(response)

    async def _get(self, path: str, parameters: dict[str, str]) -> httpx.Response:
        with anyio.fail_after(self._timeout):
            try:
                return await self._client.get(path, params=parameters)
            except _STALE:
                # Of a kept connection, which may have ended together with the events.
                return await self._client.get(path, params=parameters)

    def _judged(self, response: httpx.Response) -> Any:
        if response.status_code != 200:
            raise self._refused(response)
        try:
            return json.loads(response.content)
        except (ValueError, RecursionError):
            raise self._error(f"sent {response.content!r:.200} in place of JSON") from None

    def _refused(self, response: httpx.Response) -> EngineError:
        try:
            said = str(json.loads(response.content)["message"])
        except (ValueError, LookupError, TypeError, RecursionError):
            said = ""
        return self._error(f"answered {response.status_code}{': ' if said else ''}{said:.300}")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Failures to reach the daemon, as an error that names it."""
        try:
            yield
        except TimeoutError as exc:
            raise self._error(f"did not answer within {self._timeout:g} s") from exc
        except (httpx.HTTPError, OSError) as exc:
            reason = str(exc) or type(exc).__name__
            if "ermission denied" in reason:
                reason += "; may this user use it, as members of its group may?"
            raise self._error(f"cannot be reached: {reason}") from exc

    def _error(self, problem: str) -> EngineError:
        return EngineError(f"Docker at {self._shown} {problem}")


class Events:
    """The events of one connection."""

    def __init__(self, shown: str, response: httpx.Response) -> None:
        self._shown = shown
        self._response = response
        self._chunks: AsyncIterator[bytes] | None = None
        self._lines = Lines()

    async def receive(self) -> list[Happening] | None:
        """
        All that has happened, after waiting for something; None when no more will be told.

        That is so when the daemon ends the connection or has been silent for too long: it
        may be gone without a word, so it must be asked again.
        """
        if self._chunks is None:
            self._chunks = aiter(self._response.aiter_raw())
        try:
            while True:
                try:
                    chunk = await anext(self._chunks)
                except (StopAsyncIteration, httpx.HTTPError, OSError):
                    return None
                happenings = [parse_event(line) for line in self._lines.feed(chunk)]
                found = [happening for happening in happenings if happening is not None]
                if found:
                    return found
        except MalformedError as exc:
            raise EngineError(f"Docker at {self._shown} sent what is no event: {exc}") from exc

    async def aclose(self) -> None:
        """Give the connection up."""
        # Cancelling its read ends the generators of httpx from the innermost one outwards;
        # closing the outermost would leave the others to the garbage collector.
        with anyio.CancelScope() as scope:
            scope.cancel()
            try:
                # Some more may have arrived already, and come before it ends.
                while self._chunks is not None:
                    await anext(self._chunks)
            except (StopAsyncIteration, httpx.HTTPError, httpx.StreamError, OSError):
                pass
        with anyio.CancelScope(shield=True):
            await self._response.aclose()


def _numbers(version: Any) -> tuple[int, int] | None:
    major, dot, minor = version.partition(".") if isinstance(version, str) else ("", "", "")
    if not dot or not (major.isdecimal() and minor.isdecimal()) or len(version) > 10:
        return None
    return int(major), int(minor)


def _shown(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
