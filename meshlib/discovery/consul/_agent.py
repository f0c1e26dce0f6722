"""
Speaking to an agent.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import anyio
import anyio.to_thread
import httpx

from ..._exceptions import ConfigurationError
from .._http import Http, Tls
from .._settings import seconds, text
from ._environment import Environment, environment
from ._errors import ConsulError, RefusedError, UnreachableError
from ._token import Token

_LOCAL = "http://127.0.0.1:8500"
"""Where an agent listens unless it is told otherwise."""
TIMEOUT = 10.0
"""Seconds; an agent itself waits for up to 7 for its servers to have a leader."""

_OF_PROXIES = frozenset({502, 504})
"""What no agent answers, but a proxy that had no patience with it."""


class Agent:
    """
    The agent that the settings of `ConsulDiscovery` describe, each named when it is wrong.

    A setting that is None is what the environment says. Has no state of its own, so it may
    be used on several event loops, each with a client of its own.
    """

    def __init__(
        self,
        address: Any,
        *,
        token: Any,
        token_file: Any,
        namespace: Any,
        partition: Any,
        tls: Any,
        timeout: Any,
    ) -> None:
        said = environment(os.environ)
        if tls is None:
            tls = said.tls
        url, socket = _place(address, said)
        self._http = Http(_checked(url), tls=Tls(tls), socket=socket)
        self.address = self._http.address if socket is None else f"unix://{socket}"
        self.timeout = seconds(timeout, "timeout", minimum=0.1)
        self._token = Token(token, token_file, said)
        self._params: dict[str, str] = {}
        for name, value, default in (
            ("ns", namespace, said.namespace),
            ("partition", partition, said.partition),
        ):
            if value is not None:
                self._params[name] = text(value, "namespace" if name == "ns" else name)
            elif default is not None:
                self._params[name] = default

    async def client(self) -> httpx.AsyncClient:
        """A client to be used in `async with`; raises UnreachableError for bad certificates."""
        # A near agent gains nothing by compressing.
        headers = {"accept-encoding": "identity"}
        try:
            # It may read certificates, which takes its time.
            return await anyio.to_thread.run_sync(
                lambda: self._http.client(timeout=self.timeout, headers=headers)
            )
        except OSError as exc:
            raise UnreachableError(f"the agent at {self.address} cannot be asked: {exc}") from exc

    async def ask(
        self,
        client: httpx.AsyncClient,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        patience: float = 0.0,
    ) -> httpx.Response:
        """The answer to GET *path*, which may take *patience* seconds longer than the timeout."""
        return await self._identified(client, "GET", path, params or {}, None, patience)

    async def tell(self, client: httpx.AsyncClient, path: str, document: Any = None) -> None:
        """PUT *document* to *path*."""
        await self._identified(client, "PUT", path, {}, document, 0.0)

    async def ask_key(
        self,
        client: httpx.AsyncClient,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        patience: float = 0.0,
    ) -> httpx.Response:
        """As `ask`, but an answer 404 is returned too: it says that there is no such key."""
        return await self._identified(
            client, "GET", path, params or {}, None, patience, accepted=(200, 404)
        )

    async def change_key(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """PUT *content* to *path*, or DELETE it. Sent once, as nobody knows what came of it."""
        return await self._identified(
            client, method, path, params or {}, None, 0.0, content=content
        )

    async def _identified(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        params: Mapping[str, str],
        document: Any,
        patience: float,
        *,
        content: bytes | None = None,
        accepted: tuple[int, ...] = (200,),
    ) -> httpx.Response:
        limit = self.timeout + patience
        token = await self._token.read()

        async def send() -> httpx.Response:
            request = client.build_request(
                method,
                path,
                params={**self._params, **params},
                json=document,
                content=content,
                headers={"x-consul-token": token} if token else {},
                timeout=httpx.Timeout(self.timeout, read=limit),
            )
            return await self._send(client, request, limit)

        response = await send()
        if response.status_code == 403:
            fresh = await self._token.read()
            if fresh != token:  # it was replaced while the request was on its way
                token = fresh
                response = await send()
        if response.status_code not in accepted:
            raise self._refusal(response, token)
        return response

    async def _send(
        self, client: httpx.AsyncClient, request: httpx.Request, limit: float
    ) -> httpx.Response:
        try:
            with anyio.fail_after(limit):
                return await client.send(request)
        except TimeoutError:
            problem: Exception = httpx.ReadTimeout(f"no answer in {limit:g} s")
        except (httpx.HTTPError, OSError) as exc:
            problem = exc
        message = f"the agent at {self.address} fails: {_reason(problem)}"
        raise UnreachableError(message) from problem

    def _refusal(self, response: httpx.Response, token: str) -> ConsulError:
        reason = " ".join(response.text.split())
        if token:
            reason = reason.replace(token, "...")
        reason = reason[:200] or response.reason_phrase
        status = response.status_code
        hint = "; set a token" if status == 403 and not token else ""
        message = f"the agent at {self.address} answered {status}: {reason}{hint}"
        if status in _OF_PROXIES:
            return UnreachableError(message)
        return RefusedError(message, status, reason)


def _reason(error: Exception) -> str:
    """What *error* or one of those behind it says; on trio httpx's own say nothing."""
    behind: BaseException | None = error
    while behind is not None:
        if str(behind):
            return str(behind)
        behind = behind.__cause__ or behind.__context__
    return type(error).__name__


def _checked(url: str) -> str:
    try:
        httpx.URL(url)
    except httpx.InvalidURL as exc:
        raise ConfigurationError(f"{url!r} is no URL: {exc}", path="address") from None
    return url


def _place(address: Any, said: Environment) -> tuple[str, str | None]:
    """The URL of *address*, and the Unix socket to reach it by, if any."""
    if address is None:
        address = said.address or _LOCAL
    address = text(address, "address")
    scheme, mark, rest = address.partition("://")
    if scheme == "unix":
        return "http://localhost", text(rest, "address")
    if not mark:
        rest = address
        address = f"{'https' if said.https else 'http'}://{rest}"
    if "@" in rest.partition("/")[0]:
        raise ConfigurationError(
            "an address holds no credentials", path="address", hint="set a token"
        )
    return address, None
