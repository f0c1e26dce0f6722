"""
Speaking to the members of a cluster, to one after the other until one answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import httpx

from .._timing import Timing
from ._body import Body
from ._cluster import Cluster
from ._errors import MalformedError, RefusedError, UncertainError, UnreachableError, refusal
from ._stream import Stream
from ._wire import parse

_Answer = TypeVar("_Answer")
# A member that has lost the others answers at once that it has no leader, in place of
# waiting for one in vain, and ends its watches. The gateway passes the prefix' rest on:
# https://github.com/etcd-io/etcd/blob/v3.5.16/api/v3rpc/rpctypes/metadatafields.go
_HEADERS = {"grpc-metadata-hasleader": "true", "accept-encoding": "identity"}

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout)
"""Failures after which a member cannot have done what it was asked."""
_ELECTION = (0.25, 0.5, 1.0)
"""Seconds to wait before each new round while there is no leader; one is elected in 1 to 2 s."""


class Members:
    """
    The members of *cluster*, one of which is used until it fails; then it is the next one's turn.

    Belongs to one task, and is used in `async with`; entering it contacts nobody.
    """

    def __init__(self, cluster: Cluster, timing: Timing) -> None:
        self._cluster = cluster
        self._timing = timing
        # Anywhere, so that not everybody uses the first one.
        self._current = timing.rng.randrange(len(cluster.members))
        self._clients: dict[int, httpx.AsyncClient] = {}

    async def __aenter__(self) -> Members:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with anyio.CancelScope(shield=True):
            while self._clients:
                await self._clients.popitem()[1].aclose()

    async def call(self, path: str, request: dict[str, Any], *, resend: bool = True) -> Any:
        """
        The answer to *request*, or the first message of it where it is a stream.

        Without *resend*, UncertainError tells of a request that was sent and not answered,
        in place of sending it to another member: for a change that must not be made twice.
        """

        async def post(client: httpx.AsyncClient, token: str) -> Any:
            return await self._post(client, path, request, token)

        return await self._in_turn(post, resend)

    async def open(self, path: str, request: dict[str, Any], silence: float) -> Stream:
        """
        The stream that *request* begins, once its first message is there.

        It ends with httpx.ReadTimeout after *silence* seconds without a message.
        """

        async def begin(client: httpx.AsyncClient, token: str) -> Stream:
            timeout = httpx.Timeout(self._cluster.timeout, read=silence)
            return await self._begin(self._built(client, path, request, token, timeout), client)

        return await self._in_turn(begin)

    def turn(self) -> None:
        """Let the next member answer from now on."""
        self._current = (self._current + 1) % len(self._cluster.members)

    async def _in_turn(
        self, ask: Callable[[httpx.AsyncClient, str], Awaitable[_Answer]], resend: bool = True
    ) -> _Answer:
        for pause in _ELECTION:
            try:
                return await self._once_around(ask, resend)
            except UnreachableError as exc:
                if not exc.leaderless:
                    raise
            await self._timing.pause(pause, jitter=0.5)
        return await self._once_around(ask, resend)

    async def _once_around(
        self, ask: Callable[[httpx.AsyncClient, str], Awaitable[_Answer]], resend: bool
    ) -> _Answer:
        problems: list[str] = []
        leaderless = False
        unsent = True
        for _ in self._cluster.members:
            asked = self._current
            address = self._cluster.members[asked].address
            try:
                with anyio.fail_after(self._cluster.timeout):
                    return await self._identified(asked, ask)
            except RefusedError as exc:
                if not exc.elsewhere:
                    raise self._refused(exc, address) from exc
                leaderless = leaderless or exc.leaderless
                unsent = exc.leaderless
                problems.append(f"{address}: {exc}")
            except TimeoutError:
                unsent = False
                problems.append(f"{address}: no answer in {self._cluster.timeout:g} s")
            except (httpx.HTTPError, OSError) as exc:
                unsent = isinstance(exc, _UNSENT)
                problems.append(f"{address}: {_reason(exc)}")
            except anyio.get_cancelled_exc_class():
                # Whoever had no patience for this member finds another one the next time.
                self.turn()
                raise
            self.turn()
            await self._drop(asked)
            if not resend and not unsent:
                raise UncertainError("; ".join(problems))
        raise UnreachableError("; ".join(problems), leaderless=leaderless)

    async def _identified(
        self, asked: int, ask: Callable[[httpx.AsyncClient, str], Awaitable[_Answer]]
    ) -> _Answer:
        client = await self._client(asked)
        credentials = self._cluster.credentials
        if credentials is None:
            return await ask(client, "")

        async def authenticate(request: dict[str, str]) -> Any:
            return await self._post(client, "/auth/authenticate", request, "")

        token = await credentials.token(authenticate)
        try:
            return await ask(client, token)
        except RefusedError as exc:
            if not exc.wants_token:
                raise
            # It has expired, its member was started anew, or users have been changed.
            credentials.forget(token)
        return await ask(client, await credentials.token(authenticate))

    async def _post(
        self, client: httpx.AsyncClient, path: str, request: dict[str, Any], token: str
    ) -> Any:
        response = await client.send(self._built(client, path, request, token, None))
        # A stream, such as the answer to a heartbeat, has a line for each message.
        return _judged(response, response.content.partition(b"\n")[0])

    async def _begin(self, request: httpx.Request, client: httpx.AsyncClient) -> Stream:
        response = await client.send(request, stream=True)
        if response.status_code != 200:
            try:
                _judged(response, await response.aread())
            finally:
                await response.aclose()
        stream = Stream(response)
        try:
            first = await stream.receive()
        except BaseException:
            await stream.aclose()
            raise
        if first is None:
            await stream.aclose()
            raise httpx.RemoteProtocolError("the watch ended before it began")
        stream.first = first
        return stream

    def _built(
        self,
        client: httpx.AsyncClient,
        path: str,
        request: dict[str, Any],
        token: str,
        timeout: httpx.Timeout | None,
    ) -> httpx.Request:
        built = client.build_request(
            "POST",
            self._cluster.gateway + path,
            json=request,
            headers={"authorization": token} if token else {},
            timeout=client.timeout if timeout is None else timeout,
        )
        built.stream = Body(built.content)
        return built

    async def _client(self, asked: int) -> httpx.AsyncClient:
        client = self._clients.get(asked)
        if client is None:
            member = self._cluster.members[asked]

            def make() -> httpx.AsyncClient:
                return member.client(timeout=self._cluster.timeout, headers=_HEADERS)

            # It may read certificates, which takes its time.
            client = self._clients[asked] = await anyio.to_thread.run_sync(make)
        return client

    async def _drop(self, asked: int) -> None:
        """Make a new client the next time, which reads certificates again."""
        client = self._clients.pop(asked, None)
        if client is not None:
            await client.aclose()

    def _refused(self, error: RefusedError, address: str) -> RefusedError:
        hint = ""
        if error.wants_token and self._cluster.credentials is None:
            hint = "; set username and password"
        return RefusedError(error.code, f"etcd at {address} refused: {error}{hint}")


def _reason(error: BaseException) -> str:
    """What *error* says; on trio, a failed handshake is told by the cause of its cause only."""
    cause: BaseException | None = error
    while cause is not None:
        if str(cause):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _judged(response: httpx.Response, content: bytes) -> Any:
    """The document in an answer, unless it tells an error."""
    if response.status_code != 200:
        try:
            document = parse(content)
        except MalformedError:
            document = None
        raise refusal(response.status_code, document, content)
    document = parse(content)
    if isinstance(document, dict) and "error" in document:
        raise refusal(response.status_code, document)
    return document
