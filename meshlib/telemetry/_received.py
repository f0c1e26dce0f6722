"""
The context of whoever sent a request, read from its headers when somebody asks.

Where nothing traces, nobody may ever ask, and reading costs more than serving.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Sequence, ValuesView
from typing import Any

from opentelemetry import context as contexts
from opentelemetry.context import Context

from ._propagation import Header, Propagation


class ReceivedContext(Context):
    """
    What *propagation* reads in *headers*. Thread-safe: reading it twice gives the same.

    As any context it never changes, as far as anybody can tell.
    """

    __slots__ = ("_headers", "_propagation")

    def __init__(self, propagation: Propagation, headers: Sequence[Header]) -> None:
        self._propagation = propagation
        self._headers: Sequence[Header] | None = headers

    def _read(self) -> None:
        headers = self._headers
        if headers is None:
            return
        # A propagator that looks at the current context must not come back here.
        token = contexts.attach(Context())
        try:
            dict.update(self, self._propagation.extract(headers))
        finally:
            contexts.detach(token)
        self._headers = None

    def get(self, key: str, default: Any = None) -> Any:
        """The value of *key*."""
        self._read()
        return dict.get(self, key, default)

    def copy(self) -> dict[str, object]:
        """A dictionary of its own."""
        self._read()
        return dict.copy(self)

    def keys(self) -> KeysView[str]:
        """The keys of all that was read."""
        self._read()
        return dict.keys(self)
