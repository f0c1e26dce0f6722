"""What a fake endpoint answers, one request after the other."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

Item = Any
"""
One answer: a status; a text, or a list or dict sent as JSON; an `httpx.Response`; an error,
or its class, that is raised; `Slow` or `HANG`; or a function of the request that gives one
of these.
"""


@dataclass(frozen=True, slots=True)
class Slow:
    """The answer *item*, *seconds* after the request."""

    seconds: float
    item: Item = 200


HANG = Slow(float("inf"))
"""The request is accepted and never answered."""


class Script:
    """Gives its items in order, and the last one for ever. Thread-safe."""

    def __init__(self, items: Item = 200) -> None:
        self.items: tuple[Item, ...] = ()
        self._lock = threading.Lock()
        self.set(items)

    def set(self, items: Item) -> None:
        """Begin anew with *items*: one, or a list of them."""
        if isinstance(items, Sequence) and not isinstance(items, str | bytes):
            items = tuple(items)
        else:
            items = (items,)
        if not items:
            raise ValueError("a script has one answer at least")
        with self._lock:
            self.items = items
            self._next = 0

    def take(self) -> Item:
        """The next item."""
        with self._lock:
            item = self.items[min(self._next, len(self.items) - 1)]
            self._next += 1
        return item


def is_call(item: Item) -> bool:
    """Whether *item* is a function that gives the answer."""
    return callable(item) and not isinstance(item, type)


def response_of(item: Item, request: httpx.Request) -> httpx.Response:
    """A response with a body that is still to be read; raises *item* when it is an error."""
    if isinstance(item, type) and issubclass(item, BaseException):
        item = item("scripted")
    if isinstance(item, BaseException):
        raise item.with_traceback(None)
    if isinstance(item, httpx.Response):
        made = httpx.Response(item.status_code, headers=item.headers, content=item.content)
        made.headers.pop("transfer-encoding", None)
    elif isinstance(item, str | bytes):
        made = httpx.Response(200, content=item)
    elif isinstance(item, int) and not isinstance(item, bool):
        made = httpx.Response(item)
    else:
        made = httpx.Response(200, json=item)
    return httpx.Response(
        made.status_code, headers=made.headers, stream=made.stream, request=request
    )
