"""
Keys of the KV store.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from .._settings import number, seconds, text
from .._timing import Timing
from ._agent import TIMEOUT, Agent
from ._errors import MalformedError
from ._freshness import Freshness
from ._reader import Pace, Reader

_LONGEST = 600.0
"""Seconds; Consul lets no query wait for longer."""


class KeyValue(NamedTuple):
    """A key's content, and `ModifyIndex`, the index of the change that it was put by."""

    content: bytes
    modified: int


class ConsulKeys:
    """
    Single keys of Consul: read, replaced where nobody else did meanwhile, and watched.

    The settings are those of `ConsulDiscovery`. Holds no connection between two requests,
    so it may be used on any event loop, on several at once, and after a fork.

    Everything raises ConsulError, a DiscoveryError, for what the agent does not do within
    *timeout* seconds.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        datacenter: str | None = None,
        token: str | None = None,
        token_file: str | None = None,
        namespace: str | None = None,
        partition: str | None = None,
        tls: Any = None,
        wait: float | str = 60.0,
        min_interval: float | str = 0.5,
        timeout: float | str = TIMEOUT,
        _timing: Timing | None = None,
    ) -> None:
        self._agent = _KeyAgent(
            address,
            token=token,
            token_file=token_file,
            namespace=namespace,
            partition=partition,
            tls=tls,
            timeout=timeout,
        )
        self.address = self._agent.address
        self._params = {} if datacenter is None else {"dc": text(datacenter, "datacenter")}
        interval = seconds(min_interval, "min_interval", minimum=0.01)
        self._pace = Pace(
            wait=number(seconds(wait, "wait", minimum=0.1), "wait", maximum=_LONGEST),
            interval=interval,
            poll=interval,
        )
        self._timing = Timing() if _timing is None else _timing

    async def get(self, key: str) -> KeyValue | None:
        """What *key* holds now, which the leader makes sure of; None for nothing."""
        async with await self._agent.client() as client:
            params = {**self._params, "consistent": ""}
            return _value(await self._agent.ask(client, _path(key), params))

    async def replace(self, key: str, content: bytes, index: int) -> bool:
        """
        Put *content* if *key* still has *index*, 0 for a key that is not there; else False.

        An error may mean that it was done all the same.
        """
        params = {**self._params, "cas": str(index)}
        async with await self._agent.client() as client:
            answer = await self._agent.change_key(client, "PUT", _path(key), params, content)
        return answer.text.strip() == "true"

    async def delete(self, key: str) -> None:
        """Delete *key*, which need not be there."""
        async with await self._agent.client() as client:
            await self._agent.change_key(client, "DELETE", _path(key), self._params)

    async def names(self, prefix: str) -> list[str]:
        """The keys that begin with *prefix*, in the order of their bytes."""
        async with await self._agent.client() as client:
            params = {**self._params, "keys": "", "consistent": ""}
            answer = await self._agent.ask(client, _path(prefix), params)
        if answer.status_code == 404:
            return []
        document = _parsed(answer)
        if not isinstance(document, list):
            raise MalformedError("a list of keys is needed", document)
        return [str(key) for key in document]

    async def watch(self, key: str) -> AsyncIterator[KeyValue | None]:
        """What *key* holds now and after each change; of several at once only the last."""
        async with await self._agent.client() as client:
            reader = Reader(
                self._agent,
                client,
                _path(key),
                self._params,
                blocking=True,
                pace=self._pace,
                # A server that has just been started, and leads, answers by default before
                # it has read its own log: as if there were no such key.
                freshness=Freshness("consistent", None, cached=False),
                timing=self._timing,
            )
            seen: list[KeyValue | None] = []
            while True:
                value = _value(await reader.read())
                if seen != [value]:
                    seen = [value]
                    yield value


class _KeyAgent(Agent):
    """An agent whose answer 404 says that there is no such key."""

    async def ask(
        self,
        client: httpx.AsyncClient,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        patience: float = 0.0,
    ) -> httpx.Response:
        return await self.ask_key(client, path, params, patience=patience)


def _path(key: str) -> str:
    return f"/v1/kv/{quote(key, safe='/')}"


def _parsed(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        raise MalformedError("JSON is needed", answer.content[:200]) from None


def _value(answer: httpx.Response) -> KeyValue | None:
    """The pair in `[{"Value": "<base64>", "ModifyIndex": 5}]`; an empty value is null."""
    if answer.status_code == 404:
        return None
    document = _parsed(answer)
    try:
        (pair,) = document
        content = b64decode(pair["Value"] or "", validate=True)
        index = int(pair["ModifyIndex"])
    except (TypeError, KeyError, ValueError):
        raise MalformedError("a key with its value is needed", document) from None
    return KeyValue(content, index)
