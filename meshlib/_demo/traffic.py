"""
Requests as a list with times, and two ways to send them: through the mesh, or plain httpx.

Both ways send the same list, half of it from a blocking client in threads and half from
an asynchronous one, each request at its time whatever became of those before it.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx

from .. import AsyncMeshClient, CallRejectedError, Mesh, MeshClient

TIMEOUT = 3.0
"""Seconds that a request may take, either way."""

_THREADS = 32
_LOST_STATUSES = frozenset({429, *range(500, 600)})
_NEVER_SENT = (CallRejectedError, httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

Send = Callable[["Order"], httpx.Response]
AsyncSend = Callable[["Order"], Awaitable[httpx.Response]]


@dataclass(frozen=True, slots=True)
class Order:
    """One request to be sent: *at* seconds from the beginning, *blocking* or not."""

    at: float
    blocking: bool
    method: str
    service: str
    path: str
    key: str | None = None

    @property
    def idempotent(self) -> bool:
        """Whether it may be sent twice."""
        return self.method == "GET" or self.key is not None

    def options(self) -> dict[str, Any]:
        """What httpx needs beside method and URL."""
        headers = {} if self.key is None else {"headers": {"idempotency-key": self.key}}
        return headers if self.method == "GET" else {**headers, "json": {"order": self.path}}


@dataclass(slots=True)
class Record:
    """What became of one request."""

    order: Order
    began: float
    ended: float = 0.0
    status: int | None = None
    error: Exception | None = None
    budget_refused: bool = False
    """The mesh made no further attempt because the retry budget was used up."""

    @property
    def lost(self) -> bool:
        """Whether its caller got an error, a 429 or a 5xx."""
        return self.error is not None or self.status in _LOST_STATUSES

    @property
    def repeatable(self) -> bool:
        """Whether it could be sent again: it is idempotent, or nothing of it was sent."""
        return self.order.idempotent or isinstance(self.error, _NEVER_SENT)


def plan(
    rng: random.Random, *, seconds: float, rate: float, burst: tuple[float, float, float]
) -> list[Order]:
    """
    *rate* requests a second for *seconds*: half of them reads of users, a third orders.

    *burst* adds payments: so many a second, from one time to another.
    """
    extra, start, end = burst
    times = [(number + rng.random()) / rate for number in range(int(seconds * rate))]
    orders = [_any_order(rng, at) for at in times]
    rush = (start + (number + rng.random()) / extra for number in range(int(extra * (end - start))))
    orders.extend(_payment(rng, at) for at in rush)
    return sorted(orders, key=lambda order: order.at)


def _any_order(rng: random.Random, at: float) -> Order:
    blocking = rng.random() < 0.5
    number = rng.randrange(1000)
    kind = rng.random()
    if kind < 0.5:
        return Order(at, blocking, "GET", "users", f"/users/{number}")
    if kind < 0.8:
        return Order(at, blocking, "GET", "orders", f"/orders/{number}")
    if kind < 0.85:
        # Nobody can tell whether a second one would be a second order.
        return Order(at, blocking, "POST", "orders", "/orders")
    return _payment(rng, at)


def _payment(rng: random.Random, at: float) -> Order:
    key = f"{rng.getrandbits(64):x}"
    return Order(at, rng.random() < 0.5, "POST", "payments", "/charges", key)


current: ContextVar[Record | None] = ContextVar("current", default=None)
"""The request that this thread or task is sending; a listener finds its record here."""


class Sender:
    """Sends orders one way or the other, and keeps a record of each."""

    def __init__(self, send: Send, asend: AsyncSend) -> None:
        self._send = send
        self._asend = asend
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="demo")

    async def drive(self, orders: Iterable[Order]) -> list[Record]:
        """Send each order at its time; return when the last one is answered."""
        loop = asyncio.get_running_loop()
        began = monotonic()
        running: list[Awaitable[Record]] = []
        for order in orders:
            wait = began + order.at - monotonic()
            if wait > 0.0:
                await asyncio.sleep(wait)
            if order.blocking:
                running.append(loop.run_in_executor(self._threads, self._one, order))
            else:
                running.append(asyncio.ensure_future(self._one_async(order)))
        return list(await asyncio.gather(*running))

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _one(self, order: Order) -> Record:
        record = Record(order, monotonic())
        current.set(record)
        try:
            record.status = self._send(order).status_code
        except Exception as exc:
            record.error = exc
        record.ended = monotonic()
        return record

    async def _one_async(self, order: Order) -> Record:
        record = Record(order, monotonic())
        current.set(record)
        try:
            record.status = (await self._asend(order)).status_code
        except Exception as exc:
            record.error = exc
        record.ended = monotonic()
        return record


@asynccontextmanager
async def through_mesh(mesh: Mesh) -> AsyncIterator[Sender]:
    """A sender that uses the clients of meshlib, which share *mesh*."""
    async with AsyncExitStack() as stack:
        client = stack.enter_context(MeshClient(mesh=mesh))
        aclient = await stack.enter_async_context(AsyncMeshClient(mesh=mesh))
        sender = Sender(
            lambda order: client.request(
                order.method, order.service, order.path, **order.options()
            ),
            lambda order: aclient.request(
                order.method, order.service, order.path, **order.options()
            ),
        )
        stack.callback(sender.close)
        yield sender


@asynccontextmanager
async def through_httpx(urls: dict[str, list[str]]) -> AsyncIterator[Sender]:
    """A sender that uses httpx alone, its URLs taken in turn by hand, as people do."""
    turns: dict[str, Iterator[str]] = {
        service: itertools.cycle(replicas) for service, replicas in urls.items()
    }
    async with AsyncExitStack() as stack:
        client = stack.enter_context(httpx.Client(timeout=TIMEOUT))
        aclient = await stack.enter_async_context(httpx.AsyncClient(timeout=TIMEOUT))
        sender = Sender(
            lambda order: client.request(
                order.method, next(turns[order.service]) + order.path, **order.options()
            ),
            lambda order: aclient.request(
                order.method, next(turns[order.service]) + order.path, **order.options()
            ),
        )
        stack.callback(sender.close)
        yield sender
