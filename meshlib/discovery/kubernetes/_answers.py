"""
Asking the API server, as who we are now.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import anyio
import httpx

from ..._exceptions import DiscoveryError
from ._access import Access, AccessError
from ._login import Login, Session


class GoneError(Exception):
    """The server no longer knows the version that a request spoke of."""


class UnknownError(GoneError):
    """There is no such API, or not any more."""


@dataclass(frozen=True, slots=True)
class Question:
    """
    A GET of *path*, with *verb* and *namespace* as messages and permissions call it.

    *read* is how long the answer may pause, in seconds, beyond the time for any answer.
    """

    path: str
    parameters: Mapping[str, str]
    verb: str
    namespace: str
    read: float = 0.0


class Server:
    """
    The server that a login leads to; *timeout* is in seconds.

    Each answer is on a connection of its own, for there are few, minutes apart, and what
    is needed for the next may have been rotated.
    """

    def __init__(self, login: Login, *, timeout: float, service: str, source: str) -> None:
        self._login = login
        self._timeout = timeout
        self._service = service
        self._source = source
        self._name = "the cluster"

    async def session(self) -> Session:
        """Who to ask, and as whom."""
        with self.failing():
            session = await self._login.session()
        self._call(session.access)
        return session

    @asynccontextmanager
    async def answer(self, session: Session, question: Question) -> AsyncIterator[httpx.Response]:
        """
        The answer to *question*, whose status is 200.

        Credentials that are refused are read again once, for they may just have been
        replaced. Raises GoneError, UnknownError, and DiscoveryError for what else happens.
        """
        renews = True
        while True:
            with self.failing():
                client = session.http.client(
                    timeout=self._timeout, read=question.read + self._timeout
                )
                request = client.build_request(
                    "GET",
                    question.path,
                    params=dict(question.parameters),
                    headers=[*session.headers, ("Accept", "application/json")],
                )
            async with client:
                with self.failing(), anyio.fail_after(self._timeout):
                    response = await client.send(request, stream=True)
                try:
                    other = None
                    if response.status_code == 401 and renews:
                        renews = False
                        with self.failing():
                            other = await self._login.renewed(session)
                    if other is None:
                        await self._check(response, question)
                        yield response
                        return
                    session = other
                finally:
                    await response.aclose()

    async def _check(self, response: httpx.Response, question: Question) -> None:
        status = response.status_code
        if status == 200:
            return
        if status == 404:
            raise UnknownError(f"status {status}")
        if status == 410:
            raise GoneError(f"status {status}")
        with self.failing():
            said = _message(await response.aread())
        if status == 401:
            raise self.error(f"does not accept our credentials (401){said}")
        if status == 403:
            raise self.error(
                f"does not let us {question.verb} endpointslices (403): grant list and watch "
                "on endpointslices of the API group discovery.k8s.io in the namespace "
                f"{question.namespace}{said}"
            )
        raise self.error(f"answered {status}{said}")

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Have what goes wrong on the way to the server raised as a DiscoveryError."""
        try:
            yield
        except AccessError as exc:
            raise self._error(str(exc)) from exc
        except TimeoutError as exc:
            raise self.error(f"did not answer within {self._timeout:g} s") from exc
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ImportError, ValueError) as exc:
            raise self.error(f"cannot be reached: {reason(exc)}") from exc

    def error(self, problem: str) -> DiscoveryError:
        """The error for what this server did."""
        return self._error(f"{self._name} {problem}")

    def _error(self, problem: str) -> DiscoveryError:
        return DiscoveryError(
            f"{self._source}: {problem}", service=self._service, source=self._source
        )

    def _call(self, access: Access) -> None:
        self._name = f"{access.address} ({access.origin})"


def reason(exc: BaseException) -> str:
    """What *exc* says, or what it came from, for a message."""
    name, source = type(exc).__name__, exc
    while not str(source):
        further = source.__cause__ or source.__context__
        if further is None:
            return name
        source = further
    return f"{name}: {source}"


def _message(content: bytes) -> str:
    """What a Status object says, for the end of a message."""
    try:
        message = json.loads(content).get("message")
    except (ValueError, RecursionError, AttributeError):
        return ""
    return f": {message:.300}" if isinstance(message, str) and message else ""
